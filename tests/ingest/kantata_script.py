"""A small Kantata for tests of the landing path: lists in the vendor's envelope, and one fault at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.ingest.scripted import Answer, Call

START = datetime(2026, 9, 1, tzinfo=UTC)
TOKEN = "kantata-test-token-4711"


def entry(number: int, **changes: Any) -> dict[str, Any]:
    """A time entry; its stamp grows with its number."""
    return {
        "id": str(number),
        "date_performed": f"2026-09-{number % 28 + 1:02d}",
        "time_in_minutes": 480,
        "billable": True,
        "approved": False,
        "user_id": str(10 + number % 3),
        "workspace_id": "7",
        "story_id": "70",
        "role_id": None,
        "notes": f"worked on {number}",
        "updated_at": (START + timedelta(seconds=number)).isoformat(),
        "created_at": (START + timedelta(seconds=number)).isoformat(),
    } | changes


def submission(number: int, entries: list[str], **changes: Any) -> dict[str, Any]:
    """A timesheet submission that names entries."""
    return {
        "id": str(number),
        "status": "pending",
        "start_date": "2026-09-01",
        "end_date": "2026-09-07",
        "title": None,
        "comment": None,
        "time_entry_ids": entries,
        "user_id": "11",
        "workspace_id": "7",
        "updated_at": (START + timedelta(seconds=number)).isoformat(),
    } | changes


@dataclass
class KantataScript:
    """Answers like Kantata. ``fault`` may answer a call in its stead; ``calls`` is the journal."""

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    submissions: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted_events: list[str] | None = None
    page_size: int | None = None
    fault: Callable[[Call], Answer | None] | None = None
    hook: Callable[[Call], None] | None = None
    calls: list[Call] = field(default_factory=list)

    def add(self, *entries: dict[str, Any]) -> None:
        """Put entries in place, by id."""
        self.entries.update({one["id"]: one for one in entries})

    def __call__(self, call: Call) -> Answer:
        self.calls.append(call)
        if self.hook is not None:
            self.hook(call)
        if call.headers.get("authorization") != f"Bearer {TOKEN}":
            return Answer({"errors": [{"type": "oauth", "message": "Invalid OAuth 2 Request"}]}, 401)
        if self.fault is not None and (answer := self.fault(call)) is not None:
            return answer
        name, _, one = call.path.removeprefix("/api/v1/").partition("/")
        if name == "subscribed_events":
            return self._events(call)
        known = {"time_entries": self.entries, "timesheet_submissions": self.submissions, "users": self.users}
        records = known.get(name, {})
        if one:
            if one not in records:
                return Answer({"errors": [{"type": "system", "message": "not found"}]}, 404)
            return self._envelope(name, [records[one]], call)
        return self._envelope(name, self._selected(list(records.values()), call), call)

    def _selected(self, records: list[dict[str, Any]], call: Call) -> list[dict[str, Any]]:
        query = call.query
        if "only" in query:
            wanted = query["only"].split(",")
            records = [record for record in records if record["id"] in wanted]
        if "updated_after" in query:
            after = datetime.fromisoformat(query["updated_after"])
            records = [record for record in records if datetime.fromisoformat(record["updated_at"]) > after]
        if "date_performed_between" in query:
            first, last = query["date_performed_between"].split(":")
            records = [record for record in records if first <= record["date_performed"] <= last]
        if "order" in query:
            by = query["order"].partition(":")[0]
            records = sorted(records, key=lambda record: (record[by], int(record["id"])))
        return records

    def _envelope(self, name: str, records: list[dict[str, Any]], call: Call) -> Answer:
        per_page = min(int(call.query.get("per_page", 20)), self.page_size or 200)
        page = int(call.query.get("page", 1))
        shown = records[(page - 1) * per_page : page * per_page]
        return Answer(
            {
                "count": len(records),
                "meta": {
                    "count": len(records),
                    "page_count": max(1, -(-len(records) // per_page)),
                    "page_number": page,
                    "page_size": per_page,
                },
                "results": [{"key": name, "id": record["id"]} for record in shown],
                name: {record["id"]: record for record in shown},
            }
        )

    def _events(self, call: Call) -> Answer:
        if self.deleted_events is None:
            return Answer({"errors": [{"type": "system", "message": "not subscribed"}]}, 403)
        events = [
            {"id": str(n), "event_type": "time_entry:deleted", "subject_id": one, "created_at": START.isoformat()}
            for n, one in enumerate(self.deleted_events)
        ]
        return self._envelope("subscribed_events", events, call)
