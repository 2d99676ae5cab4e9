"""Reads NetSuite by SuiteQL, and each changed invoice by its record for the time it bills.

Paging: by key, not by offset: each page begins after the last (lastmodifieddate, id) of the one before, so that a row that
changes meanwhile moves to the end and nothing is skipped. Every read goes back twelve hours, since the stamps are the
account's local time. A SuiteQL query is a POST that reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from ingest.answers import instant_of, list_of, object_of, unexpected, whole_number
from ingest.checks import probe
from ingest.quiet_dlt import dlt
from ingest.sources import Absence, Finding, Hints, Landed, Page, Total
from ingest.sources.netsuite import decode
from ingest.stage import Batches, stage_resources
from plumbing.errors import NotFound, UnexpectedAnswer

if TYPE_CHECKING:
    from dlt.extract import DltResource

    from ingest.declaration import Resource
    from plumbing.http import Client
    from plumbing.settings import Connection

PAGE = 1000
OVERLAP = timedelta(hours=12)
_AFTER_TIME = f"TO_DATE(?, '{decode.MOMENT}')"
_MONTH = f"trandate >= TO_DATE(?, '{decode.DAY}') AND trandate < TO_DATE(?, '{decode.DAY}')"


@dlt.source(name="netsuite", section="netsuite", max_table_nesting=0)
def source(batches: Batches) -> Iterator[DltResource]:
    """One lazy resource per table that is read of NetSuite."""
    return stage_resources(decode.RESOURCES, batches)


def open_source(connection: Connection, client: Client) -> NetSuiteSource:
    """The source of a connection; nothing is sent yet."""
    return NetSuiteSource(connection, client)


class NetSuiteSource:
    """See `ingest.sources.Source`."""

    resources = decode.RESOURCES

    def __init__(self, connection: Connection, client: Client) -> None:
        self._connection = connection
        self._client = client

    def read(self, resource: Resource, cursor: str | None, landed: Landed) -> Iterator[Page]:  # noqa: ARG002
        """Rows changed since the cursor, less the overlap; tables without a stamp whole."""
        if resource.source_version is None:
            yield from self.read_window(resource, None)
            return
        since = instant_of(cursor)
        newest = cursor
        for rows in self._changed(resource, f"{since - OVERLAP:%Y-%m-%d %H:%M:%S}" if since else None):
            stamp = rows[-1].get("lastmodifieddate")
            newest = max(newest, stamp) if newest and stamp else stamp or newest
            yield Page(self._whole(resource, rows), newest)

    def read_window(self, resource: Resource, period: date | None) -> Iterator[Page]:
        """Every row of a work-date month, or of the table, in the order of ids."""
        where, values = (_MONTH, _bounds(period)) if period else ("", [])
        last = 0
        while True:
            beyond = " AND ".join(part for part in (where, "id > ?") if part)
            rows = self._query(decode.select(resource, beyond), [*values, last])
            if rows:
                yield Page(self._whole(resource, rows))
            if len(rows) < PAGE:
                return
            last = self._key(rows)

    def find(self, resource: Resource, source_id: str) -> Any | Absence:
        """By SuiteQL, then by the record's own address: only its 404 says that the row is gone."""
        record_type = decode.TABLES[resource.name].record
        if not record_type or not source_id.isdigit():
            return Absence.UNKNOWN
        rows = self._whole(resource, self._query(decode.select(resource, "id = ?"), [int(source_id)]))
        if rows:
            return rows[0]
        try:
            self._client.get(f"record/v1/{record_type}/{source_id}")
        except NotFound:
            return Absence.GONE
        return Absence.UNKNOWN

    def totals(self, resource: Resource, periods: Sequence[date]) -> Sequence[Total]:
        """``COUNT(*)``; of time rows by month, with ``SUM(hours)``, and the rest of them under no month."""
        everything = self._total(resource, None)
        if resource.work_date is None:
            return [everything]
        months = [self._total(resource, period) for period in periods]
        rest = everything.count - sum(month.count for month in months)
        minutes = (everything.minutes or Decimal(0)) - sum(
            (month.minutes or Decimal(0) for month in months), Decimal(0)
        )
        return [*months, Total(None, max(0, rest), minutes)]

    def hints(self, resource: Resource, cursor: str | None) -> Hints | None:  # noqa: ARG002
        """None: deletions show by counting."""
        return None

    def check(self) -> list[Finding]:
        """Counts each table with the columns that are read."""

        def ask(resource: Resource) -> int:
            self._query(decode.select(resource, "id > ?"), [0], limit=1)
            return self._total(resource, None).count

        return [probe(self._connection, r.name, lambda r=r: ask(r)) for r in self.resources]  # type: ignore[misc]

    def _changed(self, resource: Resource, since: str | None) -> Iterator[list[dict[str, Any]]]:
        order = "lastmodifieddate, id"
        where, values = (f"lastmodifieddate >= {_AFTER_TIME}", [since]) if since else ("", [])
        while True:
            rows = self._query(decode.select(resource, where, order), values)
            if rows:
                yield rows
            if len(rows) < PAGE:
                return
            stamp, key = rows[-1].get("lastmodifieddate"), self._key(rows)
            where = f"(lastmodifieddate > {_AFTER_TIME} OR (lastmodifieddate = {_AFTER_TIME} AND id > ?))"
            values = [stamp, stamp, key]  # type: ignore[list-item]

    def _whole(self, resource: Resource, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if resource.name != "invoices":
            return rows
        found = []
        for row in rows:
            try:
                response = self._client.get(f"record/v1/invoice/{row.get('id')}", params={"expandSubResources": "true"})
            except NotFound:
                continue  # deleted since it was listed
            found.append(decode.invoice(row, object_of(self._connection, response)))
        return found

    def _total(self, resource: Resource, period: date | None) -> Total:
        hours = ", SUM(hours) AS hours" if resource.duration else ""
        where, values = (_MONTH, _bounds(period)) if period else ("", [])
        table = decode.TABLES[resource.name].name
        query = f"SELECT COUNT(*) AS rowcount{hours} FROM {table}{decode.condition(resource, where)}"  # noqa: S608
        response = self._ask(query, values, limit=1)
        items = list_of(self._connection, response, "items")
        row = items[0] if items and isinstance(items[0], dict) else {}
        count = whole_number(self._connection, response, row.get("rowcount"), "row count")
        try:
            minutes = Decimal(str(row.get("hours") or 0)) * 60 if resource.duration else None
        except InvalidOperation:
            raise unexpected(self._connection, response, "its sum of hours is no number") from None
        return Total(period, count, minutes)

    def _query(self, query: str, values: Sequence[Any], limit: int = PAGE) -> list[dict[str, Any]]:
        response = self._ask(query, values, limit)
        items = list_of(self._connection, response, "items")
        stated = object_of(self._connection, response).get("count")
        if isinstance(stated, int) and stated != len(items):
            raise unexpected(self._connection, response, f"it states {stated} rows and holds {len(items)}")
        if not all(isinstance(item, dict) for item in items):
            raise unexpected(self._connection, response, "a row is no object")
        return items

    def _ask(self, query: str, values: Sequence[Any], limit: int) -> Any:
        return self._client.post(
            "query/v1/suiteql",
            params={"limit": limit, "offset": 0},
            json={"q": query, "params": list(values)},
            headers={"Prefer": "transient"},
            is_read=True,
        )

    def _key(self, rows: Sequence[dict[str, Any]]) -> int:
        key = rows[-1].get("id")
        if isinstance(key, str) and key.isdigit():
            return int(key)
        raise UnexpectedAnswer(
            f"Connection {self._connection.name}: a row of NetSuite has no numeric id, so that it cannot be read on from there.",
            system=self._connection.system,
            connection=self._connection.name,
            remedy="Run again; if it stays so, the source must be adapted.",
        )


def _bounds(period: date) -> list[str]:
    following = (period.replace(day=28) + timedelta(days=4)).replace(day=1)
    return [period.isoformat(), following.isoformat()]
