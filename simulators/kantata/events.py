"""The feed of events: nine days of changes, in no order, some told twice; a paid add-on (sheet B1.10)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simulators.kantata.errors import forbidden, invalid
from simulators.kantata.references import stamp_conditions
from simulators.kantata.resource import Document, Include, stamp_text
from simulators.kantata.state import EVENTS_KEPT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulators.kantata.query import ListQuery
    from simulators.kantata.state import State

EVENT_TYPES = (
    "time_entry:created", "time_entry:updated", "time_entry:deleted", "timesheet:created", "timesheet:updated",
    "timesheet:time_entry_added", "invoice:created", "invoice:updated", "invoice:deleted", "line_item_lock:created",
)  # fmt: skip
# Where the record of a subject is.
SUBJECTS = {
    "TimeEntry": "time_entries",
    "Submission": "timesheet_submissions",
    "Invoice": "invoices",
    "LineItemLock": "line_item_locks",
}


class Events:
    """The resource `subscribed_events`. The service fills in `subject_ref` and the included subjects."""

    key = "subscribed_events"
    filters = frozenset({"created_after", "created_before", "event_types", "most_recent", "most_recent_by_event_type"})
    orders: frozenset[str] = frozenset()
    includes: Mapping[str, Include] = {"subject": Include("subject_ref", "", always=True)}
    optional: frozenset[str] = frozenset()

    def __init__(self, state: State) -> None:
        self._state = state

    def check_bought(self) -> None:
        """Raises Refusal(403) without the add-on."""
        if not self._state.has_events:
            raise forbidden("Subscribed events are not enabled for this account")

    def find(self, asked: ListQuery) -> tuple[list[str], int]:
        """Shuffled, the same way on every page."""
        self.check_bought()
        horizon = self._state.world.clock.now() - EVENTS_KEPT
        where, values = ["created_at >= ?"], list[Any]([int(horizon.timestamp())])
        stamp_conditions(asked, where, values)
        if (text := asked.text("event_types")) is not None:
            words = [word.strip() for word in text.split(",") if word.strip()]
            if unknown := [word for word in words if word not in EVENT_TYPES]:
                raise invalid("event_types", f"event_types knows no {', '.join(unknown)}")
            where.append(f"event_type in ({', '.join(repr(word) for word in words) or 'null'})")
        condition = " and ".join(where)
        for name, group in (
            ("most_recent", "subject_type, subject_id"),
            ("most_recent_by_event_type", "subject_type, subject_id, event_type"),
        ):
            if asked.flag(name):
                condition += f" and id in (select max(id) from kantata_event where {condition} group by {group})"  # noqa: S608
                values = values * 2
        total = int(self._state.value(f"select count(*) from kantata_event where {condition}", values))  # noqa: S608
        rows = self._state.rows(
            f"select id from kantata_event where {condition} order by id * 2654435761 % 4294967296 limit ? offset ?",  # noqa: S608
            [*values, asked.window.size, asked.window.start],
        )
        return [str(row[0]) for row in rows], total

    def documents(self, ids: Iterable[str]) -> dict[str, Document]:
        """Those that exist."""
        wanted = ", ".join(str(int(key)) for key in ids) or "null"
        found = {}
        for row in self._state.named(f"select * from kantata_event where id in ({wanted})"):  # noqa: S608
            previous = json.loads(row["previous"]) if row["previous"] else {}
            current = json.loads(row["current"]) if row["current"] else {}
            found[str(row["id"])] = {
                "id": str(row["id"]),
                "event_type": row["event_type"],
                "subject_type": row["subject_type"],
                "subject_id": str(row["subject_id"]),
                "subject_ref": None,
                "previous_payload": previous,
                "current_payload": current,
                "payload_changes": {
                    name: [previous.get(name), value]
                    for name, value in current.items()
                    if previous and previous.get(name) != value
                },
                "subject_changed_at": stamp_text(row["subject_changed_at"]),
                "created_at": stamp_text(row["created_at"]),
            }
        return found
