"""Expressions, and the functions that SuiteQL knows: pure, from arguments to SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulators.netsuite.errors import invalid_parameter
from simulators.netsuite.suiteql.reader import bad

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from simulators.netsuite.catalog import Column, Type

ACCOUNT_DATE_FORMAT = "%m/%d/%Y"  # sheet A4: literals follow the account's preference; this account uses M/D/YYYY
_ORACLE_FORMAT = re.compile(r"YYYY|MM|DD|HH24|MI|SS|HH|Q|[^A-Za-z]+", re.IGNORECASE)
_POSITIONS = {"YYYY": (1, 4), "MM": (6, 2), "DD": (9, 2), "HH24": (12, 2), "MI": (15, 2), "SS": (18, 2)}
_STRFTIME = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "HH24": "%H", "MI": "%M", "SS": "%S"}


@dataclass(frozen=True)
class Expr:
    """A compiled expression. `literal` is set for constants, `column` for a bare column."""

    sql: str
    type: Type
    literal: Any = None
    column: Column | None = None


def oracle_format(pattern: str) -> str:
    """Turn an Oracle date pattern into strftime's; refuse what it cannot take."""
    out, at = [], 0
    for match in _ORACLE_FORMAT.finditer(pattern):
        if match.start() != at:
            break
        token = match.group()
        at = match.end()
        if token[0].isalpha():
            if token.upper() not in _STRFTIME:
                break
            out.append(_STRFTIME[token.upper()])
        else:
            out.append(token.replace("%", "%%"))
    else:
        if at == len(pattern):
            return "".join(out)
    raise invalid_parameter(f"Invalid or unsupported search: date format {pattern!r}.")


def quote(name: str) -> str:
    return '"' + name.replace('"', "") + '"'


def storable(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def as_text(expr: Expr) -> str:
    if expr.type == "date":
        return formatted(expr.sql, "MM/DD/YYYY")
    if expr.type == "text":
        return expr.sql
    whole = f"cast({expr.sql} as integer)"
    return f"case when {expr.sql} = {whole} then cast({whole} as text) else cast({expr.sql} as text) end"


def formatted(sql: str, pattern: str) -> str:
    """TO_CHAR of a stored date as plain SQL, since a group by month runs it on every row."""
    oracle_format(pattern)  # refuses what it cannot take
    parts = []
    for match in _ORACLE_FORMAT.finditer(pattern):
        token = match.group()
        if token[0].isalpha():
            start, length = _POSITIONS[token.upper()]
            parts.append(f"substr({sql}, {start}, {length})")
        else:
            parts.append("'" + token.replace("'", "''") + "'")
    return "(" + " || ".join(parts) + ")"


def _arity(name: str, arguments: list[Expr], *counts: int) -> None:
    if len(arguments) not in counts:
        raise bad(f"{name} takes {' or '.join(map(str, counts))} arguments")


def _to_date(arguments: list[Expr]) -> Expr:
    _arity("TO_DATE", arguments, 1, 2)
    value = arguments[0].literal
    pattern = arguments[1].literal if len(arguments) == 2 else None
    if not isinstance(value, str) or (len(arguments) == 2 and not isinstance(pattern, str)):
        raise bad("TO_DATE takes a text and a format")
    form = oracle_format(pattern) if isinstance(pattern, str) else ACCOUNT_DATE_FORMAT
    try:
        moment = datetime.strptime(value, form)  # noqa: DTZ007 - the account's local time
    except ValueError:
        raise bad(f"'{value}' failed with date format {pattern or 'M/D/YYYY'}") from None
    return Expr(f"'{moment:%Y-%m-%d %H:%M:%S}'", "date")


def _to_char(arguments: list[Expr]) -> Expr:
    _arity("TO_CHAR", arguments, 1, 2)
    if arguments[0].type != "date":
        if len(arguments) == 2:
            raise bad("TO_CHAR with a number format is not taken")
        return Expr(as_text(arguments[0]), "text")
    pattern = arguments[1].literal if len(arguments) == 2 else "MM/DD/YYYY"
    if not isinstance(pattern, str):
        raise bad("TO_CHAR takes a date and a format")
    return Expr(formatted(arguments[0].sql, pattern), "text")


def _to_number(arguments: list[Expr]) -> Expr:
    _arity("TO_NUMBER", arguments, 1)
    return Expr(f"cast({arguments[0].sql} as numeric)", "number")


def _nvl(arguments: list[Expr]) -> Expr:
    _arity("NVL", arguments, 2)
    return _coalesce(arguments)


def _coalesce(arguments: list[Expr]) -> Expr:
    if len(arguments) < 2:
        raise bad("COALESCE takes two or more arguments")
    return Expr(f"coalesce({', '.join(a.sql for a in arguments)})", arguments[0].type)


def _round(arguments: list[Expr]) -> Expr:
    _arity("ROUND", arguments, 1, 2)
    if arguments[0].type != "number":
        raise bad("ROUND needs a number")
    return Expr(f"round({', '.join(a.sql for a in arguments)})", "number")


def _abs(arguments: list[Expr]) -> Expr:
    _arity("ABS", arguments, 1)
    return Expr(f"abs({arguments[0].sql})", "number")


def _trunc(arguments: list[Expr]) -> Expr:
    _arity("TRUNC", arguments, 1)
    if arguments[0].type == "date":
        return Expr(f"(substr({arguments[0].sql}, 1, 10) || ' 00:00:00')", "date")
    return Expr(f"cast({arguments[0].sql} as integer)", "number")


def _substr(arguments: list[Expr]) -> Expr:
    _arity("SUBSTR", arguments, 2, 3)
    rest = "".join(f", {a.sql}" for a in arguments[1:])
    return Expr(f"substr({as_text(arguments[0])}{rest})", "text")


def _length(arguments: list[Expr]) -> Expr:
    _arity("LENGTH", arguments, 1)
    return Expr(f"length({as_text(arguments[0])})", "number")


def _case_of(name: str) -> Callable[[list[Expr]], Expr]:
    def run(arguments: list[Expr]) -> Expr:
        _arity(name.upper(), arguments, 1)
        return Expr(f"{name}({as_text(arguments[0])})", "text")

    return run


FUNCTIONS: dict[str, Callable[[list[Expr]], Expr]] = {
    **{name: _case_of(name) for name in ("upper", "lower", "trim")},
    "to_date": _to_date,
    "to_char": _to_char,
    "to_number": _to_number,
    "nvl": _nvl,
    "coalesce": _coalesce,
    "round": _round,
    "abs": _abs,
    "trunc": _trunc,
    "substr": _substr,
    "length": _length,
}
