"""Small faults of a query: the kinds of slip that change money, dates or eligibility and still run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DIALECT = "postgres"
_DATED = re.compile(r"(_date|_at|_from|_to|_start|_end)$")
_FLIPPED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ,
    exp.LT: exp.LTE,
    exp.LTE: exp.LT,
    exp.GT: exp.GTE,
    exp.GTE: exp.GT,
    exp.NullSafeEQ: exp.NullSafeNEQ,
    exp.NullSafeNEQ: exp.NullSafeEQ,
    exp.Add: exp.Sub,
    exp.Sub: exp.Add,
    exp.Mul: exp.Div,
    exp.Div: exp.Mul,
    exp.Max: exp.Min,
    exp.Min: exp.Max,
    exp.LogicalOr: exp.LogicalAnd,
    exp.LogicalAnd: exp.LogicalOr,
    exp.Greatest: exp.Least,
}
_COMPARED = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_DATE_COMPARED = (exp.Between, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.EQ, exp.NEQ)


@dataclass(frozen=True)
class Fault:
    """One fault: what was changed, and the whole query with it."""

    description: str
    sql: str


def faults(sql: str) -> list[Fault]:
    """Every fault of a query, in the order of its text; equal descriptions are numbered."""
    tree = sqlglot.parse_one(sql, read=DIALECT)
    made: list[Fault] = []
    seen: dict[str, int] = {}
    for node in list(tree.walk(bfs=False)):
        for kind, turned in _turned(node):
            before = _short(node)
            if node is tree:
                changed = turned.sql(dialect=DIALECT)
            else:
                node.replace(turned)
                changed = tree.sql(dialect=DIALECT)
                turned.replace(node)
            description = f"{kind}: {before}"
            if kind != "predicate dropped":
                description += f" -> {_short(turned)}"
            seen[description] = seen.get(description, 0) + 1
            if seen[description] > 1:
                description += f" (no. {seen[description]})"
            made.append(Fault(description, changed))
    return made


def _turned(node: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    """What may stand in the place of a node, and what kind of fault that is."""
    for make in _KINDS:
        yield from make(node)


def _dropped_predicates(node: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    """One side of an `and` or `or`; the only condition of a where, an on or a filter."""
    parent = node.parent
    if isinstance(node, exp.And | exp.Or):
        return
    if isinstance(parent, exp.And):
        yield "predicate dropped", exp.true()
    elif isinstance(parent, exp.Or):
        yield "predicate dropped", exp.false()
    elif (isinstance(parent, exp.Where) or (isinstance(parent, exp.Join) and node.arg_key == "on")) and not isinstance(
        node, exp.Boolean
    ):
        yield "predicate dropped", exp.true()


def _flipped(node: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    if (other := _FLIPPED.get(type(node))) is not None:
        args = {name: value.copy() if isinstance(value, exp.Expr) else value for name, value in node.args.items()}
        kind = "comparison flipped" if isinstance(node, _COMPARED) else "operation turned"
        yield kind, other(**args)
    elif isinstance(node, exp.Between):
        low, value, high = node.args["low"], node.this, node.args["high"]
        yield (
            "first left out",
            exp.paren(
                exp.and_(
                    exp.GT(this=value.copy(), expression=low.copy()), exp.LTE(this=value.copy(), expression=high.copy())
                )
            ),
        )
        yield (
            "last left out",
            exp.paren(
                exp.and_(
                    exp.GTE(this=value.copy(), expression=low.copy()), exp.LT(this=value.copy(), expression=high.copy())
                )
            ),
        )
    elif isinstance(node, exp.Is | exp.In | exp.Exists) and not isinstance(node.parent, exp.Not):
        yield "negated", exp.not_(node.copy())
    elif isinstance(node, exp.Not):
        yield "not left out", node.this.copy()


def _shortened_lists(node: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    if isinstance(node, exp.In) and len(node.expressions) > 1:
        for position, item in enumerate(node.expressions):
            shorter = node.copy()
            shorter.set("expressions", [kept.copy() for at, kept in enumerate(node.expressions) if at != position])
            yield f"{_short(item)} left out", shorter


def _shifted(node: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    """A date by a day, in a comparison; an interval by one; a month taken for a year."""
    parent = node.parent
    if isinstance(parent, _DATE_COMPARED) and node is not parent.this and _is_date(node):
        for sign, kind in ((exp.Add, "a day later"), (exp.Sub, "a day earlier")):
            yield kind, sign(this=exp.paren(node.copy()), expression=exp.Interval(this=exp.Literal.string("1 day")))
    elif isinstance(node, exp.Interval) and isinstance(node.this, exp.Literal):
        longer = node.copy()
        longer.set(
            "this", exp.Literal.string(re.sub(r"\d+", lambda found: str(int(found[0]) + 1), node.this.this, count=1))
        )
        yield "interval longer", longer
    elif isinstance(node, exp.MakeInterval):
        longer = node.copy()
        for argument in longer.find_all(exp.Cast):
            argument.replace(exp.Add(this=argument.copy(), expression=exp.Literal.number(1)))
            break
        yield "interval longer", longer
    elif isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
        wider = node.copy()
        wider.set("unit", exp.Literal.string("YEAR") if isinstance(node, exp.DateTrunc) else exp.Var(this="YEAR"))
        yield "unit widened", wider


def _is_date(node: exp.Expr) -> bool:
    named = [column.name for column in node.find_all(exp.Column)]
    return (
        bool(named)
        and all(_DATED.search(name) for name in named)
        and node.find(exp.Interval, exp.MakeInterval, exp.Select) is None
    )


def _turned_round(node: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    """A coalesce from its other end, or without it; an order the other way; a distinct left out."""
    if isinstance(node, exp.Coalesce):
        given = [node.this, *node.expressions]
        backwards = [item.copy() for item in reversed(given)]
        yield "coalesce turned round", exp.Coalesce(this=backwards[0], expressions=backwards[1:])
        yield "coalesce left out", node.this.copy()
    elif isinstance(node, exp.Ordered):
        other = node.copy()
        other.set("desc", not node.args.get("desc"))
        other.set("nulls_first", None)
        yield "order turned", other
    elif isinstance(node, exp.Select) and node.args.get("distinct"):
        plain = node.copy()
        plain.set("distinct", None)
        yield "distinct left out", plain
    elif isinstance(node, exp.Filter):
        yield "filter left out", node.this.copy()


def _shortened_cases(node: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    if not isinstance(node, exp.Case):
        return
    branches = node.args["ifs"]
    for position, branch in enumerate(branches):
        kept = [other.copy() for at, other in enumerate(branches) if at != position]
        if kept:
            shorter: exp.Expr = node.copy()
            shorter.set("ifs", kept)
        else:
            shorter = node.args["default"].copy() if node.args.get("default") else exp.null()
        yield f"branch {_short(branch)} dropped of", shorter
    if node.args.get("default"):
        shorter = node.copy()
        shorter.set("default", None)
        yield "else dropped of", shorter


def _changed_numbers(node: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    if (
        isinstance(node, exp.Literal)
        and node.is_number
        and isinstance(node.parent, exp.Binary | exp.Round | exp.Pow | exp.Coalesce)
    ):
        yield "number changed", exp.Literal.number(str(int(node.this) + 1))


def _short(node: exp.Expr) -> str:
    text = " ".join(node.sql(dialect=DIALECT, comments=False).split())
    text = text.replace("__dbt__cte__", "")
    return text if len(text) <= 100 else f"{text[:70]} … {text[-27:]}"


_KINDS: tuple[Callable[[exp.Expr], Iterator[tuple[str, exp.Expr]]], ...] = (
    _dropped_predicates,
    _flipped,
    _shortened_lists,
    _shifted,
    _turned_round,
    _shortened_cases,
    _changed_numbers,
)
