"""Time entries: lists with the vendor's filters, and what callers may enter, change and delete (sheet B1.3 to B1.5, B1.11)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simulators.firm.model import APPROVED, DRAFT, SUBMITTED, TimeEntry
from simulators.kantata.errors import invalid
from simulators.kantata.query import day
from simulators.kantata.references import LIST_FILTERS, References, stamp_conditions
from simulators.kantata.resource import STAMPS, Document, Include, stamp_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulators.kantata.masters import Firm
    from simulators.kantata.query import ListQuery
    from simulators.kantata.state import State

MOST_DELETED = 100
MOST_MINUTES = 1440
_SYMBOLS = {"USD": "$", "GBP": "£", "EUR": "€"}
_BASE_UNITS = {"JPY": 1}
_ACTIVE = frozenset({SUBMITTED, APPROVED})
_ATTRIBUTES = frozenset(
    {
        "workspace_id", "date_performed", "time_in_minutes", "billable", "story_id", "role_id", "user_id", "notes",
        "rate_in_cents", "external_reference",
    }
)  # fmt: skip


class TimeEntries:
    """The resource `time_entries`, over the firm's own table."""

    key = "time_entries"
    filters = (
        frozenset(STAMPS)
        | LIST_FILTERS
        | {
            "approved", "billable", "invoiced", "uninvoiced", "date_performed_between", "workspace_id",
            "with_user_ids", "with_timesheet_id", "in_active_submission", "in_active_invoice_id",
            "from_archived_workspaces", "on_my_account",
        }
    )  # fmt: skip
    orders = frozenset({"date_performed", "updated_at", "created_at"})
    includes: Mapping[str, Include] = {
        "user": Include("user_id", "users"),
        "workspace": Include("workspace_id", "workspaces"),
        "story": Include("story_id", "stories"),
        "role": Include("role_id", "roles"),
        "invoice": Include("invoice_id", "invoices"),
        "active_submission": Include("active_submission_id", "timesheet_submissions"),
        "recent_submission": Include("recent_submission_id", "timesheet_submissions"),
        "external_references": Include("external_reference_ids", "external_references", many=True),
    }
    optional: frozenset[str] = frozenset()

    def __init__(self, state: State, firm: Firm, references: References) -> None:
        self._state = state
        self._firm = firm
        self._references = references
        self._table = state.world.entries
        self._counts: dict[str, tuple[int, int]] = {}

    # -- reading --------------------------------------------------------------------------------------------------

    def find(self, asked: ListQuery) -> tuple[list[str], int]:
        """Newest work date first unless asked otherwise."""
        where, values = self._conditions(asked)
        order, direction = asked.order or ("date_performed", "desc")
        column = "work_date" if order == "date_performed" else order
        condition = " and ".join(where)
        ids = self._state.rows(
            f"select entry_id from entries where {condition}"  # noqa: S608 - own text, values bound
            f" order by {column} {direction}, entry_id {direction} limit ? offset ?",
            [*values, asked.window.size, asked.window.start],
        )
        return [str(row[0]) for row in ids], self._count(condition, values)

    def documents(self, ids: Iterable[str]) -> dict[str, Document]:
        """Those that exist, whatever the default filters hide."""
        keys = [int(key) for key in ids]
        wanted = ", ".join(map(str, keys)) or "null"
        rows = self._table.select(f"entry_id in ({wanted}) and deleted_at is null")
        invoiced = dict(self._state.rows(f"select * from kantata_invoiced where entry_id in ({wanted})"))  # noqa: S608
        references = self._references.ids_of("TimeEntry", keys)
        return {str(row.entry_id): self._document(row, invoiced, references) for row in rows}

    def is_hidden(self, key: str) -> bool:
        """Whether the default filter hides an entry: its project is archived."""
        row = self._table.get(int(key))
        project = self._firm.all_workspaces().get(str(row.workspace_id)) if row else None
        return project is not None and project.is_archived

    def _count(self, condition: str, values: list[Any]) -> int:
        """Rows of a condition; remembered until the database changes."""
        key, changes = f"{condition}{values}", self._state.db.total_changes
        if self._counts.get(key, (-1, 0))[0] != changes:
            if len(self._counts) > 100:
                self._counts.clear()
            self._counts[key] = (changes, self._table.count(condition, values))
        return self._counts[key][1]

    def _conditions(self, asked: ListQuery) -> tuple[list[str], list[Any]]:
        where, values = ["deleted_at is null"], list[Any]()
        if asked.only is not None:
            where.append(f"entry_id in ({', '.join(asked.only) or 'null'})")
        if not asked.flag("from_archived_workspaces", default=False):
            archived = [key for key, project in self._firm.all_workspaces().items() if project.is_archived]
            where.append(f"workspace_id not in ({', '.join(archived)})")
        asked.flag("on_my_account")
        where += [*_flags(asked), *_keys(asked)]
        if (between := asked.dates("date_performed_between")) is not None:
            where.append("work_date between ? and ?")
            values += [bound.isoformat() for bound in between]
        stamp_conditions(asked, where, values)
        self._references.conditions(asked, "TimeEntry", "entry_id", where, values)
        return where, values

    def _document(self, e: TimeEntry, invoiced: Mapping[int, int], references: Mapping[int, list[str]]) -> Document:
        invoice = invoiced.get(e.entry_id)
        active = e.submission_id if e.state in _ACTIVE else None
        return {
            "id": str(e.entry_id),
            "date_performed": e.work_date.isoformat(),
            "time_in_minutes": e.minutes,
            "billable": e.billable,
            "approved": e.state == APPROVED,
            "is_invoiced": invoice is not None,
            "taxable": False,
            "notes": e.notes,
            "rate_in_cents": e.rate_cents,
            "cost_rate_in_cents": None,
            "currency": e.currency,
            "currency_base_unit": _BASE_UNITS.get(e.currency, 100),
            "currency_symbol": _SYMBOLS.get(e.currency, e.currency),
            "location": None,
            "created_at": stamp_text(e.created_at),
            "updated_at": stamp_text(e.updated_at),
            "user_can_edit": invoice is None and active is None and not self._is_locked(e),
            "user_id": str(e.user_id),
            "workspace_id": str(e.workspace_id),
            "story_id": _text(e.story_id),
            "role_id": _text(e.role_id),
            "invoice_id": _text(invoice),
            "active_submission_id": _text(active),
            "recent_submission_id": _text(e.submission_id),
            "external_reference_ids": references.get(e.entry_id, []),
        }

    # -- writing --------------------------------------------------------------------------------------------------

    def create(self, given: Mapping[str, Any]) -> str:
        """A new entry; duplicates are accepted. Raises Refusal(422)."""
        for name in ("workspace_id", "date_performed", "time_in_minutes"):
            if given.get(name) in (None, ""):
                raise invalid(name, f"{name} can't be blank")
        now = self._state.now()
        blank = TimeEntry(
            entry_id=self._table.next_key(), user_id=int(next(iter(self._firm.users()))), workspace_id=0, story_id=None,
            role_id=None, work_date=now.date(), minutes=0, billable=True, notes="", rate_cents=None, currency="",
            state=DRAFT, submission_id=None, created_at=now, updated_at=now, deleted_at=None, traits="api",
            settled_json=None,
        )  # fmt: skip
        entry = self._applied(blank, given)
        project = self._firm.workspaces()[str(entry.workspace_id)]
        entry.state = DRAFT if project.requires_approval else APPROVED
        entry.rate_cents = self._rate(entry) if given.get("rate_in_cents") is None else entry.rate_cents
        reference = given.get("external_reference")
        if reference is not None and not isinstance(reference, dict):
            raise invalid("external_reference", "external_reference must be an object")
        self._table.save(entry)
        if reference is not None:
            self._references.upsert({"subject_type": "TimeEntry", "subject_id": str(entry.entry_id), **reference})
        return str(entry.entry_id)

    def update(self, key: str, given: Mapping[str, Any]) -> None:
        """Changes an entry that nobody approved, submitted or invoiced. Raises Refusal(422)."""
        entry = self._editable(int(key))
        changed = self._applied(entry, given)
        changed.updated_at = self._state.now()
        self._table.save(changed)

    def delete(self, keys: list[int]) -> None:
        """All or none. Raises Refusal(422) before anything is deleted."""
        if len(keys) > MOST_DELETED:
            raise invalid("ids", f"no more than {MOST_DELETED} can be deleted at once")
        rows = [self._editable(key) for key in dict.fromkeys(keys)]
        now = self._state.now()
        self._table.save_many(replace(row, deleted_at=now, updated_at=now) for row in rows)

    def _editable(self, key: int) -> TimeEntry:
        entry = self._table.get(key)
        if entry is None or entry.deleted_at is not None:
            raise invalid("id", f"time entry {key} does not exist")
        if self._state.value("select 1 from kantata_invoiced where entry_id = ?", (key,)):
            raise invalid("base", "an invoiced time entry can't be changed")
        if entry.state in _ACTIVE and entry.submission_id is not None:
            raise invalid("base", "a time entry in an active submission can't be changed")
        self._check_lock(entry)
        return entry

    def _applied(self, entry: TimeEntry, given: Mapping[str, Any]) -> TimeEntry:
        if unknown := set(given) - _ATTRIBUTES:
            name = min(unknown)
            raise invalid(name, f"{name} is not an attribute of a time entry")
        changed = replace(entry)
        if "workspace_id" in given:
            project = self._firm.workspaces().get(_key(given["workspace_id"]))
            if project is None:
                raise invalid("workspace_id", "workspace is invalid")
            changed.workspace_id, changed.currency = int(project.kantata_workspace_id), project.currency
        if given.get("story_id") is not None:
            found = self._firm.stories().get(_key(given["story_id"]))
            if found is None or found[0].kantata_workspace_id != str(changed.workspace_id):
                raise invalid("story_id", "story is invalid")
            changed.story_id = int(given["story_id"])
        for name, known in (("user_id", self._firm.users()), ("role_id", self._firm.roles())):
            if given.get(name) is not None:
                if _key(given[name]) not in known:
                    raise invalid(name, f"{name.removesuffix('_id')} is invalid")
                setattr(changed, name, int(given[name]))
        self._apply_plain(changed, given)
        self._check_lock(changed)
        return changed

    @staticmethod
    def _apply_plain(changed: TimeEntry, given: Mapping[str, Any]) -> None:
        if "date_performed" in given:
            changed.work_date = day("date_performed", given["date_performed"])
        if "time_in_minutes" in given:
            minutes = given["time_in_minutes"]
            if isinstance(minutes, bool) or not isinstance(minutes, int) or not 0 < minutes <= MOST_MINUTES:
                raise invalid("time_in_minutes", f"time_in_minutes must be a whole number from 1 to {MOST_MINUTES}")
            changed.minutes = minutes
        if "billable" in given:
            if not isinstance(given["billable"], bool):
                raise invalid("billable", "billable must be true or false")
            changed.billable = given["billable"]
        if "rate_in_cents" in given and given["rate_in_cents"] is not None:
            cents = given["rate_in_cents"]
            if isinstance(cents, bool) or not isinstance(cents, int) or cents < 0:
                raise invalid("rate_in_cents", "rate_in_cents must be a whole number")
            changed.rate_cents = cents
        if "notes" in given:
            if not isinstance(given["notes"], str):
                raise invalid("notes", "notes must be text")
            changed.notes = given["notes"]

    def _rate(self, entry: TimeEntry) -> int | None:
        rows = [
            row
            for row in self._state.world.rate_card
            if row.kantata_role_id == str(entry.role_id)
            and row.currency == entry.currency
            and row.effective_date <= entry.work_date
        ]
        return max(rows, key=lambda row: row.effective_date).cents_per_hour if rows else None

    def _is_locked(self, entry: TimeEntry) -> bool:
        locked_to = self._state.world.locked_to
        return locked_to is not None and entry.work_date <= locked_to

    def _check_lock(self, entry: TimeEntry) -> None:
        if self._is_locked(entry):
            raise invalid("date_performed", f"time is locked up to {self._state.world.locked_to}")


def _flags(asked: ListQuery) -> list[str]:
    """Conditions of the filters that are true or false; for two of them their presence is enough."""
    found = []
    for name, condition in (
        ("approved", f"state = '{APPROVED}'"),
        ("billable", "billable = 1"),
        ("in_active_submission", "submission_id is not null and state in ('submitted', 'approved')"),
    ):
        flag = asked.flag(name)
        if flag is not None:
            found.append(f"({condition})" if flag else f"not ({condition})")
    for name, sign in (("invoiced", ""), ("uninvoiced", "not ")):
        if name in asked.filters:
            found.append(f"{sign}exists (select 1 from kantata_invoiced i where i.entry_id = entries.entry_id)")  # noqa: S608  own text, values bound
    return found


def _keys(asked: ListQuery) -> list[str]:
    """Conditions of the filters that name records."""
    found = []
    for name, column in (
        ("workspace_id", "workspace_id"),
        ("with_user_ids", "user_id"),
        ("with_timesheet_id", "submission_id"),
    ):
        if (ids := asked.ids(name)) is not None:
            found.append(f"{column} in ({', '.join(map(str, ids)) or 'null'})")
    if (invoices := asked.ids("in_active_invoice_id")) is not None:
        wanted = ", ".join(map(str, invoices)) or "null"
        found.append(f"entry_id in (select entry_id from kantata_invoiced where invoice_id in ({wanted}))")  # noqa: S608  own text, values bound
    return found


def _text(key: int | None) -> str | None:
    return None if key is None else str(key)


def _key(value: Any) -> str:
    """An id given as text or number; anything else is no id."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
