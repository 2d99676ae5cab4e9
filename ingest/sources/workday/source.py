"""Reads Workday's report of workers: one answer is the whole report, every time.

A report has no address for one row, so a worker who is missing stays suspect and is never taken for deleted. It has no
count either: the control total is the length of a second read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from ingest.answers import list_of
from ingest.checks import probe
from ingest.quiet_dlt import dlt
from ingest.sources import Absence, Finding, Hints, Landed, Page, Total
from ingest.sources.workday import decode
from ingest.stage import Batches, stage_resources
from plumbing.vendors.workday import report_path

if TYPE_CHECKING:
    from dlt.extract import DltResource

    from ingest.declaration import Resource
    from plumbing.http import Client
    from plumbing.settings import Connection


@dlt.source(name="workday", section="workday", max_table_nesting=0)
def source(batches: Batches) -> Iterator[DltResource]:
    """The one resource that is read of Workday."""
    return stage_resources(decode.RESOURCES, batches)


def open_source(connection: Connection, client: Client) -> WorkdaySource:
    """The source of a connection; nothing is sent yet."""
    return WorkdaySource(connection, client)


class WorkdaySource:
    """See `ingest.sources.Source`."""

    resources = decode.RESOURCES

    def __init__(self, connection: Connection, client: Client) -> None:
        self._connection = connection
        self._client = client

    def read(self, resource: Resource, cursor: str | None, landed: Landed) -> Iterator[Page]:  # noqa: ARG002
        """The whole report."""
        yield Page(self._report())

    def read_window(self, resource: Resource, period: date | None) -> Iterator[Page]:  # noqa: ARG002
        """The whole report."""
        yield Page(self._report())

    def find(self, resource: Resource, source_id: str) -> Any | Absence:  # noqa: ARG002
        """A report cannot be asked for one row."""
        return Absence.UNKNOWN

    def totals(self, resource: Resource, periods: Sequence[date]) -> Sequence[Total]:  # noqa: ARG002
        """The length of a second read."""
        return [Total(None, len(self._report()))]

    def hints(self, resource: Resource, cursor: str | None) -> Hints | None:  # noqa: ARG002
        """None: there is no feed."""
        return None

    def check(self) -> list[Finding]:
        """Reads the report."""
        return [probe(self._connection, "workers", lambda: len(self._report()))]

    def _report(self) -> list[Any]:
        response = self._client.get(report_path(self._connection), params={"format": "json"})
        return list_of(self._connection, response, "Report_Entry")
