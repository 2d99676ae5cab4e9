"""The firm's rule files, tried on the tables they are for: a mistake is told with its file, line and column.

dbt loads the files; this only says beforehand, in one sentence, what the tables would refuse. Every row goes into a
temporary copy of its table, with that table's own types, keys and checks, so that there is no second list of rules here.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plumbing.errors import Misconfigured
from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import psycopg

    from plumbing.settings import Settings

_COLUMNS = """
select a.attname, format_type(a.atttypid, a.atttypmod), coalesce(pg_get_expr(d.adbin, d.adrelid), 'null')
from pg_attribute as a
left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""
_CHECK = """
select a.attname, pg_get_constraintdef(c.oid)
from pg_constraint as c
inner join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
where c.conrelid = to_regclass(%s) and c.conname = %s
"""


@dataclass(frozen=True)
class _Column:
    """A column of a rule table; an empty cell stands for its default."""

    name: str
    type: str
    fallback: str

    @property
    def taken(self) -> str:
        return f"coalesce(cast(nullif(%s, '') as {self.type}), {self.fallback})"


@dataclass(frozen=True)
class _File:
    """A rule file and the table it is for."""

    path: Path
    table: str
    columns: Sequence[_Column]

    def wrong(self, what: str, line: int | None = None) -> Misconfigured:
        place = f"{self.path}, line {line}" if line else str(self.path)
        return Misconfigured(
            f"The rule file {place}: {what}.",
            remedy="Correct the file, then run `hourline build`; until then the rules loaded before stay in force.",
        )


def require_good(settings: Settings) -> int:
    """Try every rule file; nothing is kept.

    Returns:
        How many rows the files hold.

    Raises:
        Misconfigured: the first mistake, with file, line and column.
    """
    with Warehouse.open(settings).connect("transform") as session:
        rows = 0
        for path in sorted(settings.rules_dir.glob("*.csv")):
            table = f"rule.{path.stem}"
            columns = [_Column(*row) for row in session.execute(_COLUMNS, [table]).fetchall()]
            rows += _try(session, _File(path, table, columns))
        session.rollback()
    return rows


def _try(session: psycopg.Connection[Any], file: _File) -> int:
    import psycopg

    if not file.columns:
        raise file.wrong(f"there is no rule table {file.path.stem}")
    rows = _read(file)
    copy = f"tried_{file.path.stem}"
    session.execute(
        f"create temporary table {copy} (like {file.table} including constraints including indexes) on commit drop"
    )
    names = ", ".join(column.name for column in file.columns)
    values = ", ".join(column.taken for column in file.columns)
    statement = f"insert into {copy} ({names}) values ({values})"  # noqa: S608  names from the catalogue
    try:
        with session.transaction(), session.cursor() as cursor:
            cursor.executemany(statement, [cells for _, cells in rows])
    except psycopg.Error:
        # Once more, row by row, to name the line.
        for line, cells in rows:
            try:
                with session.transaction():
                    session.execute(statement, cells)
            except psycopg.Error as error:
                raise file.wrong(_reason(session, file, cells, error), line) from None
        raise
    return len(rows)


def _read(file: _File) -> list[tuple[int, list[str]]]:
    """The cells of each row in the table's order, with the line they stand on."""
    expected = [column.name for column in file.columns]
    try:
        with file.path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle, strict=True)
            header = next(reader, [])
            if lacking := [name for name in expected if name not in header]:
                raise file.wrong(f"it lacks the column {', '.join(lacking)}; it has to have {', '.join(expected)}")
            if unknown := [name for name in header if name not in expected]:
                raise file.wrong(f"nobody knows its column {', '.join(unknown)}; it has to have {', '.join(expected)}")
            order = [header.index(name) for name in expected]
            rows = []
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise file.wrong(f"it has {len(cells)} cells and the header {len(header)}", reader.line_num)
                rows.append((reader.line_num, [cells[index] for index in order]))
            return rows
    except UnicodeDecodeError:
        raise file.wrong("it is not UTF-8 text") from None
    except csv.Error as error:
        raise file.wrong(f"it is no CSV ({error})", reader.line_num) from None
    except OSError as error:
        raise file.wrong(f"it cannot be read ({error.strerror})") from None


def _reason(session: psycopg.Connection[Any], file: _File, cells: list[str], error: psycopg.Error) -> str:
    """What the table refused, in a person's words."""
    from psycopg import errors

    given = {column.name: cell for column, cell in zip(file.columns, cells, strict=True)}
    said = error.diag
    if isinstance(error, errors.UniqueViolation):
        found = re.match(r"Key \((.*?)\)=\((.*)\) already exists", said.message_detail or "")
        return f"an earlier line has the same {found[1]} ({found[2]})" if found else "an earlier line has the same key"
    if isinstance(error, errors.NotNullViolation):
        return f"{said.column_name} is empty"
    if isinstance(error, errors.CheckViolation):
        row = session.execute(_CHECK, [file.table, said.constraint_name]).fetchone()
        if row is not None:
            known = re.findall(r"'([^']*)'::text", row[1])
            return f"{row[0]} is {given[row[0]]!r}" + (f"; it may be {', '.join(known)}" if known else "")
    for column in file.columns:
        if not _is_castable(session, column, given[column.name]):
            return f"{column.name} is {given[column.name]!r}, which is no {column.type}"
    return str(said.message_primary)


def _is_castable(session: psycopg.Connection[Any], column: _Column, cell: str) -> bool:
    import psycopg

    try:
        with session.transaction():
            session.execute(f"select {column.taken}", [cell])
    except psycopg.DataError:
        return False
    return True
