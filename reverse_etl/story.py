"""The story of one time entry: read-only, for people and for ``--json``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from reverse_etl import destinations
from reverse_etl.report import plain

if TYPE_CHECKING:
    from plumbing.settings import Settings


@dataclass(frozen=True)
class TracedIntent:
    """One intent with everything that was asked, answered and said about it, oldest first."""

    intent: dict[str, Any]
    attempts: list[dict[str, Any]] = field(default_factory=list)
    exceptions: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Trace:
    """Every intent that a source entry had a part in, in every sync."""

    source_system: str | None
    source_id: str
    intents: list[TracedIntent]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(plain(asdict(self)))


def trace(settings: Settings, source_id: str, source_system: str | None = None) -> Trace:
    """The delivery story of one source entry (a time entry's id; the PSA connection if two PSAs share the id)."""
    engine = destinations.engine(settings, "operate")
    try:
        with engine.connect() as connection:
            intents = [
                dict(row)
                for row in connection.execute(sa.text(_INTENTS), {"id": source_id, "system": source_system}).mappings()
            ]
            ids: list[int] = [row["intent_id"] for row in intents]
            attempts = _by_intent(connection, _ATTEMPTS, ids)
            exceptions_ = _by_intent(connection, _EXCEPTIONS, ids)
            events = _by_intent(connection, _EVENTS, ids)
    finally:
        engine.dispose()
    told = [
        TracedIntent(row, attempts.get(number, []), exceptions_.get(number, []), events.get(number, []))
        for number, row in zip(ids, intents, strict=True)
    ]
    return Trace(source_system, source_id, told)


def _by_intent(connection: sa.Connection, sql: str, ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in connection.execute(sa.text(sql), {"ids": ids}).mappings():
        one = dict(row)
        found.setdefault(int(one.pop("intent_id")), []).append(one)
    return found


_INTENTS = """
select i.*, l.version as member_version, l.minutes as member_minutes
from (
    select intent_id, version, minutes from delivery.intent_line
    where source_id = :id and (cast(:system as text) is null or source_system = :system)
) l
join delivery.ops_rows i using (intent_id)
union
select i.*, null, null from delivery.ops_rows i
join delivery.chain c using (sync, chain_key)
where c.source_id = :id and (cast(:system as text) is null or c.source_system = :system)
    and not exists (select from delivery.intent_line l where l.intent_id = i.intent_id and l.source_id = :id)
order by sync, revision
"""

_ATTEMPTS = """
select a.intent_id, a.attempt_no, a.at, a.outcome, a.vendor_id, a.category, a.code, a.message, a.is_late, r.kind, r.status, r.latency_ms,
       r.vendor_request_id, r.vendor_job_ref, r.http_calls
from delivery.attempt a left join delivery.request r on r.call_id = a.call_id and r.phase = 'answered'
where a.intent_id = any(cast(:ids as bigint[])) order by a.attempt_id
"""

_EXCEPTIONS = """
select intent_id, category, cause, owner, message, opened_at, closed_at, closed_by, closed_reason, closed_intent_id, replay_count
from delivery.exception where intent_id = any(cast(:ids as bigint[])) order by exception_id
"""

_EVENTS = """
select cast(split_part(subject, ':', 2) as bigint) as intent_id, at, actor, verb, detail
from delivery.event where subject = any(array(select 'intent:' || id from unnest(cast(:ids as bigint[])) id)) order by event_id
"""
