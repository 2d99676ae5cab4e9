"""What Kantata keeps beside the firm: external references, invoices, locks and the feed of events.

The tables stand next to the firm's own, in its private database. Triggers write the feed, so that a change of an entry
or submission is announced whoever made it; every thirteenth event is announced twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from simulators.firm.model import World

EVENTS_KEPT = timedelta(days=9)
_TABLES = {
    "kantata_reference": (
        "id integer primary key, subject_type text, subject_id integer, service_name text, service_model text,"
        " service_model_ref text, status text, external_status text, external_link text, external_message text,"
        " locked integer, created_at integer, updated_at integer, unique (subject_type, subject_id, service_name)"
    ),
    "kantata_invoice": (
        "id integer primary key, workspace_id integer, status text, draft integer, title text, currency text,"
        " invoice_date text, due_date text, user_invoice_number integer, balance_in_cents integer,"
        " payment_schedule text, created_at integer, updated_at integer"
    ),
    "kantata_invoiced": "entry_id integer primary key, invoice_id integer",
    "kantata_lock": "id integer primary key, creator_id integer, locked_to text, created_at integer",
    "kantata_event": (
        "id integer primary key, event_type text, subject_type text, subject_id integer, previous text, current text,"
        " subject_changed_at integer, created_at integer"
    ),
}
_INDEXES = (
    "create index kantata_reference_service on kantata_reference (service_name, subject_type, subject_id)",
    "create index kantata_invoiced_invoice on kantata_invoiced (invoice_id)",
    "create index kantata_event_created on kantata_event (created_at)",
)
_ENTRY = ("date_performed", "work_date"), ("time_in_minutes", "minutes"), ("billable", "billable"), ("notes", "notes")
_ENTRY_IDS = ("user_id", "user_id"), ("workspace_id", "workspace_id"), ("story_id", "story_id"), ("role_id", "role_id")
_SUBMISSION = ("status", "status"), ("start_date", "start_date"), ("end_date", "end_date"), ("user_id", "user_id")


def _payload(alias: str, fields: Sequence[tuple[str, str]]) -> str:
    return "json_object(" + ", ".join(f"'{name}', {alias}.{column}" for name, column in fields) + ")"


def _triggers() -> list[str]:
    fields = (*_ENTRY, *_ENTRY_IDS)
    insert = "insert into kantata_event (event_type, subject_type, subject_id, previous, current, subject_changed_at,"
    entry = f"""create trigger kantata_entry_event before insert on entries begin
      {insert} created_at)
      select case when o.entry_id is null then 'time_entry:created' when new.deleted_at is not null
               then 'time_entry:deleted' else 'time_entry:updated' end,
             'TimeEntry', new.entry_id, case when o.entry_id is not null then {_payload("o", fields)} end,
             case when new.deleted_at is null then {_payload("new", fields)} end, new.updated_at, kantata_now()
      from (select 1) left join entries o on o.entry_id = new.entry_id
      where o.entry_id is null or (o.deleted_at is null and o.updated_at <> new.updated_at); end"""  # noqa: S608  own text, values bound
    submission = f"""create trigger kantata_submission_event before insert on submissions begin
      {insert} created_at)
      select case when o.submission_id is null then 'timesheet:created' else 'timesheet:updated' end, 'Submission',
             new.submission_id, case when o.submission_id is not null then {_payload("o", _SUBMISSION)} end,
             {_payload("new", _SUBMISSION)}, new.updated_at, kantata_now()
      from (select 1) left join submissions o on o.submission_id = new.submission_id
      where o.submission_id is null or o.updated_at <> new.updated_at or o.status <> new.status; end"""  # noqa: S608  own text, values bound
    added = f"""create trigger kantata_added_event before insert on entries when new.submission_id is not null begin
      {insert} created_at)
      select 'timesheet:time_entry_added', 'Submission', new.submission_id, null,
             json_object('time_entry_id', new.entry_id), new.updated_at, kantata_now()
      from (select 1) left join entries o on o.entry_id = new.entry_id
      where o.submission_id is null or o.submission_id <> new.submission_id; end"""  # noqa: S608  own text, values bound
    again = f"""create trigger kantata_event_again after insert on kantata_event when new.id % 13 = 0 begin
      {insert} created_at) values (new.event_type, new.subject_type, new.subject_id, new.previous, new.current,
      new.subject_changed_at, new.created_at); end"""  # noqa: S608  own text, values bound
    return [entry, submission, added, again]


class State:
    """Side tables and the clock for stamps."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.db: sqlite3.Connection = world.entries.connection
        self.has_events = True
        self._latest = 0
        self._mirrored: list[tuple[str, str, str, str, str]] = []
        self.db.create_function("kantata_now", 0, lambda: int(world.clock.now().timestamp()))
        for name in ("kantata_entry_event", "kantata_submission_event", "kantata_added_event", "kantata_event_again"):
            self.db.execute(f"drop trigger if exists {name}")
        for name, columns in _TABLES.items():
            self.db.execute(f"drop table if exists {name}")
            self.db.execute(f"create table {name} ({columns})")
        for statement in (*_INDEXES, _triggers()[-1]):
            self.db.execute(statement)
        self._backlog()
        for statement in _triggers()[:-1]:
            self.db.execute(statement)

    # -- small queries --------------------------------------------------------------------------------------------

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self.db.execute(sql, parameters).fetchall()

    def named(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """All rows of a query, as dicts."""
        cursor = self.db.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None."""
        row = self.db.execute(sql, parameters).fetchone()
        return row[0] if row else None

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """One change."""
        self.db.execute(sql, parameters)

    def next_id(self, table: str, least: int) -> int:
        """The next id of a side table; ids start at `least`."""
        return max(int(self.value(f"select coalesce(max(id), 0) from {table}")) + 1, least)  # noqa: S608 - own names

    # -- time -----------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The next change's stamp: whole seconds, never earlier than the last one."""
        self._latest = max(self._latest, int(self.world.clock.now().timestamp()))
        return datetime.fromtimestamp(self._latest, UTC)

    def event(self, event_type: str, subject: tuple[str, int], current: str | None) -> None:
        """Announce a change of something that no trigger watches."""
        stamp = int(self.now().timestamp())
        self.run(
            "insert into kantata_event (event_type, subject_type, subject_id, previous, current, subject_changed_at,"
            " created_at) values (?, ?, ?, null, ?, ?, ?)",
            (event_type, *subject, current, stamp, stamp),
        )

    def _backlog(self) -> None:
        """The feed of the last nine days, as far as the records still tell."""
        since = int((self.world.clock.now() - EVENTS_KEPT).timestamp())
        fields = (*_ENTRY, *_ENTRY_IDS)
        for event, column, extra in (
            ("created", "created_at", ""),
            ("updated", "updated_at", " and updated_at > created_at and deleted_at is null"),
            ("deleted", "deleted_at", ""),
        ):
            current = "null" if event == "deleted" else _payload("e", fields)
            self.run(
                "insert into kantata_event (event_type, subject_type, subject_id, previous, current,"  # noqa: S608  own text, values bound
                f" subject_changed_at, created_at) select 'time_entry:{event}', 'TimeEntry', entry_id, null, {current},"
                f" {column}, {column} from entries e where {column} >= ?{extra}",
                (since,),
            )
        for event, column in (("created", "created_at"), ("updated", "updated_at")):
            self.run(
                "insert into kantata_event (event_type, subject_type, subject_id, previous, current,"  # noqa: S608  own text, values bound
                f" subject_changed_at, created_at) select 'timesheet:{event}', 'Submission', submission_id, null,"
                f" {_payload('s', _SUBMISSION)}, {column}, {column} from submissions s where {column} >= ?"
                + (" and updated_at > created_at" if event == "updated" else ""),
                (since,),
            )
