"""One hour's whole story, in order of time: every version its source gave, what was decided and by which rule, what was
meant to be written, what was asked and answered, the destination's own record, its invoice, and what the PSA was told.

Everything is read from the warehouse; no system is called. Personal fields stand there as tokens, and requests without
secrets, so a story can be shown to anyone who may see the hour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import dict_row

from plumbing.errors import NotFound
from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    from plumbing.settings import Settings

_HIDDEN = frozenset({"created_at", "updated_at"})
_SYNC_VIEWS = ("sync_erp__labor", "sync_psa__invoice_status")


@dataclass(frozen=True)
class Moment:
    """One thing that happened: when, in which system or room, what, and the figures that go with it."""

    at: datetime
    where: str
    what: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """An hour's story, and where it stands now (one row a sync)."""

    source_system: str
    source_id: str
    moments: tuple[Moment, ...]
    now: tuple[dict[str, Any], ...]


def tell(settings: Settings, entry: str) -> Story:
    """The story of a time entry: its id in the PSA, or `<connection>:<id>` where several PSAs are connected.

    Raises:
        NotFound: no version of it was ever landed.
    """
    named, _, rest = entry.partition(":")
    wanted, entry_id = ((named,), rest) if rest else (tuple(settings.connections), entry)
    with Warehouse.open(settings).connect("operate") as connection, connection.cursor(row_factory=dict_row) as cursor:
        for system in wanted:
            if not _exists(cursor, f"raw_{system}", "time_entries"):
                continue
            moments = _versions(cursor, system, "time_entries", entry_id, "time entry")
            if moments:
                moments += _approvals(cursor, system, entry_id)
                ledger = _ledger(cursor, system, entry_id)
                moments += ledger + _at_destinations(cursor, system, entry_id)
                moments.sort(key=lambda moment: moment.at)
                return Story(system, entry_id, tuple(moments), tuple(_now(cursor, system, entry_id)))
    raise NotFound(
        f"No version of time entry {entry} was ever landed.",
        remedy="Check the id in the PSA; `hourline land` reads what is new.",
    )


def _versions(cursor: Any, connection: str, resource: str, source_id: str, noun: str) -> list[Moment]:
    """Every version, each with the fields that changed since the one before."""
    cursor.execute(
        sql.SQL(
            "select version, source_version, read_started_at, landed_at, is_deleted, record from {}.{}"
            " where source_id = %s order by source_version, read_started_at, version"
        ).format(sql.Identifier(f"raw_{connection}"), sql.Identifier(resource)),
        (source_id,),
    )
    moments: list[Moment] = []
    before: dict[str, Any] = {}
    for row in cursor.fetchall():
        changed = {
            key: value for key, value in row["record"].items() if before.get(key) != value and key not in _HIDDEN
        }
        what = f"{noun} {source_id} deleted" if row["is_deleted"] else f"{noun} {source_id}, version {row['version']}"
        moments.append(Moment(row["landed_at"], connection, what, {"landed as": row["version"], **changed}))
        before = row["record"]
    return moments


def _approvals(cursor: Any, connection: str, entry_id: str) -> list[Moment]:
    """The submissions that the entry's versions named."""
    if not _exists(cursor, f"raw_{connection}", "timesheet_submissions"):
        return []
    cursor.execute(
        sql.SQL(
            "select distinct record ->> 'timesheet_submission_id' as id from {}.time_entries"
            " where source_id = %s and record ->> 'timesheet_submission_id' is not null"
        ).format(sql.Identifier(f"raw_{connection}")),
        (entry_id,),
    )
    found: list[Moment] = []
    for row in cursor.fetchall():
        found += _versions(cursor, connection, "timesheet_submissions", row["id"], "submission")
    return found


_INTENTS = """
select i.* from delivery.intent i
where (i.source_system = %(system)s and i.source_id = %(id)s)
   or i.intent_id in (select l.intent_id from delivery.intent_line l where l.source_system = %(system)s and l.source_id = %(id)s)
"""


def _ledger(cursor: Any, system: str, entry_id: str) -> list[Moment]:
    """What was meant, asked, answered and refused, and who intervened."""
    cursor.execute(_INTENTS + " order by i.intent_id", {"system": system, "id": entry_id})
    intents = cursor.fetchall()
    moments = [
        Moment(one["created_at"], "ledger", f"{one['sync']}: {_verb(one)} planned for {one['destination'] or 'no destination'}",
               _shown(one, "intent_id", "record_key", "revision", "minutes", "amount", "currency", "rules"))
        for one in intents
    ]  # fmt: skip
    ids = [one["intent_id"] for one in intents]
    cursor.execute(
        "select a.at, a.intent_id, a.outcome, a.vendor_id, a.category, a.code, a.message, a.is_late, r.destination, r.kind,"
        " r.http_calls, r.status, r.latency_ms from delivery.attempt a"
        " left join delivery.request r on r.call_id = a.call_id and r.phase = 'answered'"
        " where a.intent_id = any(%s) order by a.attempt_id",
        (ids,),
    )
    moments += [
        Moment(one["at"], one["destination"] or "ledger", f"{one['kind'] or 'call'} for intent {one['intent_id']}: {one['outcome']}",
               _shown(one, "vendor_id", "status", "category", "code", "message", "http_calls", "latency_ms"))
        for one in cursor.fetchall()
    ]  # fmt: skip
    cursor.execute(
        "select at, actor, verb, subject, detail from delivery.event where subject = any(%s) order by event_id",
        ([f"intent:{one}" for one in ids],),
    )
    moments += [
        Moment(one["at"], "ledger", f"{one['verb']} {one['subject']} by {one['actor']}", dict(one["detail"]))
        for one in cursor.fetchall()
    ]
    cursor.execute("select * from delivery.exception where intent_id = any(%s) order by exception_id", (ids,))
    for one in cursor.fetchall():
        moments.append(Moment(one["opened_at"], "ledger", f"exception {one['exception_id']}: {one['cause']}",
                              _shown(one, "owner", "message", "minutes", "money", "currency")))  # fmt: skip
        if one["closed_at"]:
            moments.append(Moment(one["closed_at"], "ledger", f"exception {one['exception_id']} closed by {one['closed_by']}",
                                  _shown(one, "closed_reason")))  # fmt: skip
    return moments


def _at_destinations(cursor: Any, system: str, entry_id: str) -> list[Moment]:
    """The destinations' own rows that carry our keys or the ids they gave us, and the invoices that list them."""
    cursor.execute(
        f"select distinct i.destination, i.record_key, i.vendor_id from ({_INTENTS}) i where i.destination is not null",  # noqa: S608  our own text
        {"system": system, "id": entry_id},
    )
    known = cursor.fetchall()
    keys = sorted({(one["destination"], one["record_key"]) for one in known})
    ids = {(one["destination"], one["vendor_id"]) for one in known if one["vendor_id"]}
    for destination, key in keys:
        cursor.execute(
            "select unnest(member_ids) as id from landing.neighbourhood"
            " where source_system = %s and kind = 'readback_of_key' and key_1 = %s",
            (destination, key),
        )
        ids |= {(destination, row["id"]) for row in cursor.fetchall()}
    moments: list[Moment] = []
    for destination, vendor_id in sorted(ids):
        for resource in ("time_bills", "time_sheets"):
            if _exists(cursor, f"raw_{destination}", resource):
                moments += _versions(
                    cursor, destination, resource, vendor_id, resource.removesuffix("s").replace("_", " ")
                )
        moments += _invoices(cursor, destination, vendor_id)
    return moments


def _invoices(cursor: Any, destination: str, vendor_id: str) -> list[Moment]:
    cursor.execute(
        "select unnest(member_ids) as id from landing.neighbourhood"
        " where source_system = %s and kind = 'invoice_of_time' and key_1 = %s",
        (destination, vendor_id),
    )
    found: list[Moment] = []
    for row in cursor.fetchall():
        for one in _versions(cursor, destination, "invoices", row["id"], "invoice"):
            small = {key: value for key, value in one.detail.items() if not isinstance(value, (dict, list))}
            found.append(Moment(one.at, one.where, one.what, small))
    return found


def _now(cursor: Any, system: str, entry_id: str) -> list[dict[str, Any]]:
    """Where the hour stands: what each sync view wants now, and what is in effect."""
    rows: list[dict[str, Any]] = []
    for view in _SYNC_VIEWS:
        if _exists(cursor, "sync", view):
            cursor.execute(
                sql.SQL("select * from sync.{} where source_system = %s and source_id = %s").format(
                    sql.Identifier(view)
                ),
                (system, entry_id),
            )
            rows += [
                {"sync": view.removeprefix("sync_"), **_shown(one, "destination", "legal_entity", "is_approved", "is_due",
                 "not_due_rule", "desired_state", "reason", "owner", "minutes", "amount", "currency", "fields", "context", "rules")}
                for one in cursor.fetchall()
            ]  # fmt: skip
    cursor.execute(
        f"select distinct c.* from delivery.chain c join ({_INTENTS}) i on i.sync = c.sync and i.chain_key = c.chain_key"  # noqa: S608  our own text
        " order by c.sync",
        {"system": system, "id": entry_id},
    )
    rows += [
        {"sync": f"in effect by {one['sync']}", **_shown(one, "destination", "settled_minutes", "settled_amount",
         "settled_currency", "settled_state", "settled_vendor_id", "settled_at", "open_intent_id")}
        for one in cursor.fetchall()
    ]  # fmt: skip
    return rows


def _exists(cursor: Any, schema: str, table: str) -> bool:
    cursor.execute("select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = %s and c.relname = %s",
                   (schema, table))  # fmt: skip
    return cursor.fetchone() is not None


def _verb(intent: dict[str, Any]) -> str:
    return "adoption" if intent["is_adopted"] else str(intent["operation"])


def _shown(row: dict[str, Any], *names: str) -> dict[str, Any]:
    """Just these columns, and of those the ones that say something."""
    return {name: row[name] for name in names if row.get(name) not in (None, "", {}, [])}
