"""Timesheet submissions: a person's week on one project, and the decisions on it (sheet B1.3 to B1.5).

A decision moves the entries' `approved` with it. Whether it moves their `updated_at` is unconfirmed: only with the flag
`kantata_approval_bumps_entries`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulators.firm.model import APPROVED, CANCELLED, REJECTED
from simulators.kantata.errors import invalid
from simulators.kantata.references import LIST_FILTERS, References, stamp_conditions
from simulators.kantata.resource import STAMPS, Document, Include, stamp_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulators.firm.model import Submission
    from simulators.kantata.query import ListQuery
    from simulators.kantata.state import State

# The filter's word for each status of the body.
STATUSES = {"new": "pending", "approved": "approved", "rejected": "rejected", "cancelled": "cancelled"}
_DECISIONS = {
    "approve": ("approved", frozenset({"pending"}), APPROVED),
    "reject": ("rejected", frozenset({"pending", "approved"}), REJECTED),
    "cancel": ("cancelled", frozenset({"pending", "approved"}), CANCELLED),
}


class Submissions:
    """The resource `timesheet_submissions`, over the firm's own table."""

    key = "timesheet_submissions"
    filters = frozenset(STAMPS) | LIST_FILTERS | {"statuses", "workspace_id", "user_id"}
    orders = frozenset({"id", "created_at", "updated_at", "start_date"})
    includes: Mapping[str, Include] = {
        "time_entries": Include("time_entry_ids", "time_entries", many=True),
        "user": Include("user_id", "users", always=True),
        "workspace": Include("workspace_id", "workspaces", always=True),
        "external_references": Include("external_reference_ids", "external_references", many=True),
    }
    optional: frozenset[str] = frozenset()

    def __init__(self, state: State, references: References, *, bumps_entries: bool) -> None:
        self._state = state
        self._references = references
        self._bumps_entries = bumps_entries
        self._table = state.world.submissions

    def find(self, asked: ListQuery) -> tuple[list[str], int]:
        """Latest change first unless asked otherwise."""
        where, values = ["1"], list[Any]()
        if asked.only is not None:
            where.append(f"submission_id in ({', '.join(asked.only) or 'null'})")
        if (text := asked.text("statuses")) is not None:
            words = [word.strip() for word in text.split(",") if word.strip()]
            if unknown := [word for word in words if word not in STATUSES]:
                raise invalid("statuses", f"statuses knows no {', '.join(unknown)}")
            where.append(f"status in ({', '.join(repr(STATUSES[word]) for word in words) or 'null'})")
        where += [
            f"{name} in ({', '.join(map(str, ids)) or 'null'})"
            for name in ("workspace_id", "user_id")
            if (ids := asked.ids(name)) is not None
        ]
        stamp_conditions(asked, where, values)
        self._references.conditions(asked, "Submission", "submission_id", where, values)
        order, direction = asked.order or ("updated_at", "desc")
        column = "submission_id" if order == "id" else order
        condition = " and ".join(where)
        rows = self._state.rows(
            f"select submission_id from submissions where {condition}"  # noqa: S608 - own text, values bound
            f" order by {column} {direction}, submission_id {direction} limit ? offset ?",
            [*values, asked.window.size, asked.window.start],
        )
        return [str(row[0]) for row in rows], self._table.count(condition, values)

    def documents(self, ids: Iterable[str]) -> dict[str, Document]:
        """Those that exist."""
        keys = [int(key) for key in ids]
        wanted = ", ".join(map(str, keys)) or "null"
        members: dict[int, list[str]] = {}
        totals: dict[int, int] = {}
        for submission, entry, cents in self._state.rows(
            "select submission_id, entry_id, coalesce(rate_cents, 0) * minutes / 60 from entries"  # noqa: S608  own text, values bound
            f" where submission_id in ({wanted}) and deleted_at is null order by entry_id"
        ):
            members.setdefault(submission, []).append(str(entry))
            totals[submission] = totals.get(submission, 0) + cents
        references = self._references.ids_of("Submission", keys)
        return {
            str(row.submission_id): _document(row)
            | {
                "time_entry_ids": members.get(row.submission_id, []),
                "line_item_total_in_cents": totals.get(row.submission_id, 0),
                "external_reference_ids": references.get(row.submission_id, []),
            }
            for row in self._table.select(f"submission_id in ({wanted})")
        }

    def decide(self, key: int, verb: str, description: str) -> None:
        """Approve, reject or cancel, with the effect on the entries. Raises Refusal(422)."""
        status, possible, state = _DECISIONS[verb]
        row = self._table.get(key)
        if row is None:
            raise invalid("ids", f"timesheet submission {key} does not exist")
        if row.status not in possible:
            raise invalid("status", f"a submission that is {row.status} can't be {status}")
        now = self._state.now()
        row.status, row.resolved_at, row.updated_at, row.resolution = status, now, now, description
        self._table.save(row)
        members = self._state.world.entries.select("submission_id = ? and deleted_at is null", (key,), "entry_id")
        for member in members:
            member.state = state
            if state == APPROVED:
                member.settled_json = None
            if self._bumps_entries:
                member.updated_at = now
        self._state.world.entries.save_many(members)


def _document(row: Submission) -> Document:
    return {
        "id": str(row.submission_id),
        "status": row.status,
        "start_date": row.start_date.isoformat(),
        "end_date": row.end_date.isoformat(),
        "title": row.title,
        "comment": None,
        "current_resolution_created_at_date": stamp_text(row.resolved_at),
        "current_resolution_creator_id": None if row.resolver_user_id is None else str(row.resolver_user_id),
        "current_resolution_description": row.resolution or None,
        "permissions": {
            "can_approve_submission": row.status == "pending",
            "can_reject_submission": row.status in {"pending", "approved"},
            "can_cancel_submission": row.status in {"pending", "approved"},
            "can_resubmit_submission": row.status in {"rejected", "cancelled"},
        },
        "user_id": str(row.user_id),
        "workspace_id": str(row.workspace_id),
        "created_at": stamp_text(row.created_at),
        "updated_at": stamp_text(row.updated_at),
    }
