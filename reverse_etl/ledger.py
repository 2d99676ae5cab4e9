"""The ledger's own hand: claims, calls and outcomes, each in one transaction that the caller commits.

The promise: an intent is claimed under a lease on the database's clock, and its call is written down, before anything is sent;
an answer is written down before the next claim; a state changes only under the claim that holds the lease, while a late
answer is always kept (``attempt.is_late``). Nothing is deleted.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from plumbing.canonical import dumps
from plumbing.redaction import redact
from reverse_etl import statements
from reverse_etl.writer import Operation, Outcome, Record, Result

if TYPE_CHECKING:
    from datetime import datetime

    from reverse_etl.outcomes import Transition

LONGEST_MESSAGE = 500

# Payloads and fields come as text: the driver's JSON would turn numbers into floats.
_COLUMNS = """
    i.intent_id, i.sync, i.destination, i.operation, i.record_key, i.request_key, cast(i.correlation_id as text) as correlation_id,
    cast(i.fields as text) as fields, cast(i.context as text) as context, cast(i.payload as text) as payload,
    cast(p.fields as text) as previous, cast(p.payload as text) as previous_payload, i.vendor_id,
    cast(i.vendor_detail as text) as vendor_detail, i.legal_entity, i.work_date, i.state_since as sent_at,
    case when p.state = 'refused' then p.vendor_id else c.settled_vendor_id end as previous_vendor_id,
    i.attempt_count, i.failure_count, i.look_count,
    case when i.corrects is not null then (select o.record_key from delivery.intent o where o.intent_id = i.corrects) end as corrects_key,
    case when i.corrects is not null then (select o.vendor_id from delivery.intent o where o.intent_id = i.corrects) end as corrects_id,
    case when p.state = 'refused' then p.intent_id end as replaces_id,
    extract(epoch from hourline.now() - i.doubt_since) as doubt_seconds
"""

# What stands there before an intent `i` of a chain `c`: what is in effect, or what was taken and refused afterwards.
_PREVIOUS = """coalesce((select w.intent_id from delivery.intent w
    where w.intent_id = i.waits_for and w.state = 'refused' and w.is_taken), c.settled_intent_id)"""

# What lets `i` go that waits for `w`. A change of the record that stands there mends what was refused; a record beside it doesn't.
_LET_GO = """(w.state in ('acknowledged', 'by_file')
    or w.state = 'refused' and w.is_taken and w.operation <> 'delete' and i.operation in ('amend', 'delete'))"""


@dataclass(frozen=True)
class Claim:
    """A record under lease.

    Attributes:
        attempt_no: its fence.
        looks: how often it was looked up since it came into doubt.
        replaces: the intent whose record it changes, when that was taken there and refused afterwards.
    """

    record: Record
    attempt_no: int
    failures: int
    looks: int
    doubt_seconds: float
    replaces: int | None = None

    def of(self, record: Record) -> Claim:
        """The same claim of a record with its payload."""
        return Claim(record, self.attempt_no, self.failures, self.looks, self.doubt_seconds, self.replaces)


@dataclass(frozen=True)
class Change:
    """What a claim becomes: the outcome it had and what that does to it."""

    claim: Claim
    outcome: Outcome
    transition: Transition
    call_id: int | None
    owner: str | None = None
    is_looked_up: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back of one call."""

    call_id: int
    operation: str | None
    intent_count: int
    outcome: str
    latency_ms: float
    status: int | None = None
    vendor_request_id: str | None = None
    vendor_job_ref: str | None = None
    http_calls: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    message: str | None = None


@dataclass(frozen=True)
class Desk:
    """One worker at one destination of one sync."""

    sync: str
    destination: str
    worker: str

    def run(self, connection: sa.Connection, name: str, **more: Any) -> sa.CursorResult[Any]:
        """Run a statement of ``sql/ledger.sql``."""
        clause, names = _clause(name)
        given = {
            "sync": self.sync,
            "destination": self.destination,
            "worker": self.worker,
            "actor": self.worker,
            **more,
        }
        return connection.execute(clause, {key: given[key] for key in names})

    def prepare(self, connection: sa.Connection) -> int:
        """Let go what waited for something now in effect, and doubt what a lost worker left; how many are doubted."""
        self.run(connection, "release_waiting")
        return len(self.run(connection, "take_over").all())

    def claim(self, connection: sa.Connection, limit: int) -> list[Claim]:
        """Lock due intents, those nearest their cut-off first; other workers skip them. `take` follows before the commit."""
        return [_claim(row, is_new=True) for row in self.run(connection, "claim", limit=limit)]

    def put_off(self, connection: sa.Connection, field_name: str, subject: str, seconds: float) -> int:
        """Let what is planned for one subject wait; how many do."""
        found = self.run(connection, "put_off", field=field_name, subject=subject, seconds=seconds)
        return len(found.all())

    def take(
        self,
        connection: sa.Connection,
        call_ids: Sequence[int],
        batches: Sequence[Sequence[Claim]],
        unsent: Sequence[Claim],
        lease_seconds: float,
    ) -> None:
        """Take what `claim` locked under a lease, each with the call and the payload it goes out with.

        Args:
            unsent: claims that no call is made for.
        """
        named = [(claim, call_id) for batch, call_id in zip(batches, call_ids, strict=True) for claim in batch]
        taken = [_taken(claim, call_id) for claim, call_id in (*named, *((claim, None) for claim in unsent))]
        self.run(connection, "take", taken=_json(taken), lease_seconds=lease_seconds)

    def claim_doubtful(self, connection: sa.Connection, limit: int, lease_seconds: float) -> list[Claim]:
        """Take intents whose outcome has to be looked up."""
        rows = self.run(connection, "claim_doubtful", limit=limit, lease_seconds=lease_seconds)
        return [_claim(row) for row in rows]

    def pick(self, connection: sa.Connection, intent_id: int) -> tuple[Claim, sa.RowMapping] | None:
        """One intent for a person to decide about, its row and its chain's locked; None when there is no such intent."""
        row = self.run(connection, "pick", intent_id=intent_id).first()
        return None if row is None else (_claim(row), row._mapping)  # noqa: SLF001  the public name of a row by column

    def accepted(self, connection: sa.Connection) -> list[Claim]:
        """What was taken there and is not yet in effect; not leased, as following up only reads and asks again."""
        return [_claim(row) for row in self.run(connection, "accepted")]

    def number_calls(self, connection: sa.Connection, count: int) -> list[int]:
        """So many numbers for calls; one that is not used is nobody's."""
        return list(self.run(connection, "number_calls", number=count).scalars())

    def ask(
        self,
        connection: sa.Connection,
        kind: str,
        batches: Sequence[Sequence[Claim]],
        numbers: Sequence[int] | None = None,
    ) -> list[int]:
        """Write down one call per batch, about to be made; their numbers in order: those given, or new ones."""
        if not batches:
            return []
        call_ids = list(numbers) if numbers is not None else self.number_calls(connection, len(batches))
        self.run(
            connection,
            "ask",
            kind=kind,
            call_ids=_array(call_ids),
            operations=_array(batch[0].record.operation.value for batch in batches),
            counts=_array(len(batch) for batch in batches),
        )
        return call_ids

    def name_calls(
        self, connection: sa.Connection, call_ids: Sequence[int], batches: Sequence[Sequence[Claim]]
    ) -> None:
        """Say on intents under our lease which call they are in now."""
        named = [(claim, call_id) for batch, call_id in zip(batches, call_ids, strict=True) for claim in batch]
        if named:
            self.run(
                connection,
                "name_calls",
                intent_ids=_array(claim.record.intent_id for claim, _ in named),
                call_ids=_array(call_id for _, call_id in named),
            )

    def ask_job(self, connection: sa.Connection, intent_count: int) -> int:
        """Write down a follow-up about to be made."""
        (call_id,) = self.number_calls(connection, 1)
        self.run(
            connection,
            "ask",
            kind="job",
            call_ids=_array([call_id]),
            operations=_array([None]),
            counts=_array([intent_count]),
        )
        return call_id

    def record(
        self,
        connection: sa.Connection,
        kind: str,
        answers: Iterable[Answer],
        changes: Sequence[Change],
        from_states: Sequence[str],
        *,
        is_leased: bool = True,
    ) -> set[int]:
        """Write down answers and what they change; the ids of intents that changed (the others' answers came late)."""
        listed = [_answer(answer) for answer in answers]
        ids = _array(change.claim.record.intent_id for change in changes)
        with at_once(connection):
            if listed:
                self.run(connection, "answer", kind=kind, answers=_json(listed))
            if changes:
                self.run(connection, "lock_chains", intent_ids=ids)
        if not changes:
            return set()
        changed = set(
            self.run(
                connection,
                "change_state",
                changes=_json([_change(change) for change in changes]),
                from_states=_array(from_states),
                holder=self.worker if is_leased else None,
            ).scalars()
        )
        attempts = _json([_attempt(change) for change in changes])
        with at_once(connection):
            self.run(connection, "append_attempts", attempts=attempts, changed=_array(changed))
            self._settle(connection, [change for change in changes if change.claim.record.intent_id in changed])
        self._question_late(connection, [change for change in changes if change.claim.record.intent_id not in changed])
        return changed

    def outlook(self, connection: sa.Connection) -> tuple[int, datetime | None, float | None]:
        """How many are open for later, when the next is due, and in how many seconds by the database's clock."""
        row = self.run(connection, "outlook").one()
        return row.waiting, row.next_at, None if row.seconds is None else float(row.seconds)

    def _settle(self, connection: sa.Connection, changes: Sequence[Change]) -> None:
        taken_effect = [c.claim.record.intent_id for c in changes if c.transition.takes_effect]
        if taken_effect:
            effective = _array(taken_effect)
            self.run(connection, "settle_written", intent_ids=effective)
            self.run(connection, "settle_deleted", intent_ids=effective)
            if any(c.claim.record.operation in {Operation.REVERSE, Operation.ADJUST} for c in changes):
                self.run(connection, "link_corrected", intent_ids=effective)
            self.run(connection, "close_exceptions", intent_ids=effective, why="it is in effect now")
        replacing = [c for c in changes if c.claim.replaces and c.transition.state in {"accepted", "acknowledged"}]
        if replacing:
            self.run(connection, "supersede_refused", intent_ids=_array(c.claim.record.intent_id for c in replacing))
        troubled = [c for c in changes if c.transition.exception]
        if troubled:
            self.run(connection, "open_exceptions", exceptions=_json([_exception(c) for c in troubled]))
        told = [_event(c) for c in changes if c.transition.state != "planned" or c.outcome.result != "not_sent"]
        if told:
            self.run(connection, "record_changes", events=_json(told))

    def _question_late(self, connection: sa.Connection, changes: Sequence[Change]) -> None:
        """A late 'done' under another id than the one in effect is a second record there: a person must see it."""
        late = [c for c in changes if c.outcome.result in {"acknowledged", "accepted"} and c.outcome.vendor_id]
        if not late:
            return
        doubled = connection.execute(
            sa.text(
                "select i.intent_id from jsonb_to_recordset(cast(:late as jsonb)) as v (intent_id bigint, vendor_id text)"
                " join delivery.intent i on i.intent_id = v.intent_id"
                " where i.state in ('acknowledged', 'accepted') and i.operation in ('create', 'reverse', 'adjust')"
                " and i.vendor_id <> v.vendor_id"
            ),
            {"late": _json([{"intent_id": c.claim.record.intent_id, "vendor_id": c.outcome.vendor_id} for c in late])},
        )
        ids: set[int] = set(doubled.scalars())
        told = [
            {
                "intent_id": c.claim.record.intent_id,
                "category": "conflict",
                "cause": "a late answer named a second record",
                "owner": c.owner or "data engineering",
                "message": f"A late answer says that {self.destination} also made record {c.outcome.vendor_id} for this hour.",
            }
            for c in late
            if c.claim.record.intent_id in ids
        ]
        if told:
            self.run(connection, "open_exceptions", exceptions=_json(told))


@contextmanager
def at_once(connection: sa.Connection) -> Iterator[None]:
    """Statements whose rows nobody reads go out together, and are waited for once.

    Whoever waits for the server must then wait for the sending threads to let the interpreter go: with eight of them a
    statement of half a millisecond took five.
    """
    driver: Any = connection.connection.driver_connection
    with driver.pipeline():
        yield


@functools.cache
def _clause(name: str) -> tuple[sa.TextClause, tuple[str, ...]]:
    """A statement and the names of its parameters; told apart once, as it runs for every batch."""
    sql = statements.named("ledger")[name]
    for part, text in (("{columns}", _COLUMNS), ("{previous}", _PREVIOUS), ("{is_let_go}", _LET_GO)):
        sql = sql.replace(part, text)
    clause = sa.text(sql)
    return clause, tuple(clause.compile().params)


def _claim(row: Any, *, is_new: bool = False) -> Claim:
    """A row of _COLUMNS; ``is_new``: locked and about to be taken, as the next attempt and by the id in effect."""
    (
        intent_id, sync, destination, operation, record_key, request_key, correlation_id, fields, context, payload, previous,
        previous_payload, vendor_id, vendor_detail, legal_entity, work_date, sent_at, previous_vendor_id, attempts, failures,
        looks, corrects_key, corrects_id, replaces_id, doubt_seconds, *_
    ) = row  # fmt: skip
    operation = _OPERATIONS[operation]
    if is_new:
        attempts, looks = attempts + 1, 0
        vendor_id = None if operation.makes_a_row else previous_vendor_id
    record = Record(
        intent_id=intent_id,
        sync=sync,
        destination=destination,
        operation=operation,
        record_key=record_key,
        request_key=request_key,
        correlation_id=correlation_id,
        fields=loads(fields),
        context=loads(context),
        payload=loads(payload),
        previous=loads(previous),
        previous_payload=loads(previous_payload),
        vendor_id=vendor_id,
        vendor_detail=loads(vendor_detail),
        legal_entity=legal_entity,
        work_date=work_date,
        sent_at=sent_at,
        corrects_key=corrects_key,
        corrects_id=corrects_id,
    )
    return Claim(record, attempts, failures, looks, float(doubt_seconds or 0), replaces_id)


_OPERATIONS = {one.value: one for one in Operation}
_DECODER = json.JSONDecoder(parse_float=Decimal)


def loads(text: str | None) -> Any:
    """JSON out of the ledger, with exact numbers."""
    return None if text is None else _DECODER.decode(text)


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows into the ledger. What a vendor or a writer gave goes in as `_exact` text: no number of theirs is ever a float."""
    return orjson.dumps(rows).decode()


def _array(values: Iterable[int | str | None]) -> str:
    """Ids and names of ours as PostgreSQL writes an array; the driver asks each element for its type, at three times the cost."""
    return f"{{{','.join('null' if value is None else str(value) for value in values)}}}"


def _exact(value: Any) -> orjson.Fragment | None:
    return None if value is None else orjson.Fragment(dumps(value))


def _said(message: str | None) -> str | None:
    """A vendor's words, fit for the ledger: no secret, no page, none of the zero bytes that PostgreSQL refuses."""
    return redact(message).replace("\x00", "")[:LONGEST_MESSAGE] if message else None


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "call_id": answer.call_id,
        "operation": answer.operation,
        "intent_count": answer.intent_count,
        "vendor_job_ref": answer.vendor_job_ref,
        "outcome": answer.outcome,
        "status": answer.status,
        "latency_ms": answer.latency_ms,
        "vendor_request_id": answer.vendor_request_id,
        "http_calls": list(answer.http_calls),
        "message": _said(answer.message),
    }


def _taken(claim: Claim, call_id: int | None) -> dict[str, Any]:
    payload = claim.record.payload
    return {
        "intent_id": claim.record.intent_id,
        "call_id": call_id,
        "attempt_no": claim.attempt_no,
        "vendor_id": claim.record.vendor_id,
        "payload": dumps(payload).decode() if payload is not None and call_id is not None else None,
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "intent_id": change.claim.record.intent_id,
        "attempt_no": change.claim.attempt_no,
        "state": change.transition.state,
        "reason": change.transition.reason,
        "owner": change.owner if change.transition.exception else None,
        "held_by": change.transition.held_by,
        "vendor_id": change.outcome.vendor_id,
        "vendor_detail": _exact(change.outcome.vendor_detail),
        "is_taken": change.outcome.result is Result.REFUSED,
        "wait_seconds": round(change.transition.wait_seconds, 3),
        "failures": int(change.transition.is_failure),
        "looks": int(change.is_looked_up),
    }


def _attempt(change: Change) -> dict[str, Any]:
    return {
        "intent_id": change.claim.record.intent_id,
        "call_id": change.call_id,
        "attempt_no": change.claim.attempt_no,
        "outcome": change.outcome.result.value,
        "vendor_id": change.outcome.vendor_id,
        "category": change.outcome.category,
        "code": change.outcome.code,
        "message": _said(change.outcome.message),
    }


def _exception(change: Change) -> dict[str, Any]:
    category = change.transition.exception
    return {
        "intent_id": change.claim.record.intent_id,
        "category": category,
        "cause": _said(": ".join(part for part in (category, change.outcome.field or change.outcome.code) if part)),
        "owner": change.owner,
        "message": _said(change.outcome.message) or f"{category} at {change.claim.record.destination}.",
    }


def _event(change: Change) -> dict[str, Any]:
    detail = {
        "call_id": change.call_id,
        "outcome": change.outcome.result.value,
        "vendor_id": change.outcome.vendor_id,
        "request_key": change.claim.record.request_key,
        "reason": change.transition.reason,
    }
    return {
        "intent_id": change.claim.record.intent_id,
        "verb": change.transition.state,
        "detail": {key: value for key, value in detail.items() if value is not None},
    }
