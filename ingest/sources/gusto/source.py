"""Reads Gusto's lists of one company.

Time sheets can be asked by their time of change in falling order only, so a read goes down to the cursor less an overlap.
Payrolls must be asked by name of state and in spans of at most a year, or the answer holds the processed ones alone. A pay
period that reaches over the edge of a span may be in neither answer, so that spans overlap by more than a quarter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ingest.answers import instant_of, iso, list_of, object_of, unexpected, whole_number
from ingest.checks import probe
from ingest.quiet_dlt import dlt
from ingest.sources import Absence, Finding, Hints, Landed, Page, Total
from ingest.sources.gusto import decode
from ingest.stage import Batches, stage_resources
from plumbing.errors import NotFound

if TYPE_CHECKING:
    from dlt.extract import DltResource

    from ingest.declaration import Resource
    from plumbing.http import Client
    from plumbing.settings import Connection

PER_PAGE = 100
OVERLAP = timedelta(minutes=10)
LONGEST_SPAN = timedelta(days=364)
SPANS_OVERLAP = timedelta(days=100)
PAYROLLS_BACK = timedelta(days=3 * 364)
PAYROLLS_AHEAD = timedelta(days=90)
_PATHS = {"employees": "employees", "pay_schedules": "pay_schedules", "payrolls": "payrolls"}
_SHEETS = "time_tracking/time_sheets"


@dlt.source(name="gusto", section="gusto", max_table_nesting=0)
def source(batches: Batches) -> Iterator[DltResource]:
    """One lazy resource per list that is read of Gusto."""
    return stage_resources(decode.RESOURCES, batches)


def open_source(connection: Connection, client: Client) -> GustoSource:
    """The source of a connection; nothing is sent yet."""
    return GustoSource(connection, client)


class GustoSource:
    """See `ingest.sources.Source`."""

    resources = decode.RESOURCES

    def __init__(self, connection: Connection, client: Client) -> None:
        self._connection = connection
        self._client = client
        self._company = f"v1/companies/{connection.options.get('company_uuid')}"

    def read(self, resource: Resource, cursor: str | None, landed: Landed) -> Iterator[Page]:  # noqa: ARG002
        """Time sheets changed since the cursor, anything else whole."""
        if resource.name == "time_sheets":
            yield from self._changed_sheets(instant_of(cursor))
        else:
            yield from self.read_window(resource, None)

    def read_window(self, resource: Resource, period: date | None) -> Iterator[Page]:  # noqa: ARG002
        """The whole list; time sheets in order of creation, which never shifts."""
        if resource.name == "time_sheets":
            order = {"sort_by": "created_at", "sort_order": "asc"}
            for rows, _ in self._pages(_SHEETS, order):
                yield Page(rows)
        elif resource.name == "payrolls":
            listed: set[str] = set()
            for span in self._payroll_spans():
                for rows, _ in self._pages("payrolls", span):
                    yield Page([row for row in rows if _is_new(row, listed)])
        else:
            for rows, _ in self._pages(_PATHS[resource.name], {}):
                yield Page(rows)

    def find(self, resource: Resource, source_id: str) -> Any | Absence:
        """A time sheet or an employee by its own address."""
        paths = {"time_sheets": "v1/time_tracking/time_sheets", "employees": "v1/employees"}
        if resource.name not in paths:
            return Absence.UNKNOWN
        try:
            response = self._client.get(f"{paths[resource.name]}/{source_id}")
        except NotFound:
            return Absence.GONE
        return object_of(self._connection, response)

    def totals(self, resource: Resource, periods: Sequence[date]) -> Sequence[Total]:  # noqa: ARG002
        """``X-Total-Count``; of time sheets not by month, since the list filters by creation, not by shift."""
        if resource.name == "payrolls":
            return []  # a list of spans has no count of its own
        path = _SHEETS if resource.name == "time_sheets" else _PATHS[resource.name]
        return [Total(None, self._count(path, {}))]

    def hints(self, resource: Resource, cursor: str | None) -> Hints | None:  # noqa: ARG002
        """None: no event tells of time sheets."""
        return None

    def check(self) -> list[Finding]:
        """Reads the first of each list."""
        span = next(iter(self._payroll_spans()))
        asked: dict[str, tuple[str, Mapping[str, str]]] = {name: (path, {}) for name, path in _PATHS.items()}
        asked |= {"payrolls": ("payrolls", span), "time_sheets": (_SHEETS, {})}
        return [
            probe(self._connection, name, lambda path=path, params=params: self._count(path, params))  # type: ignore[misc]
            for name, (path, params) in asked.items()
        ]

    def _changed_sheets(self, since: datetime | None) -> Iterator[Page]:
        newest = since
        down_to = since - OVERLAP if since else None
        for rows, _ in self._pages(_SHEETS, {"sort_by": "updated_at", "sort_order": "desc"}):
            stamps = [stamp for row in rows if isinstance(row, dict) and (stamp := instant_of(row.get("updated_at")))]
            if stamps and (newest is None or max(stamps) > newest):
                newest = max(stamps)
            yield Page(rows, iso(newest) if newest else None)
            if down_to is not None and stamps and min(stamps) < down_to:
                return

    def _payroll_spans(self) -> Iterator[dict[str, str]]:
        """Spans of at most a year that together reach from three years back to a quarter ahead."""
        today = datetime.now(UTC).date()
        start, end = today - PAYROLLS_BACK, today + PAYROLLS_AHEAD
        while True:
            last = min(start + LONGEST_SPAN, end)
            yield {
                "processing_statuses": "unprocessed,processed",
                "payroll_types": "regular",
                "start_date": start.isoformat(),
                "end_date": last.isoformat(),
            }
            if last == end:
                return
            start = last - SPANS_OVERLAP

    def _pages(self, path: str, params: Mapping[str, str]) -> Iterator[tuple[list[Any], Any]]:
        page = 1
        while True:
            response = self._client.get(f"{self._company}/{path}", params={**params, "page": page, "per": PER_PAGE})
            rows = list_of(self._connection, response)
            pages = self._header(response, "X-Total-Pages")
            if page < pages and len(rows) < self._header(response, "X-Per-Page"):
                raise unexpected(self._connection, response, f"page {page} of {pages} holds {len(rows)} rows only")
            yield rows, response
            if page >= pages:
                return
            page += 1

    def _count(self, path: str, params: Mapping[str, str]) -> int:
        response = self._client.get(f"{self._company}/{path}", params={**params, "page": 1, "per": 1})
        return self._header(response, "X-Total-Count")

    def _header(self, response: Any, name: str) -> int:
        return whole_number(self._connection, response, response.headers.get(name), name)


def _is_new(row: Any, listed: set[str]) -> bool:
    """Whether a payroll was not listed by an earlier span; notes it. What has no id is the shaper's to refuse."""
    key = row.get("payroll_uuid") if isinstance(row, dict) else None
    if key is None:
        return True
    is_new = str(key) not in listed
    listed.add(str(key))
    return is_new
