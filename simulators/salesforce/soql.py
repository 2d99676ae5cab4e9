"""SOQL: the part of the query language that is simulated, parsed and checked against the org's objects.

`SELECT` fields or `COUNT()` `FROM` one object, `WHERE` with =, !=, <, <=, >, >=, IN, NOT IN, AND, OR, NOT and NULL,
`ORDER BY`, `LIMIT`. Date-time literals are unquoted (sheet A.4): a quoted one is refused.
Refusals are those of sheet A.9: `MALFORMED_QUERY`, `INVALID_FIELD`, `INVALID_TYPE`, all HTTP 400.

Not simulated: relationship paths, sub-queries, aggregates other than COUNT(), LIKE, date functions, GROUP BY, OFFSET.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from simulators.salesforce.objects import OBJECTS, Field, SObject, to_18

TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:?\d\d))
    | (?P<date>\d{4}-\d\d-\d\d)(?![\dT])
    | (?P<number>-?\d+(?:\.\d+)?)(?![\w])
    | (?P<word>[A-Za-z_][A-Za-z0-9_.]*)
    | (?P<operator><=|>=|!=|<>|=|<|>)
    | (?P<mark>[(),])
    )""",
    re.VERBOSE,
)
KEYWORDS = {"select", "from", "where", "order", "by", "limit", "and", "or", "not", "in", "null", "true", "false"}
Row = Mapping[str, Any]
Predicate = Callable[[Row], bool]


class SoqlError(Exception):
    """A query the org refuses; `code` is the errorCode of the answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Query:
    """A checked query. `fields` is empty for COUNT()."""

    sobject: SObject
    fields: tuple[str, ...]
    is_count: bool
    where: Predicate
    order: tuple[tuple[str, bool, bool], ...]  # field, descending, nulls first
    limit: int | None

    def run(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows that answer the query, in its order; ties and unordered queries go by Id."""
        found = sorted((row for row in rows if self.where(row)), key=lambda row: str(row["Id"]))
        for name, descending, nulls_first in reversed(self.order):
            present = sorted((r for r in found if r[name] is not None), key=lambda r: r[name], reverse=descending)
            absent = [r for r in found if r[name] is None]
            found = absent + present if nulls_first else present + absent
        return found if self.limit is None else found[: self.limit]


def parse(text: str) -> Query:
    """A query from its text.

    Raises:
        SoqlError: the text is no query of the simulated part, or names an object or field that the org lacks.
    """
    return _Parser(_tokens(text)).query()


def instant(text: str) -> datetime:
    """A date-time as the API writes and reads it, with or without a colon in the offset."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = TOKEN.match(stripped, position)
        if match is None or match.lastgroup is None:
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{stripped[position : position + 20].strip()}'")
        tokens.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent over the tokens; the object is read before the fields are checked."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self._sobject: SObject | None = None

    def query(self) -> Query:
        self._expect("select")
        names, is_count = self._select_list()
        self._expect("from")
        self._sobject = self._object()
        fields = tuple(self._field(name).name for name in names)
        where: Predicate = self._where() if self._take("where") else _always
        order = self._order() if self._take("order") else ()
        limit = self._limit() if self._take("limit") else None
        if self._at < len(self._tokens):
            raise self._unexpected()
        return Query(self._sobject, fields, is_count, where, order, limit)

    def _select_list(self) -> tuple[list[str], bool]:
        first = self._word()
        if first.lower() == "count" and self._take_mark("("):
            self._expect_mark(")")
            return [], True
        names = [first]
        while self._take_mark(","):
            names.append(self._word())
        if len({n.lower() for n in names}) != len(names):
            raise SoqlError("MALFORMED_QUERY", "duplicate field selected")
        return names, False

    def _object(self) -> SObject:
        name = self._word()
        found = next((o for key, o in OBJECTS.items() if key.lower() == name.lower()), None)
        if found is None:
            raise SoqlError("INVALID_TYPE", f"sObject type '{name}' is not supported")
        return found

    def _field(self, name: str) -> Field:
        sobject = self._sobject
        field = sobject.field(name) if sobject else None
        if sobject is None or field is None:
            where = sobject.name if sobject else "?"
            raise SoqlError("INVALID_FIELD", f"No such column '{name}' on entity '{where}'")
        return field

    def _where(self) -> Predicate:
        return self._any_of()

    def _any_of(self) -> Predicate:
        parts = [self._all_of()]
        while self._take("or"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else lambda row: any(part(row) for part in parts)

    def _all_of(self) -> Predicate:
        parts = [self._term()]
        while self._take("and"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def _term(self) -> Predicate:
        if self._take("not"):
            inner = self._term()
            return lambda row: not inner(row)
        if self._take_mark("("):
            inner = self._any_of()
            self._expect_mark(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Predicate:
        field = self._field(self._word())
        if self._take("not"):
            self._expect("in")
            members = self._members(field)
            return lambda row: row[field.name] not in members
        if self._take("in"):
            members = self._members(field)
            return lambda row: row[field.name] in members
        kind, operator = self._next()
        if kind != "operator":
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{operator}'")
        return _compare(field, operator, self._literal(field))

    def _members(self, field: Field) -> set[Any]:
        self._expect_mark("(")
        members = {self._literal(field)}
        while self._take_mark(","):
            members.add(self._literal(field))
        self._expect_mark(")")
        return members

    def _literal(self, field: Field) -> Any:
        kind, text = self._next()
        value: Any
        lowered = text.lower()
        if kind == "word" and lowered == "null":
            return None
        if kind == "word" and lowered in {"true", "false"}:
            kind, value = "boolean", lowered == "true"
        elif kind == "string":
            value = re.sub(r"\\(.)", r"\1", text[1:-1])
        elif kind == "number":
            value = Decimal(text)
        elif kind in {"date", "datetime"}:
            try:
                value = date.fromisoformat(text) if kind == "date" else instant(text)
            except ValueError:
                raise SoqlError("MALFORMED_QUERY", f"invalid date: {text}") from None
        else:
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text}'")
        return _typed(field, kind, value)

    def _order(self) -> tuple[tuple[str, bool, bool], ...]:
        self._expect("by")
        order = []
        while True:
            field = self._field(self._word())
            descending = self._take("desc")
            if not descending:
                self._take("asc")
            nulls_first = True
            if self._take("nulls"):
                nulls_first = self._take("first")
                if not nulls_first:
                    self._expect("last")
            order.append((field.name, descending, nulls_first))
            if not self._take_mark(","):
                return tuple(order)

    def _limit(self) -> int:
        kind, text = self._next()
        if kind != "number" or not text.isdigit():
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text}'")
        return int(text)

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise SoqlError("MALFORMED_QUERY", "unexpected end of the query")
        self._at += 1
        return self._tokens[self._at - 1]

    def _word(self) -> str:
        kind, text = self._next()
        if kind != "word" or text.lower() in KEYWORDS:
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text}'")
        return text

    def _take(self, word: str) -> bool:
        if self._at < len(self._tokens):
            kind, text = self._tokens[self._at]
            if kind == "word" and text.lower() == word:
                self._at += 1
                return True
        return False

    def _take_mark(self, mark: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == ("mark", mark):
            self._at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._unexpected()

    def _expect_mark(self, mark: str) -> None:
        if not self._take_mark(mark):
            raise self._unexpected()

    def _unexpected(self) -> SoqlError:
        seen = self._tokens[self._at][1] if self._at < len(self._tokens) else "the end of the query"
        return SoqlError("MALFORMED_QUERY", f"unexpected token: '{seen}'")


LITERALS = {
    "id": "string",
    "reference": "string",
    "string": "string",
    "picklist": "string",
    "email": "string",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "currency": "number",
    "int": "number",
}


def _typed(field: Field, kind: str, value: Any) -> Any:
    """A literal fit for its field, or the refusal: a date-time in quotes is the commonest mistake."""
    wanted = LITERALS[field.type]
    if kind != wanted:
        hint = " and should not be enclosed in quotes" if kind == "string" else ""
        raise SoqlError(
            "INVALID_FIELD", f"value of filter criterion for field '{field.name}' must be of type {field.type}{hint}"
        )
    return to_18(value) if field.type in {"id", "reference"} else value


def _always(row: Row) -> bool:
    return bool(row)


def _compare(field: Field, operator: str, value: Any) -> Predicate:
    name = field.name
    if operator == "=":
        return lambda row: row[name] == value
    if operator in {"!=", "<>"}:
        return lambda row: row[name] != value
    if value is None or field.type == "boolean":
        raise SoqlError("INVALID_FIELD", f"operator '{operator}' cannot be used on field '{name}' with this value")
    tests: dict[str, Predicate] = {
        "<": lambda row: row[name] is not None and row[name] < value,
        "<=": lambda row: row[name] is not None and row[name] <= value,
        ">": lambda row: row[name] is not None and row[name] > value,
        ">=": lambda row: row[name] is not None and row[name] >= value,
    }
    return tests[operator]
