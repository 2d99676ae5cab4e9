"""The statement as a finance person reads it: three small tables, each line an equation, the unexplained in a column.

Hours have two decimals; money stands in its own currency and is never added up across currencies.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.render.figures import age, count, hours, odd_hours, sums

if TYPE_CHECKING:
    from flows.statement import Line, Statement

Key = tuple[str, ...]
_ZERO = Decimal(0)


def picture(statement: Statement, by: str = "entity") -> Group:
    """Sources (lines 1 and 2), syncs (3 to 5), what is due and not posted, what differs there; then the verdict."""
    statement = replace(statement, lines=tuple(_as_seen_there(one) for one in statement.lines))
    style = {0: "bold green", 1: "bold red", 3: "bold yellow"}[statement.exit_code]
    parts = [
        _counted(statement.lines),
        _landed(statement.lines, by),
        *(_sync(statement, name, by) for name in sorted({one.name for one in statement.lines if one.scope == "sync"})),
        _waiting(statement),
        _differences(statement.lines),
        Text(statement.sentence, style=style),
    ]
    return Group(*(part for part in parts if part is not None))


def _table(title: str, words: Iterable[str], figures: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for name in words:
        table.add_column(name, no_wrap=True)
    for name in figures:
        table.add_column(
            name, justify="right", no_wrap=name != "money", min_width=None if name == "money" else len(name)
        )
    return table


def _counted(lines: Iterable[Line]) -> Table | None:
    """Line 1, a row a source: records by the source's own count, landed, quarantined."""
    rows: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in lines:
        if one.line == 1:
            rows[one.name][one.bucket] += one.row_count
            rows[one.name]["unexplained"] += one.unexplained_rows
    if not rows:
        return None
    buckets = ("source count", "landed", "quarantined", "unexplained")
    table = _table("1  Records the sources count = landed + quarantined", ("source",), buckets)
    for name, found in sorted(rows.items()):
        table.add_row(name, *(count(found[bucket]) for bucket in buckets[:-1]), _odd(count(found["unexplained"])))
    return table


def _landed(lines: Iterable[Line], by: str) -> Table | None:
    """Line 2, in hours, a row a source and entity (or month)."""
    buckets = ("landed", "approved", "not approved", "deleted", "duplicate", "unexplained")
    rows = _sums(lines, 2, by)
    if not rows:
        return None
    table = _table("2  Hours landed = approved + not approved + deleted + duplicate", _words(by, "source"), buckets)
    for key, found in sorted(rows.items()):
        table.add_row(*key, *(hours(found[bucket]) for bucket in buckets[:-1]), _odd(odd_hours(found["unexplained"])))
    return table


def _sync(statement: Statement, name: str, by: str) -> Group:
    """Lines 3, 4 and 5 of one sync, in hours, one table each."""
    lines = [one for one in statement.lines if one.name == name]
    tables = (
        ("3  Approved = due + not due", 3, ("approved", "due", "not due")),
        ("4  Due = posted + awaiting effect + waiting + held + refused + in doubt + by file", 4,
         ("due", "posted", "awaiting effect", "waiting", "held", "refused", "in doubt", "handed over by file")),
        ("5  Read back there = posted + named differences + foreign rows", 5,
         ("read back", "posted", "differences", "foreign")),
    )  # fmt: skip
    parts = []
    for title, number, buckets in tables:
        rows = _sums(lines, number, by, _shown_as if number == 5 else None)
        shown = [one for one in buckets if one in buckets[:2] or any(found[one] for found in rows.values())]
        table = _table(f"{title}   [{name}]".replace("[", "\\["), _words(by, "destination"), (*shown, "unexplained"))
        for key, found in sorted(rows.items()):
            table.add_row(*key, *(hours(found[bucket]) for bucket in shown), _odd(odd_hours(found["unexplained"])))
        parts.append(table)
    return Group(*parts)


def _waiting(statement: Statement) -> Table | None:
    """What is due and not posted: reason, owner, hours, money, since when."""
    rows: dict[Key, list[Line]] = defaultdict(list)
    for one in statement.lines:
        if one.line == 4 and one.side == "part" and one.bucket != "posted" and one.row_count:
            rows[one.name, one.bucket, one.reason or "", one.owner or ""].append(one)
    if not rows:
        return None
    words = ("sync", "state", "reason", "owner")
    table = _table("Due and not posted", words, ("rows", "hours", "money", "for"))
    for key, found in sorted(rows.items(), key=lambda item: -sum(one.minutes for one in item[1])):
        since = min((one.since for one in found if one.since), default=None)
        table.add_row(
            *key, count(sum(one.row_count for one in found)), hours(sum((one.minutes for one in found), _ZERO)),
            _money(found), age(statement.drawn_at - since if since else None),
        )  # fmt: skip
    return table


def _differences(lines: Iterable[Line]) -> Table | None:
    """Named differences between the ledger and what the destination reports back; more there is positive."""
    rows: dict[Key, list[Line]] = defaultdict(list)
    for one in lines:
        if one.line == 5 and one.side == "part" and one.bucket != "read back" and one.row_count:
            rows[one.name, one.destination or "", one.bucket].append(one)
    if not rows:
        return None
    table = _table(
        "Differences there (more there than posted: positive)",
        ("sync", "destination", "what"),
        ("rows", "hours", "money", "by hand"),
    )
    for key, found in sorted(rows.items()):
        table.add_row(
            *key, count(sum(one.row_count for one in found)), hours(sum((one.minutes for one in found), _ZERO)),
            _money(found), "yes" if any(one.is_made_by_hand for one in found) else "",
        )  # fmt: skip
    return table


def _as_seen_there(one: Line) -> Line:
    """A difference of line 5 turned round: the mart says posted less there, a reader asks what stands there besides."""
    if one.line != 5 or one.bucket in {"posted", "read back"}:
        return one
    return replace(one, minutes=-one.minutes, amount=None if one.amount is None else -one.amount)


def _words(by: str, first: str) -> tuple[str, ...]:
    return (first, "entity", "month") if by == "month" else (first, "entity") if by == "entity" else (first,)


def _key(one: Line, by: str) -> Key:
    where = one.name if one.scope == "source" else one.destination or "none"
    entity = one.legal_entity or "unassigned"
    month = f"{one.period:%Y-%m}" if one.period else "no date"
    return (where, entity, month)[: {"sync": 1, "entity": 2, "month": 3}[by]]


def _shown_as(bucket: str) -> str:
    return bucket if bucket in {"posted", "read back"} else "foreign" if bucket == "foreign row" else "differences"


def _sums(
    lines: Iterable[Line], number: int, by: str, name: Callable[[str], str] | None = None
) -> dict[Key, dict[str, Decimal]]:
    rows: dict[Key, dict[str, Decimal]] = defaultdict(lambda: defaultdict(lambda: _ZERO))
    for one in lines:
        if one.line == number:
            row = rows[_key(one, by)]
            row[name(one.bucket) if name else one.bucket] += one.minutes
            row["unexplained"] += one.unexplained_under_minutes + one.unexplained_over_minutes
    return rows


def _money(found: Iterable[Line]) -> str:
    amounts: dict[str, Decimal] = defaultdict(lambda: _ZERO)
    for one in found:
        if one.amount is not None and one.currency:
            amounts[one.currency] += one.amount
    return sums(amounts)


def _odd(text: str) -> Text:
    return Text(text, style="" if text in {"–", ""} else "bold red")
