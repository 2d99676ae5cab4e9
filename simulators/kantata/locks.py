"""Locks of time: a Saturday in the past, account-wide, never moved back (sheet B1.11)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simulators.kantata.body import only
from simulators.kantata.errors import invalid
from simulators.kantata.masters import ACCOUNT_ID
from simulators.kantata.query import day
from simulators.kantata.references import stamp_conditions
from simulators.kantata.resource import Document, Include, stamp_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from simulators.kantata.query import ListQuery
    from simulators.kantata.state import State

FIRST_LOCK_ID = 3_001
SATURDAY = 5


class Locks:
    """The resource `line_item_locks`: a Saturday in the past, each later than the last; never moved back."""

    key = "line_item_locks"
    filters = frozenset({"created_after", "created_before"})
    orders = frozenset({"id", "created_at"})
    includes: Mapping[str, Include] = {}
    optional: frozenset[str] = frozenset()

    def __init__(self, state: State, creator: int) -> None:
        self._state = state
        self._creator = creator

    def find(self, asked: ListQuery) -> tuple[list[str], int]:
        """By id."""
        self._mirror()
        where, values = ["1"], list[Any]()
        if asked.only is not None:
            where.append(f"id in ({', '.join(asked.only) or 'null'})")
        stamp_conditions(asked, where, values)
        direction = (asked.order or ("id", "asc"))[1]
        rows = self._state.rows(
            f"select id from kantata_lock where {' and '.join(where)} order by id {direction}",  # noqa: S608
            values,
        )
        page = rows[asked.window.start : asked.window.start + asked.window.size]
        return [str(row[0]) for row in page], len(rows)

    def documents(self, ids: Iterable[str]) -> dict[str, Document]:
        """Those that exist."""
        self._mirror()
        wanted = ", ".join(str(int(key)) for key in ids) or "null"
        return {
            str(row["id"]): {
                "id": str(row["id"]),
                "account_id": ACCOUNT_ID,
                "creator_id": str(row["creator_id"]),
                "locked_to": row["locked_to"],
                "created_at": stamp_text(row["created_at"]),
            }
            for row in self._state.named(f"select * from kantata_lock where id in ({wanted})")  # noqa: S608
        }

    def create(self, given: Mapping[str, Any]) -> str:
        """Locks time up to a Saturday. Raises Refusal(422)."""
        only(given, frozenset({"locked_to"}), "a line item lock")
        self._mirror()
        locked_to = day("locked_to", given.get("locked_to"))
        if locked_to.weekday() != SATURDAY:
            raise invalid("locked_to", "locked_to must be a Saturday")
        if locked_to >= self._state.now().date():
            raise invalid("locked_to", "locked_to must be in the past")
        present = self._state.world.locked_to
        if present is not None and locked_to <= present:
            raise invalid("locked_to", f"locked_to must be later than {present}")
        self._state.world.locked_to = locked_to
        key = self._add(locked_to)
        self._state.event("line_item_lock:created", ("LineItemLock", key), json.dumps({"locked_to": str(locked_to)}))
        return str(key)

    def _add(self, locked_to: date) -> int:
        key = self._state.next_id("kantata_lock", FIRST_LOCK_ID)
        stamp = int(self._state.now().timestamp())
        self._state.run("insert into kantata_lock values (?, ?, ?, ?)", (key, self._creator, str(locked_to), stamp))
        return key

    def _mirror(self) -> None:
        """A lock that the firm set by itself is listed too."""
        present = self._state.world.locked_to
        latest = self._state.value("select max(locked_to) from kantata_lock")
        if present is not None and (latest is None or str(present) > latest):
            self._add(present)
