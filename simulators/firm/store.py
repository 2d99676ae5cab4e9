"""Rows too many for memory: each table is a dataclass kept in a private SQLite file that goes away with the run."""

from __future__ import annotations

import sqlite3
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")
_PAGE_CACHE_KIB = 32_768


def open_store() -> sqlite3.Connection:
    """An on-disk database without a name: bounded memory, nothing left behind."""
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    connection.execute("pragma journal_mode = off")
    connection.execute("pragma synchronous = off")
    connection.execute(f"pragma cache_size = -{_PAGE_CACHE_KIB}")
    return connection


def epoch(instant: datetime) -> int:
    """How a table keeps an instant: whole seconds since 1970, so that columns compare as numbers."""
    return int(instant.timestamp())


_TO_SQL: dict[type, Callable[[Any], Any]] = {
    datetime: epoch,
    date: date.isoformat,
    Decimal: str,
    bool: int,
}
_FROM_SQL: dict[type, Callable[[Any], Any]] = {
    datetime: lambda value: datetime.fromtimestamp(value, UTC),
    date: date.fromisoformat,
    Decimal: Decimal,
    bool: bool,
}


class Table(Generic[T]):
    """Rows of one dataclass, by its first field as primary key.

    Conditions are SQL over the dataclass's field names: `select("user_id = ? and deleted_at is null", (7,))`. Columns
    hold dates as `YYYY-MM-DD` text, instants as whole epoch seconds (`epoch(…)`), booleans as 0/1, decimals as text.
    """

    def __init__(self, connection: sqlite3.Connection, name: str, row: type[T], indexes: Sequence[str] = ()) -> None:
        self.connection = connection
        self.name = name
        self._row = row
        columns = [f.name for f in fields(row)]  # type: ignore[arg-type]
        hints = get_type_hints(row)
        plain = [_bare(hints[column]) for column in columns]
        self._to = [_TO_SQL.get(kind) for kind in plain]
        self._from = [(i, _FROM_SQL[kind]) for i, kind in enumerate(plain) if kind in _FROM_SQL]
        self._values = attrgetter(*columns)
        self._key = columns[0]
        self._columns = ", ".join(columns)
        self._marks = ", ".join("?" * len(columns))
        types = ", ".join(
            f"{column} {'integer' if kind in {int, bool, datetime} else 'text'}{' primary key' if i == 0 else ''}"
            for i, (column, kind) in enumerate(zip(columns, plain, strict=True))
        )
        connection.execute(f"create table {name} ({types})")
        for index in indexes:
            safe = index.replace(", ", "_")
            connection.execute(f"create index {name}_{safe} on {name} ({index})")

    def save(self, row: T) -> None:
        """Inserts or replaces by key."""
        self.save_many([row])

    def save_many(self, rows: Iterable[T]) -> None:
        self.connection.execute("begin")
        self.connection.executemany(
            f"insert or replace into {self.name} ({self._columns}) values ({self._marks})",  # noqa: S608 - own names
            (self._encode(row) for row in rows),
        )
        self.connection.execute("commit")

    def get(self, key: int | str) -> T | None:
        found = self.select(f"{self._key} = ?", (key,))
        return found[0] if found else None

    def select(
        self, where: str = "1", params: Sequence[Any] = (), order: str = "", limit: int | None = None, offset: int = 0
    ) -> list[T]:
        return list(self.iterate(where, params, order, limit, offset))

    def iterate(
        self, where: str = "1", params: Sequence[Any] = (), order: str = "", limit: int | None = None, offset: int = 0
    ) -> Iterator[T]:
        """As `select`, row by row; don't write to the table meanwhile."""
        sql = f"select {self._columns} from {self.name} where {where}"  # noqa: S608 - conditions are the simulators'
        if order:
            sql += f" order by {order}"
        if limit is not None:
            sql += f" limit {int(limit)} offset {int(offset)}"
        for values in self.connection.execute(sql, params):
            yield self._decode(values)

    def count(self, where: str = "1", params: Sequence[Any] = ()) -> int:
        return int(self.value(f"select count(*) from {self.name} where {where}", params) or 0)  # noqa: S608

    def value(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """The first column of the first row of any query, or None."""
        row = self.connection.execute(sql, params).fetchone()
        return row[0] if row else None

    def next_key(self) -> int:
        """One more than the highest key (tables with whole-number keys)."""
        return int(self.value(f"select max({self._key}) from {self.name}") or 0) + 1  # noqa: S608

    def _encode(self, row: T) -> tuple[Any, ...]:
        values = self._values(row)
        return tuple(
            value if value is None or convert is None else convert(value)
            for value, convert in zip(values, self._to, strict=True)
        )

    def _decode(self, values: Sequence[Any]) -> T:
        decoded = list(values)
        for index, convert in self._from:
            if decoded[index] is not None:
                decoded[index] = convert(decoded[index])
        return self._row(*decoded)


def _bare(hint: Any) -> type:
    """The type inside an optional: `date | None` is a date."""
    inner = [kind for kind in getattr(hint, "__args__", ()) if kind is not type(None)]
    bare: type = inner[0] if inner else hint
    return bare
