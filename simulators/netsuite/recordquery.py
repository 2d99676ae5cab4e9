"""The record API's `q` parameter: conditions on one record type, turned into SQL (sheet A4).

Date literals are dates only, in the account's format (M/D/YYYY) and zone (UTC); another form is refused with a detail
that holds "failed with date format". There is no ordering: lists come by internal id.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulators.netsuite.errors import Refusal, invalid_parameter
from simulators.netsuite.suiteql import ACCOUNT_DATE_FORMAT

if TYPE_CHECKING:
    from simulators.netsuite.records import Field, RecordType

_TOKEN = re.compile(r'\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<mark>[()\[\],])|(?P<word>[^\s()\[\],"]+))')
_DATE_OPERATORS = {"AFTER": ">", "BEFORE": "<", "ON": "=", "ON_OR_AFTER": ">=", "ON_OR_BEFORE": "<="}
_TEXT_OPERATORS = {"START_WITH": ("", "%"), "END_WITH": ("%", ""), "CONTAIN": ("%", "%")}
_NUMBER_OPERATORS = {"EQUAL": "=", "GREATER": ">", "GREATER_OR_EQUAL": ">=", "LESS": "<", "LESS_OR_EQUAL": "<="}


def compile_conditions(text: str, kind: RecordType) -> tuple[str, list[Any]]:
    """A where clause and its parameters. Raises Refusal(400 INVALID_PARAMETER, o:errorQueryParam q)."""
    reader = _Reader(text, kind)
    sql = reader.any_of()
    reader.finish()
    return sql, reader.values


def _bad(why: str) -> Refusal:
    return invalid_parameter(f"Invalid query parameter q: {why}.", query_param="q")


class _Reader:
    def __init__(self, text: str, kind: RecordType) -> None:
        self._kind = kind
        self._tokens: list[str] = []
        self._at = 0
        self.values: list[Any] = []
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise _bad(f"unexpected text {text[at : at + 20]!r}")
            self._tokens.append(match.group().strip())
            at = match.end()

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise _bad("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _peek(self) -> str:
        return self._tokens[self._at].upper() if self._at < len(self._tokens) else ""

    def finish(self) -> None:
        if self._at != len(self._tokens):
            raise _bad(f"unexpected {self._tokens[self._at]}")

    def any_of(self) -> str:
        parts = [self._all_of()]
        while self._peek() == "OR":
            self._at += 1
            parts.append(self._all_of())
        return "(" + " or ".join(parts) + ")"

    def _all_of(self) -> str:
        parts = [self._one()]
        while self._peek() == "AND":
            self._at += 1
            parts.append(self._one())
        return " and ".join(parts)

    def _one(self) -> str:
        if self._peek() == "(":
            self._at += 1
            sql = self.any_of()
            if self._next() != ")":
                raise _bad("a parenthesis is not closed")
            return sql
        name = self._next()
        field = self._kind.field(name)
        if field is None:
            raise _bad(f"unknown field {name}")
        operator = self._next().upper()
        if operator == "ANY_OF":
            values = [self._plain(field, value) for value in self._list()]
            self.values += values
            return f"{field.column} in ({', '.join('?' * len(values))})"
        if field.kind in ("date", "instant"):
            return self._date(field, operator)
        return self._other(field, operator)

    def _date(self, field: Field, operator: str) -> str:
        day = f"substr({field.column}, 1, 10)"
        if operator in ("BETWEEN", "WITHIN"):
            bounds = [self._day(value) for value in self._list()]
            if len(bounds) != 2:
                raise _bad(f"{operator} takes two dates")
            self.values += bounds
            return f"{day} between ? and ?"
        if operator not in _DATE_OPERATORS:
            raise _bad(f"operator {operator} does not fit the field {field.name}")
        self.values.append(self._day(self._next()))
        return f"{day} {_DATE_OPERATORS[operator]} ?"

    def _other(self, field: Field, operator: str) -> str:
        value = self._plain(field, self._next())
        if operator in _TEXT_OPERATORS and field.kind == "text":
            before, after = _TEXT_OPERATORS[operator]
            self.values.append(before + value + after)
            return f"{field.column} like ?"
        if operator in ("IS", "IS_NOT") and field.kind != "number":
            self.values.append(value)
            return f"{field.column} {'=' if operator == 'IS' else '<>'} ?"
        if operator in _NUMBER_OPERATORS and (field.kind in ("number", "ref", "entity") or field.name == "id"):
            self.values.append(value)
            return f"{field.column} {_NUMBER_OPERATORS[operator]} cast(? as numeric)"
        raise _bad(f"operator {operator} does not fit the field {field.name}")

    def _list(self) -> list[str]:
        if self._next() != "[":
            raise _bad("a list in brackets is expected")
        values = []
        while True:
            values.append(self._next())
            mark = self._next()
            if mark == "]":
                return values
            if mark != ",":
                raise _bad("list values are parted by commas")

    @staticmethod
    def _plain(field: Field, token: str) -> str:
        value = token[1:-1].replace('\\"', '"') if token.startswith('"') else token
        if field.kind == "flag":
            return {"TRUE": "T", "FALSE": "F"}.get(value.upper(), value)
        return value

    @staticmethod
    def _day(token: str) -> str:
        value = token.strip('"')
        try:
            return datetime.strptime(value, ACCOUNT_DATE_FORMAT).strftime("%Y-%m-%d")  # noqa: DTZ007 - a local date
        except ValueError:
            raise _bad(f"the value {value} failed with date format M/D/YYYY") from None
