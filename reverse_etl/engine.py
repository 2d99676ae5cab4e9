"""One worker at one destination of one sync: take, ask, send, write down; the only loop.

The promise, kept with any number of workers on one ledger and a SIGKILL at any line: an intent and its call are committed
before the call goes out; its outcome is committed before the next batch is taken; a call starts only while the lease lasts
longer than the call can take; what was interrupted is looked up before anything else.
"""

from __future__ import annotations

import threading
import urllib.parse
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any

from plumbing import log
from plumbing.errors import HourlineError, Refused, Transient, Unavailable
from reverse_etl import outcomes
from reverse_etl.ledger import Answer, Change, Claim, Desk
from reverse_etl.outcomes import Transition
from reverse_etl.resolution import Seen, resolve
from reverse_etl.writer import Operation, Outcome, Record, Result

if TYPE_CHECKING:
    import sqlalchemy as sa

    from plumbing.clock import Clock
    from plumbing.http import Exchange
    from reverse_etl.policy import Policy
    from reverse_etl.report import PushReport
    from reverse_etl.syncs import Sync
    from reverse_etl.writer import Writer

_log = log.get(__name__)

TROUBLE_IN_A_ROW = 5  # so many intents running met no answer, a failure or a ban: the destination is left alone
WRITES_PER_SLOT = 16  # a batch keeps every slot busy for this many calls; after a crash so many are looked up
LEASE_FACTOR = 1.5
LEASE_MARGIN_SECONDS = 30.0
SPREAD_STEPS = 97
NOTHING_LOST = (
    "Nothing is lost: what was not sent stays planned, and what got no answer is looked up before it is sent again. "
    "Push again once that is mended."
)


class LeaseSpent(Unavailable):
    """The lease would end before the call could: nothing was sent."""


@dataclass(frozen=True)
class Timing:
    """Seconds. ``quiet_seconds`` count from the moment when no request of ours can be under way any more."""

    lease_seconds: float
    call_seconds: float
    quiet_seconds: float

    @classmethod
    def of(cls, writer: Writer) -> Timing:
        """What a writer's time-outs and capabilities ask for."""
        call = writer.timeout_seconds
        can = writer.capabilities
        return cls(call * LEASE_FACTOR + LEASE_MARGIN_SECONDS, call, can.processing_seconds + can.visibility_seconds)


@dataclass
class _Call:
    """One call under way or done."""

    call_id: int
    claims: list[Claim]
    deadline: float
    outcomes: list[Outcome] | None = None
    found: Seen | None = None
    exchanges: list[Exchange] | None = None
    seconds: float = 0.0
    is_split: bool = False
    crash: BaseException | None = None


class Engine:
    """Drains what is due at one destination."""

    def __init__(
        self,
        database: sa.Engine,
        sync: Sync,
        desk: Desk,
        writer: Writer,
        policy: Policy,
        report: PushReport,
        clock: Clock,
        timing: Timing,
        progress: Callable[[PushReport], None] | None = None,
    ) -> None:
        self._database = database
        self._sync = sync
        self._desk = desk
        self._writer = writer
        self._policy = policy
        self._report = report
        self._clock = clock
        self._timing = timing
        self._progress = progress
        self._local = threading.local()
        self._halt = threading.Event()
        self._lock = threading.Lock()  # over what the threads tell each other about the destination
        self._troubled: set[int] = (
            set()
        )  # intents that met trouble since the last that met none; one alone proves little
        self._resume_at = 0.0
        writer.observe(self._heard, self._before_send)

    def drain(self, *, limit: int | None, patience_seconds: float) -> None:
        """Send until nothing is due, the limit is reached or the destination stops; wait for what is due soon."""
        patience = patience_seconds
        slots = max(1, self._writer.concurrency)
        with ThreadPoolExecutor(max_workers=slots, thread_name_prefix=f"push-{self._desk.destination}") as pool:
            while not self._halt.is_set():
                with self._database.begin() as connection:
                    self._desk.prepare(connection)
                size = self._batch_limit(slots)
                if limit is not None:
                    size = min(size, limit)
                worked = self._look_up(pool, size)
                sent = self._send(pool, size) if size and not self._halt.is_set() else 0
                if limit is not None:
                    limit -= sent
                if self._progress is not None and (worked or sent):
                    self._progress(self._report)
                if not (worked or sent) or limit == 0:
                    if limit == 0 or (pause := self._pause(patience)) is None:
                        break
                    patience -= pause
                    self._clock.sleep(pause)
        with self._database.begin() as connection:
            self._report.waiting, self._report.next_at, _ = self._desk.outlook(connection)

    def _batch_limit(self, slots: int) -> int:
        """How many intents to claim at once: no more than go out at once where a crash would leave each to a person."""
        can = self._writer.capabilities
        per_slot = WRITES_PER_SLOT if can.has_lookup or can.has_key else 1
        return min(self._sync.batch_limit, slots * per_slot * can.batch_size)

    def _pause(self, patience: float) -> float | None:
        """Seconds to wait for what is due next; None when it isn't worth it."""
        with self._database.begin() as connection:
            waiting, next_at, seconds = self._desk.outlook(connection)
        if not waiting or seconds is None or seconds > patience or patience <= 0:
            return None
        pause = max(seconds + 0.01, min(0.1, patience))
        if self._progress is not None:  # whoever watches learns what is waited for before the wait, not after
            self._report.waiting, self._report.next_at = waiting, next_at
            self._progress(self._report)
            self._report.waiting, self._report.next_at = 0, None
        return pause

    # -- sending ------------------------------------------------------------------------------------------------------

    def _send(self, pool: ThreadPoolExecutor, size: int) -> int:
        started = self._clock.monotonic()
        with self._database.begin() as connection:
            claims = self._desk.claim(connection, size, self._timing.lease_seconds)
            ready, refused = self._prepared(claims)
            batches = list(_batches(ready, self._writer.capabilities.batch_size))
            payloads = {claim.record.intent_id: claim.record.payload for claim in ready}
            call_ids = self._desk.ask(connection, "send", batches, payloads)
            self._record(connection, "send", [], refused)
        deadline = started + self._timing.lease_seconds
        calls = [_Call(call_id, batch, deadline) for call_id, batch in zip(call_ids, batches, strict=True)]
        self._run(pool, calls, self._send_one, "send", "sending")
        return len(claims)

    def _prepared(self, claims: Sequence[Claim]) -> tuple[list[Claim], list[Change]]:
        """Claims with their payloads; those that can't be written as they are, are refused unsent."""
        ready: list[Claim] = []
        refused: list[Change] = []
        for claim in claims:
            record = claim.record
            if record.payload is not None or record.operation is Operation.DELETE:
                ready.append(claim)
                continue
            try:
                ready.append(replace(claim, record=replace(record, payload=self._writer.payload(record))))
            except Refused as error:
                refused.append(self._change(claim, outcomes.of_error(error, record.operation), None))
        return ready, refused

    def _send_one(self, call: _Call) -> None:
        """In a worker thread: one call, whatever becomes of it."""
        self._call_once(call)
        with self._lock:
            for claim, outcome in zip(call.claims, call.outcomes or (), strict=True):
                self._weigh(claim, outcome)

    def _call_once(self, call: _Call) -> None:
        records = [claim.record for claim in call.claims]
        if self._halt.is_set():
            call.outcomes = [Outcome(Result.NOT_SENT, message="the destination was stopped") for _ in records]
            return
        try:
            call.outcomes = list(self._writer.send(records))
            if len(call.outcomes) != len(records):
                raise RuntimeError(f"the writer gave {len(call.outcomes)} outcomes for {len(records)} records")
        except LeaseSpent as error:
            call.outcomes = [Outcome(Result.NOT_SENT, message=error.message) for _ in records]
            self._doubt_if_written(call)
        except Refused as error:
            call.is_split = len(records) > 1
            call.outcomes = [outcomes.of_error(error, record.operation) for record in records]
            self._doubt_if_written(call)
        except HourlineError as error:
            call.outcomes = [outcomes.of_error(error, record.operation) for record in records]
            if outcomes.stops_destination(error):
                self._stop(str(error))
            self._doubt_if_written(call)

    def _doubt_if_written(self, call: _Call) -> None:
        """A write that was answered well before the error: it may stand, whatever the error says."""
        if any(
            e.method not in {"GET", "HEAD"} and e.status is not None and e.status < 300 for e in call.exchanges or ()
        ):
            call.outcomes = [replace(o, result=Result.IN_DOUBT) for o in call.outcomes or ()]

    # -- looking up ---------------------------------------------------------------------------------------------------

    def _look_up(self, pool: ThreadPoolExecutor, size: int) -> int:
        """Look up what is in doubt and due."""
        started = self._clock.monotonic()
        with self._database.begin() as connection:
            claims = self._desk.claim_doubtful(connection, max(size, 1), self._timing.lease_seconds)
            call_ids = self._desk.ask(connection, "find", [[claim] for claim in claims])
        deadline = started + self._timing.lease_seconds
        calls = [_Call(call_id, [claim], deadline) for call_id, claim in zip(call_ids, claims, strict=True)]
        self._run(pool, calls, self._look_one, "find", "in_doubt")
        return len(claims)

    def _look_one(self, call: _Call) -> None:
        """In a worker thread: one look-up."""
        record = call.claims[0].record
        if not self._writer.capabilities.has_lookup:
            call.found, call.outcomes = "not_looked", [Outcome(Result.IN_DOUBT)]
            return
        try:
            found = self._writer.find(record)
            if found is None:
                call.found, call.outcomes = "absent", [Outcome(Result.IN_DOUBT, message="looked up: not there")]
                return
            call.found = self._compare(record, found)
            result = Result.ACKNOWLEDGED if found.is_in_effect else Result.ACCEPTED
            call.outcomes = [Outcome(result, vendor_id=found.vendor_id, vendor_detail=found.vendor_detail)]
        except HourlineError as error:
            told = outcomes.of_error(error, record.operation)
            call.outcomes = [replace(told, result=Result.IN_DOUBT)]
            if not isinstance(error, Transient):
                self._stop(str(error))
            with self._lock:
                self._weigh(call.claims[0], told)

    def _compare(self, record: Record, found: Any) -> Seen:
        if record.operation is not Operation.DELETE:
            payload = record.payload if record.payload is not None else self._writer.payload(record)
            if self._writer.matches(payload, found):
                return "target"
        if record.previous is None:
            return "other"
        before = record.previous_payload
        if before is None:
            before = self._writer.payload(replace(record, fields=record.previous, payload=None))
        return "previous" if self._writer.matches(before, found) else "other"

    # -- both ---------------------------------------------------------------------------------------------------------

    def _run(
        self, pool: ThreadPoolExecutor, calls: list[_Call], work: Callable[[_Call], None], kind: str, state: str
    ) -> None:
        """Run the calls at once; write down what has come in as one commit, again and again until all has."""
        pending: set[Future[_Call]] = {pool.submit(self._observed, work, call) for call in calls}
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            finished = [future.result() for future in done]
            with self._database.begin() as connection:
                more = self._split(connection, finished)
                kept = [call for call in finished if not call.is_split]
                answers = [_answer(call) for call in finished]
                self._record(connection, kind, answers, self._changes(kept), state)
            self._report.calls += len(finished)
            crash = next((call.crash for call in finished if call.crash is not None), None)
            if crash is not None:
                self._halt.set()
                wait(pending)
                self._run_down(pending, kind, state)
                raise crash
            pending |= {pool.submit(self._observed, work, call) for call in more}

    def _run_down(self, pending: Iterable[Future[_Call]], kind: str, state: str) -> None:
        """Keep what the other threads brought back before an error of our own goes up."""
        finished = [future.result() for future in pending]
        with self._database.begin() as connection:
            changes = self._changes([call for call in finished if not call.is_split])
            self._record(connection, kind, [_answer(call) for call in finished], changes, state)

    def _split(self, connection: sa.Connection, finished: Sequence[_Call]) -> list[_Call]:
        """A refused batch is sent again in halves, until the bad record stands alone."""
        more: list[_Call] = []
        for call in finished:
            if call.is_split:
                middle = len(call.claims) // 2
                halves = [call.claims[:middle], call.claims[middle:]]
                more += [
                    _Call(call_id, half, call.deadline)
                    for call_id, half in zip(self._desk.ask(connection, "send", halves), halves, strict=True)
                ]
        return more

    def _observed(self, work: Callable[[_Call], None], call: _Call) -> _Call:
        self._local.exchanges = call.exchanges = []
        self._local.deadline = call.deadline
        began = self._clock.monotonic()
        try:
            work(call)
        except Exception as error:  # noqa: BLE001  a defect of ours: kept as a doubt, then raised by the main thread
            call.crash = error
            told = f"{type(error).__name__} in our own code"
            call.outcomes = [Outcome(Result.IN_DOUBT, message=told) for _ in call.claims]
            call.found = None
        call.seconds = self._clock.monotonic() - began
        return call

    def _changes(self, calls: Sequence[_Call]) -> list[Change]:
        changes = []
        for call in calls:
            for claim, outcome in zip(call.claims, call.outcomes or (), strict=True):
                if call.found is not None:
                    changes.append(self._resolved(claim, outcome, call))
                else:
                    changes.append(self._change(claim, outcome, call.call_id))
        return changes

    def _resolved(self, claim: Claim, outcome: Outcome, call: _Call) -> Change:
        """The change after a look-up."""
        assert call.found is not None  # noqa: S101  narrowed for the type checker; _changes asked
        action = resolve(
            claim.record.operation,
            call.found,
            is_quiet=claim.doubt_seconds >= self._timing.quiet_seconds,
            is_second_look=claim.looks > 0,
            can=self._writer.capabilities,
        )
        if action == "settle":
            settled = (
                outcome
                if call.found != "absent"
                else Outcome(Result.ACKNOWLEDGED, message="looked up: not there any more")
            )
            return self._change(claim, settled, call.call_id)
        told = replace(outcome, result=Result.IN_DOUBT, message=f"looked up: {call.found.replace('_', ' ')}")
        if action == "wait":
            left = max(self._timing.quiet_seconds - claim.doubt_seconds, 0.0)
            state = Transition("in_doubt", wait_seconds=left, reason="in its quiet period")
        elif action == "send":
            tried = replace(told, result=Result.FAILED, vendor_id=None)
            state = outcomes.failed(tried, claim.failures, self._sync.max_attempts, 0.0)
            state = replace(state, wait_seconds=0.0)
            told = replace(told, vendor_id=None)
        elif action == "conflict":
            state = Transition(
                "unknown", exception=outcomes.CONFLICT, reason="what stands there is neither ours nor what was before"
            )
        else:
            state = Transition(
                "unknown", exception=outcomes.OUTCOME_UNKNOWN, reason="its answer was lost and no look-up can tell"
            )
        if state.exception:
            told = replace(told, message=f"{self._desk.destination}: {state.reason}; look there and decide.")
        return Change(claim, told, state, call.call_id, self._owner(state.exception), is_looked_up=True)

    def _change(self, claim: Claim, outcome: Outcome, call_id: int | None) -> Change:
        spread = claim.record.intent_id % SPREAD_STEPS / SPREAD_STEPS
        state = outcomes.transition(outcome, claim.record.operation, claim.failures, self._sync.max_attempts, spread)
        return Change(claim, outcome, state, call_id, self._owner(state.exception))

    def _owner(self, category: str | None) -> str | None:
        return self._policy.owners.get(category, self._sync.default_owner) if category else None

    def _record(
        self, connection: sa.Connection, kind: str, answers: list[Answer], changes: list[Change], state: str = "sending"
    ) -> None:
        changed = self._desk.record(connection, kind, answers, changes, [state])
        for change in changes:
            name = change.transition.state if change.claim.record.intent_id in changed else "late"
            self._report.add("sent again later" if name == "planned" else name)

    def _weigh(self, claim: Claim, outcome: Outcome) -> None:
        """Leave a destination alone that can't be reached, answers nothing of use or lets us do nothing."""
        if outcome.result is Result.BUSY:
            self._resume_at = max(self._resume_at, self._clock.monotonic() + outcomes.wait(outcome, 0, 0.0))
        elif outcome.result is Result.FAILED or outcome.category in {"permission", "answer_lost"}:
            self._troubled.add(claim.record.intent_id)
            if len(self._troubled) >= TROUBLE_IN_A_ROW:
                self._stop(
                    f"{outcome.message} {len(self._troubled)} running ended so: {self._desk.destination} is left alone for now."
                )
        elif outcome.result is not Result.NOT_SENT:
            self._troubled.clear()

    def _stop(self, sentence: str) -> None:
        self._halt.set()
        if self._report.stopped is None:
            self._report.stopped = f"{sentence} {NOTHING_LOST}"

    def _before_send(self) -> None:
        """Asked by the HTTP client when a call's turn has come."""
        now = self._clock.monotonic()
        if now < self._resume_at and self._resume_at + self._timing.call_seconds < self._local.deadline:
            self._clock.sleep(self._resume_at - now)
            now = self._clock.monotonic()
        if now < self._resume_at or now + self._timing.call_seconds > self._local.deadline:
            raise LeaseSpent(
                f"The call to {self._desk.destination} was not made: the lease would have ended before it could."
            )

    def _heard(self, exchange: Exchange) -> None:
        self._local.exchanges.append(exchange)


def _batches(claims: Sequence[Claim], size: int) -> Iterable[list[Claim]]:
    """Claims of one operation, at most ``size`` together."""
    for _, group in groupby(claims, key=lambda claim: claim.record.operation):
        listed = list(group)
        for start in range(0, len(listed), size):
            yield listed[start : start + size]


def _answer(call: _Call) -> Answer:
    outcomes_ = call.outcomes or []
    exchanges = call.exchanges or []
    results = {outcome.result.value for outcome in outcomes_}
    first = outcomes_[0] if outcomes_ else None
    return Answer(
        call_id=call.call_id,
        operation=call.claims[0].record.operation.value,
        intent_count=len(call.claims),
        outcome="split" if call.is_split else "mixed" if len(results) > 1 else next(iter(results), "nothing"),
        latency_ms=Decimal(str(round(call.seconds * 1000, 3))),
        status=exchanges[-1].status if exchanges else None,
        vendor_request_id=exchanges[-1].request_id if exchanges else None,
        vendor_job_ref=first.job_ref if first else None,
        http_calls=[told(exchange) for exchange in exchanges],
        message=first.message if first else None,
    )


def told(exchange: Exchange) -> dict[str, Any]:
    """An exchange for the ledger: the path without its query, which may carry what people typed."""
    return {
        "method": exchange.method,
        "path": urllib.parse.urlsplit(exchange.url).path,
        "status": exchange.status,
        "ms": Decimal(str(round(exchange.elapsed * 1000, 3))),
        "request_id": exchange.request_id,
    }
