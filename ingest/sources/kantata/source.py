"""Reads Kantata OX over ``/api/v1``.

Paging: pages by number shift when a record changes while they are read, and a shifted record would be missed for good,
since its stamp is older than the cursor. So a changing list is read by its stamp: each page is the first one after the
last stamp seen, and only records of one same stamp are paged by number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ingest.answers import instant_of, iso, object_of, unexpected, whole_number
from ingest.checks import probe
from ingest.quiet_dlt import dlt
from ingest.sources import Absence, Finding, Hints, Landed, Page, Total
from ingest.sources.kantata import decode
from ingest.stage import Batches, stage_resources
from plumbing.errors import Forbidden, HourlineError, NotFound

if TYPE_CHECKING:
    from dlt.extract import DltResource

    from ingest.declaration import Resource
    from plumbing.http import Client
    from plumbing.settings import Connection

PER_PAGE = 200
OVERLAP = timedelta(minutes=10)
FEED_OVERLAP = timedelta(hours=1)  # the feed is unordered
_INCLUDES = {
    "users": "external_references",
    "workspaces": "external_references,rate_card",
    "workspace_groups": "workspaces,external_references",
    "timesheet_submissions": "time_entries",
    "time_entries": "user,workspace,story,role,invoice,active_submission,recent_submission,external_references",
}
# Without this, archiving a project makes its time vanish from every list.
_ALWAYS = {"time_entries": {"from_archived_workspaces": "true"}}
_BY_STAMP = frozenset({"time_entries", "timesheet_submissions"})


@dlt.source(name="kantata", section="kantata", max_table_nesting=0)
def source(batches: Batches) -> Iterator[DltResource]:
    """One lazy resource per table that is read of Kantata; ``batches`` reads and shapes one of them."""
    return stage_resources(decode.RESOURCES, batches)


def open_source(connection: Connection, client: Client) -> KantataSource:
    """The source of a connection; nothing is sent yet."""
    return KantataSource(connection, client)


class KantataSource:
    """See `ingest.sources.Source`."""

    resources = decode.RESOURCES

    def __init__(self, connection: Connection, client: Client) -> None:
        self._connection = connection
        self._client = client

    def read(self, resource: Resource, cursor: str | None, landed: Landed) -> Iterator[Page]:
        """Time entries and submissions since the cursor, anything else whole.

        The cursor of time entries also holds the last submission version whose entries were read again: an approval
        need not touch the entry's own stamp.
        """
        if resource.name == "rate_card_roles":
            yield self._rate_card_roles()
        elif resource.name == "time_entries":
            yield from self._read_entries(resource, cursor, landed)
        elif resource.name in _BY_STAMP:
            yield from self._since(resource, instant_of(cursor))
        else:
            yield from self._numbered(resource, {})

    def read_window(self, resource: Resource, period: date | None) -> Iterator[Page]:
        """A month of time entries by their date, or the whole list; either ordered by creation, which never shifts."""
        if resource.name == "rate_card_roles":
            yield self._rate_card_roles()
            return
        order = {"order": "created_at:asc"} if resource.name in _BY_STAMP else {}
        yield from self._numbered(resource, order | (_within(period) if period else {}))

    def find(self, resource: Resource, source_id: str) -> Any | Absence:
        """By the single-record route, which answers 404 for what is gone.

        A default filter hides a record there too, so a project that isn't listed may just be archived. It is gone if its
        time is still in the list that leaves archived projects out; else, and for its tasks, nothing follows.
        """
        if resource.name in {"rate_card_roles", "stories"}:
            return Absence.UNKNOWN
        try:
            response = self._client.get(f"{resource.name}/{source_id}", params=_basics(resource))
        except NotFound:
            if resource.name != "workspaces":
                return Absence.GONE
            has_time = self._count("time_entries", {"workspace_id": source_id, "from_archived_workspaces": "false"}) > 0
            return Absence.GONE if has_time else Absence.UNKNOWN
        found = self._records(resource.name, response)
        return found[0] if found else Absence.UNKNOWN

    def totals(self, resource: Resource, periods: Sequence[date]) -> Sequence[Total]:
        """``meta.count`` of the list, time entries by month and the rest of them under no month."""
        if resource.name == "rate_card_roles":
            return [Total(None, self._count("rate_card_roles", {}))]
        everything = self._count(resource.name, {})
        if resource.work_date is None:
            return [Total(None, everything)]
        months = [Total(period, self._count(resource.name, _within(period))) for period in periods]
        return [*months, Total(None, max(0, everything - sum(month.count for month in months)))]

    def hints(self, resource: Resource, cursor: str | None) -> Hints | None:
        """Deletions that the event feed tells of; None where the account has no feed (a paid add-on)."""
        if resource.name != "time_entries":
            return None
        since = instant_of(cursor)
        params = {"event_types": "time_entry:deleted", "per_page": PER_PAGE}
        if since is not None:
            params["created_after"] = iso(since - FEED_OVERLAP)
        found: dict[str, None] = {}
        newest = since
        page = 1
        while True:
            try:
                response = self._client.get("subscribed_events", params=params | {"page": page})
            except (Forbidden, NotFound):
                return None
            for event in self._records("subscribed_events", response):
                if event.get("event_type") == "time_entry:deleted" and event.get("subject_id") is not None:
                    found[str(event["subject_id"])] = None
                    newest = _later(newest, instant_of(event.get("created_at")))
            if page >= self._meta(response, "page_count"):
                return Hints(list(found), iso(newest) if newest else None)
            page += 1

    def check(self) -> list[Finding]:
        """Reads one record of each list; rate cards need an administrator, the event feed a paid add-on."""
        lists = [name for name in (r.name for r in self.resources) if name != "rate_card_roles"]
        findings = [
            probe(self._connection, name, lambda name=name: self._count(name, {}))  # type: ignore[misc]
            for name in (*lists, "rate_card_roles")
        ]
        try:
            has_feed = self.hints(decode.TIME_ENTRIES, "2100-01-01T00:00:00Z") is not None
        except HourlineError as error:
            findings.append(Finding(self._connection.name, "subscribed_events", is_well=False, message=str(error)))
        else:
            message = (
                "deletions are told by the event feed" if has_feed else "no event feed: deletions are found by counting"
            )
            findings.append(Finding(self._connection.name, "subscribed_events", is_well=True, message=message))
        return findings

    def _read_entries(self, resource: Resource, cursor: str | None, landed: Landed) -> Iterator[Page]:
        since, version = _entry_cursor(cursor)
        is_whole = since is None
        seen: set[str] = set()
        for page in self._since(resource, since):
            if not is_whole:
                seen.update(str(record["id"]) for record in page.records if isinstance(record, dict) and "id" in record)
            since = _later(since, instant_of(page.cursor))
            yield Page(page.records, _write_entry_cursor(since, version))
        newest_version = landed.newest_version("timesheet_submissions")
        if not is_whole:  # else every entry was just read, later than the submissions
            changed = {
                str(record.get("id")): None for _, record in landed.versions_after("timesheet_submissions", version)
            }
            yield from self._named_by(resource, list(changed), seen, landed)
        version = newest_version
        yield Page((), _write_entry_cursor(since, version))

    def _named_by(
        self, resource: Resource, submissions: Sequence[str], seen: set[str], landed: Landed
    ) -> Iterator[Page]:
        named = {
            str(entry_id)
            for record in landed.all_versions("timesheet_submissions", submissions)
            for entry_id in record.get("time_entry_ids") or ()
        }
        wanted = sorted(named - seen)
        for start in range(0, len(wanted), PER_PAGE):
            params = {"only": ",".join(wanted[start : start + PER_PAGE]), "per_page": PER_PAGE}
            yield Page(self._records(resource.name, self._get(resource, params)))

    def _since(self, resource: Resource, since: datetime | None) -> Iterator[Page]:
        after = since - OVERLAP if since else None
        newest = since
        page = 1
        while True:
            params: dict[str, Any] = {"order": "updated_at:asc", "per_page": PER_PAGE, "page": page}
            if after is not None:
                params["updated_after"] = iso(after)
            response = self._get(resource, params)
            records = self._records(resource.name, response)
            stamps = [stamp for record in records if (stamp := instant_of(_stamp(record)))]
            newest = _later(newest, max(stamps, default=None))
            yield Page(records, iso(newest) if newest else None)
            if page >= self._meta(response, "page_count"):
                return
            # Records of the last stamp may go on, so ask from just before it; where that gains nothing, turn the page.
            start = max(stamps) - timedelta(seconds=1) if stamps else None
            if start is not None and (after is None or start > after):
                after, page = start, 1
            else:
                page += 1

    def _numbered(self, resource: Resource, params: Mapping[str, Any]) -> Iterator[Page]:
        page = 1
        while True:
            response = self._get(resource, {**params, "per_page": PER_PAGE, "page": page})
            yield Page(self._records(resource.name, response))
            if page >= self._meta(response, "page_count"):
                return
            page += 1

    def _rate_card_roles(self) -> Page:
        by_id = {
            name: {str(record.get("id")): record for record in self._all(name)}
            for name in ("rate_card_set_versions", "rate_cards", "rate_card_versions")
        }
        roles = self._all("rate_card_roles")
        return Page(
            decode.rate_card_roles(
                roles, by_id["rate_card_versions"], by_id["rate_cards"], by_id["rate_card_set_versions"]
            )
        )

    def _all(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            response = self._client.get(name, params={"per_page": PER_PAGE, "page": page})
            found += [record for record in self._records(name, response) if isinstance(record, dict)]
            if page >= self._meta(response, "page_count"):
                return found
            page += 1

    def _count(self, name: str, params: Mapping[str, Any]) -> int:
        return self._meta(self._client.get(name, params={**_ALWAYS.get(name, {}), **params, "per_page": 1}), "count")

    def _get(self, resource: Resource, params: Mapping[str, Any]) -> Any:
        return self._client.get(resource.name, params={**_basics(resource), **params})

    def _records(self, name: str, response: Any) -> list[Any]:
        try:
            return list(decode.records(object_of(self._connection, response), name))
        except (KeyError, TypeError) as error:
            raise unexpected(self._connection, response, f"it lists records that it does not hold ({error})") from None

    def _meta(self, response: Any, name: str) -> int:
        meta = object_of(self._connection, response).get("meta")
        value = meta.get(name) if isinstance(meta, dict) else None
        return whole_number(self._connection, response, value, f"meta.{name}")


def _basics(resource: Resource) -> dict[str, str]:
    include = {"include": _INCLUDES[resource.name]} if resource.name in _INCLUDES else {}
    return include | _ALWAYS.get(resource.name, {})


def _within(period: date) -> dict[str, str]:
    following = (period.replace(day=28) + timedelta(days=4)).replace(day=1)
    return {"date_performed_between": f"{period.isoformat()}:{(following - timedelta(days=1)).isoformat()}"}


def _stamp(record: Any) -> Any:
    return record.get("updated_at") if isinstance(record, dict) else None


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((found for found in (one, other) if found is not None), default=None)


def _entry_cursor(cursor: str | None) -> tuple[datetime | None, int]:
    if cursor is None:
        return None, 0
    content = json.loads(cursor)
    return instant_of(content.get("updated_at")), int(content.get("submission_version", 0))


def _write_entry_cursor(updated_at: datetime | None, submission_version: int) -> str:
    return json.dumps({"updated_at": iso(updated_at) if updated_at else None, "submission_version": submission_version})
