"""Reads Salesforce by SOQL over ``queryAll``, which also gives what was deleted in the last days.

A row can be committed later than its stamp says, so every read goes back ten minutes and includes the cursor itself. Rows
that were deleted for good vanish in silence: they are found by counting, then by listing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from ingest.answers import instant_of, list_of, object_of, unexpected, whole_number
from ingest.checks import probe
from ingest.quiet_dlt import dlt
from ingest.sources import Absence, Finding, Hints, Landed, Page, Total
from ingest.sources.salesforce import decode
from ingest.stage import Batches, stage_resources
from plumbing.errors import NotFound

if TYPE_CHECKING:
    from dlt.extract import DltResource

    from ingest.declaration import Resource
    from plumbing.http import Client
    from plumbing.settings import Connection

OVERLAP = timedelta(minutes=10)
_ID = re.compile(r"[A-Za-z0-9]{15,18}")


@dlt.source(name="salesforce", section="salesforce", max_table_nesting=0)
def source(batches: Batches) -> Iterator[DltResource]:
    """One lazy resource per object that is read of Salesforce."""
    return stage_resources(decode.RESOURCES, batches)


def open_source(connection: Connection, client: Client) -> SalesforceSource:
    """The source of a connection; nothing is sent yet."""
    return SalesforceSource(connection, client)


class SalesforceSource:
    """See `ingest.sources.Source`."""

    resources = decode.RESOURCES

    def __init__(self, connection: Connection, client: Client) -> None:
        self._connection = connection
        self._client = client
        self._base = f"services/data/v{connection.options.get('api_version', '67.0')}"

    def read(self, resource: Resource, cursor: str | None, landed: Landed) -> Iterator[Page]:  # noqa: ARG002
        """Rows whose SystemModstamp is at or after the cursor, less the overlap."""
        since = instant_of(cursor)
        where = f"SystemModstamp >= {since - OVERLAP:%Y-%m-%dT%H:%M:%SZ}" if since else ""
        newest = cursor
        for rows in self._pages("queryAll", decode.select(resource, where, "SystemModstamp, Id")):
            for row in rows:
                stamp = row.get("SystemModstamp") if isinstance(row, dict) else None
                if (found := instant_of(stamp)) and (since is None or found > since):
                    since, newest = found, stamp
            yield Page(rows, newest, decode.deleted(rows))

    def read_window(self, resource: Resource, period: date | None) -> Iterator[Page]:  # noqa: ARG002
        """Every row of the object."""
        for rows in self._pages("queryAll", decode.select(resource, order="Id")):
            yield Page(rows, None, decode.deleted(rows))

    def find(self, resource: Resource, source_id: str) -> Any | Absence:
        """By query, then by the record's own address: only its 404 says that the row is gone."""
        if not _ID.fullmatch(source_id):
            return Absence.UNKNOWN
        for rows in self._pages("queryAll", decode.select(resource, f"Id = '{source_id}'")):
            if rows:
                return rows[0]
        try:
            self._client.get(f"{self._base}/sobjects/{decode.OBJECTS[resource.name]}/{source_id}")
        except NotFound:
            return Absence.GONE
        return Absence.UNKNOWN

    def totals(self, resource: Resource, periods: Sequence[date]) -> Sequence[Total]:  # noqa: ARG002
        """``SELECT COUNT()`` of the rows that are not deleted."""
        return [Total(None, self._count(resource))]

    def hints(self, resource: Resource, cursor: str | None) -> Hints | None:  # noqa: ARG002
        """None: ``queryAll`` tells of deletions by itself."""
        return None

    def check(self) -> list[Finding]:
        """Counts each object, and asks one row of it with every field that is read."""

        def ask(resource: Resource) -> int:
            self._get("query", {"q": f"{decode.select(resource)} LIMIT 1"})
            return self._count(resource)

        return [probe(self._connection, r.name, lambda r=r: ask(r)) for r in self.resources]  # type: ignore[misc]

    def _count(self, resource: Resource) -> int:
        query = f"SELECT COUNT() FROM {decode.OBJECTS[resource.name]}"  # noqa: S608  declared names
        response = self._get("query", {"q": query})
        return whole_number(
            self._connection, response, object_of(self._connection, response).get("totalSize"), "totalSize"
        )

    def _pages(self, route: str, query: str) -> Iterator[list[Any]]:
        response = self._get(route, {"q": query})
        read = 0
        while True:
            body = object_of(self._connection, response)
            rows = list_of(self._connection, response, "records")
            read += len(rows)
            yield rows
            if body.get("done") is not False:
                total = whole_number(self._connection, response, body.get("totalSize"), "totalSize")
                if read < total:
                    raise unexpected(self._connection, response, f"it ends after {read} of {total} rows")
                return
            following = body.get("nextRecordsUrl")
            if not isinstance(following, str):
                raise unexpected(self._connection, response, "it is not done and names no next page")
            response = self._client.get(following)

    def _get(self, route: str, params: Mapping[str, str]) -> Any:
        return self._client.get(f"{self._base}/{route}", params=params)
