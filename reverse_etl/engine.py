"""One worker at one destination of one sync: take, ask, send, write down; the only loop.

The promise, kept with any number of workers on one ledger and a SIGKILL at any line: an intent and its call are committed
before the call goes out; what has come back is committed in the transaction that takes the next intents, or before it, so
that a worker never holds more than its *window* of intents whose outcome isn't committed; a call starts only while the lease
lasts longer than the call can take; what was interrupted is looked up before anything else.

The worker's own thread alone speaks to the ledger, the crew's threads alone speak to the destination: one half of the window
is being sent while the other half's outcomes are written down and its successors taken, in one commit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from plumbing.canonical import Encoded
from plumbing.errors import Refused
from reverse_etl import outcomes
from reverse_etl.calls import Call, Kind, Timing, answer_of, batches
from reverse_etl.crew import Crew
from reverse_etl.judgement import Judge
from reverse_etl.ledger import Change, Claim, Desk, at_once
from reverse_etl.writer import Operation

if TYPE_CHECKING:
    import sqlalchemy as sa

    from plumbing.clock import Clock
    from reverse_etl.policy import Policy
    from reverse_etl.report import PushReport
    from reverse_etl.syncs import Sync
    from reverse_etl.writer import Writer

# The window: what a slot sends in so many seconds, between these many calls. After a crash so many are looked up.
SECONDS_AHEAD = 0.5
FIRST_CALLS_PER_SLOT = 8
FEWEST_CALLS_PER_SLOT = 2
MOST_CALLS_PER_SLOT = 64
SMOOTHING = 0.2  # weight of the newest calls in the mean that the window goes by

RECORD_WITHIN_SECONDS = 0.5  # what came back is committed by then, however slow the rest
PREPARE_EVERY_SECONDS = 1.0
NUMBERS_AHEAD = 1000
PUT_OFF_SECONDS = 300.0  # a customer or person whose every call ends in trouble waits so long
NOTHING_LOST = (
    "Nothing is lost: what was not sent stays planned, and what got no answer is looked up before it is sent again. "
    "Push again once that is mended."
)

_FROM_STATE: dict[Kind, str] = {"send": "sending", "find": "in_doubt"}


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
        self._report = report
        self._clock = clock
        self._timing = timing
        self._progress = progress
        self._can = writer.capabilities
        self._judge = Judge(sync, desk.destination, policy, self._can, timing.quiet_seconds)
        self._crew = Crew(desk.destination, sync.subject_field, writer, clock, timing, self._stopped)
        self._left: int | None = None  # of the caller's limit
        self._is_dry = False  # the last look found less than there was room for
        self._prepared_at: float | None = None
        self._met_doubt = False  # something came into doubt, or more was in doubt than there was room for
        self._numbers: deque[int] = deque()  # for calls to come
        self._call_seconds: float | None = None
        self._crash: Exception | None = None

    def drain(self, *, limit: int | None, patience_seconds: float) -> None:
        """Send until nothing is due, the limit is reached or the destination stops; wait for what is due soon.

        Args:
            patience_seconds: how long to wait, all told.
        """
        self._left = limit
        with self._database.connect() as connection:
            with self._crew:
                try:
                    self._loop(connection, patience_seconds)
                except BaseException:  # also Ctrl-C: nothing more goes out, and what was sent is written down
                    self._crew.halt()
                    raise
            if self._crash is not None:
                raise self._crash
            with connection.begin():
                self._report.waiting, self._report.next_at, _ = self._desk.outlook(connection)

    @property
    def is_in_trouble(self) -> bool:
        """It stopped because several in a row met trouble."""
        return self._crew.is_in_trouble

    @property
    def meets_trouble(self) -> bool:
        """The last answers were trouble, few as they may be."""
        return self._crew.meets_trouble

    def _loop(self, connection: sa.Connection, patience: float) -> None:
        try:
            while True:
                worked = self._turn(connection)
                if self._crew.outstanding:
                    self._crew.wait(RECORD_WITHIN_SECONDS)
                elif self._crew.is_halted or self._left == 0:
                    return
                elif not worked:
                    pause = self._pause(connection, patience)
                    if pause is None:
                        return
                    patience -= pause
                    self._clock.sleep(pause)
        except BaseException:
            self._run_down(connection)
            raise

    def _turn(self, connection: sa.Connection) -> bool:
        """One transaction: write down what came back and take what there is room for. Whether there was anything."""
        came = self._crew.finished()
        started = self._clock.monotonic()
        with connection.begin():
            self._spare(connection)
            calls = self._write_down(connection, came)
            taken = self._take(connection, sum(call.size for call in calls))
        for call in taken:
            call.deadline = started + self._timing.lease_seconds
        self._crew.submit([*calls, *taken])
        self._report.calls += len(came)
        if came and self._progress is not None:
            self._progress(self._report)
        # With nothing left to take there is no hurry: what comes back is gathered for one commit.
        is_last = self._is_dry or self._left == 0
        self._crew.low_water = 0 if is_last else 3 * self._window() // (4 * self._can.batch_size)
        return bool(came or taken or not self._is_dry)

    # -- writing down -------------------------------------------------------------------------------------------------

    def _write_down(self, connection: sa.Connection, came: Sequence[Call]) -> list[Call]:
        """Write down what came back; the halves of what has to be sent again in parts."""
        for kind, state in _FROM_STATE.items():
            calls = [call for call in came if call.kind == kind]
            if calls:
                changes = self._judge.changes(call for call in calls if not call.is_split)
                changed = self._desk.record(connection, kind, [answer_of(call) for call in calls], changes, [state])
                self._count(changes, changed)
                self._met_doubt |= any(change.transition.state == "in_doubt" for change in changes)
        for call in came:
            self._learn(call)
        return self._halves(connection, [call for call in came if call.is_split])

    def _halves(self, connection: sa.Connection, refused: Sequence[Call]) -> list[Call]:
        """A refused batch goes out again in halves, until the bad record stands alone and its neighbours are through."""
        halves = [half for call in refused for half in (call.claims[: call.size // 2], call.claims[call.size // 2 :])]
        call_ids = self._desk.ask(connection, "send", halves, self._number(connection, len(halves)))
        self._desk.name_calls(connection, call_ids, halves)
        deadlines = [call.deadline for call in refused for _ in range(2)]
        return [
            Call(call_id, "send", half, deadline, [])
            for call_id, half, deadline in zip(call_ids, halves, deadlines, strict=True)
        ]

    def _learn(self, call: Call) -> None:
        if call.crash is not None and self._crash is None:
            self._crash = call.crash
            self._crew.halt()
        mean = call.seconds if self._call_seconds is None else self._call_seconds
        self._call_seconds = mean + SMOOTHING * (call.seconds - mean)

    def _count(self, changes: Sequence[Change], changed: set[int]) -> None:
        for change in changes:
            name = change.transition.state if change.claim.record.intent_id in changed else "late"
            self._report.add("sent again later" if name == "planned" else name)

    def _run_down(self, connection: sa.Connection) -> None:
        """Before an error goes up: let calls under way end, and keep what they and the others brought back."""
        self._crew.halt()
        while self._crew.outstanding:
            self._crew.wait(RECORD_WITHIN_SECONDS)
            came = self._crew.finished()
            if came and not connection.closed and not connection.invalidated:
                with connection.begin():
                    halves = self._write_down(connection, came)
                self._crew.submit(halves)  # they come back unsent

    def _spare(self, connection: sa.Connection) -> None:
        """Put off what belongs to a customer whose every call ends in trouble, so that the others go on."""
        for subject in self._crew.poisoned():
            number = self._desk.put_off(connection, self._sync.subject_field, subject, PUT_OFF_SECONDS)
            self._report.add("put off", number)

    # -- taking -------------------------------------------------------------------------------------------------------

    def _window(self) -> int:
        """How many intents to hold at most; where a crash would leave each to a person, no more than go out at once."""
        per_slot = 1
        if self._can.has_lookup or self._can.has_key:
            wanted = SECONDS_AHEAD / max(self._call_seconds, 1e-6) if self._call_seconds else FIRST_CALLS_PER_SLOT
            per_slot = round(min(max(wanted, FEWEST_CALLS_PER_SLOT), MOST_CALLS_PER_SLOT))
        return min(self._sync.batch_limit, self._crew.size * per_slot * self._can.batch_size)

    def _take(self, connection: sa.Connection, halves: int) -> list[Call]:
        """Take what there is room for: what is in doubt first, then what is due. Nothing while the queue is long enough."""
        if self._crew.is_halted or self._crew.queued > self._crew.low_water:
            return []
        held = self._crew.outstanding + halves
        room = self._window() - held
        if held and self._can.batch_size > 1:  # no half-empty batches while others are under way
            room -= room % self._can.batch_size
        if self._left is not None:
            room = min(room, self._left)
        if room <= 0:
            return []
        is_prepared = self._prepare(connection, is_idle=not held)
        calls = self._take_doubtful(connection, room) if is_prepared or self._met_doubt else []
        self._met_doubt = bool(calls)
        return calls + self._take_due(connection, room - len(calls))

    def _prepare(self, connection: sa.Connection, *, is_idle: bool) -> bool:
        """Let go and doubt what is to be, from time to time and whenever nothing is held; whether it was done."""
        now = self._clock.monotonic()
        if is_idle or self._prepared_at is None or now - self._prepared_at >= PREPARE_EVERY_SECONDS:
            self._desk.prepare(connection)
            self._prepared_at = now
            return True
        return False

    def _take_doubtful(self, connection: sa.Connection, room: int) -> list[Call]:
        claims = self._desk.claim_doubtful(connection, room, self._timing.lease_seconds)
        singles = [[claim] for claim in claims]
        call_ids = self._desk.ask(connection, "find", singles, self._number(connection, len(singles)))
        self._desk.name_calls(connection, call_ids, singles)
        return [Call(call_id, "find", single, 0.0, []) for call_id, single in zip(call_ids, singles, strict=True)]

    def _take_due(self, connection: sa.Connection, room: int) -> list[Call]:
        claims = self._desk.claim(connection, room) if room > 0 else []
        self._is_dry = len(claims) < room
        if not claims:
            return []
        ready, refused = self._with_payloads(claims)
        grouped = list(batches(ready, self._can.batch_size))
        numbers = self._number(connection, len(grouped))
        unsent = [change.claim for change in refused]
        with at_once(connection):
            call_ids = self._desk.ask(connection, "send", grouped, numbers)
            self._desk.take(connection, call_ids, grouped, unsent, self._timing.lease_seconds)
        if refused:
            self._count(refused, self._desk.record(connection, "send", [], refused, ["sending"]))
        if self._left is not None:
            self._left -= len(claims)
        return [Call(call_id, "send", batch, 0.0, []) for call_id, batch in zip(call_ids, grouped, strict=True)]

    def _number(self, connection: sa.Connection, count: int) -> list[int]:
        """Numbers for calls, in the order in which this worker makes them; fetched ahead, as each fetch is a wait."""
        if len(self._numbers) < count:
            self._numbers.extend(self._desk.number_calls(connection, max(count, NUMBERS_AHEAD)))
        return [self._numbers.popleft() for _ in range(count)]

    def _with_payloads(self, claims: Sequence[Claim]) -> tuple[list[Claim], list[Change]]:
        """Claims with their payloads; those that can't be written as they are, are refused unsent."""
        ready: list[Claim] = []
        refused: list[Change] = []
        for claim in claims:
            record = claim.record
            if record.payload is not None or record.operation is Operation.DELETE:
                ready.append(claim)
                continue
            try:
                payload = Encoded(self._writer.payload(record))
            except Refused as error:
                refused.append(self._judge.sent(claim, outcomes.of_error(error, record.operation), None))
            else:
                ready.append(claim.of(record.going_out_as(payload)))
        return ready, refused

    # -- resting ------------------------------------------------------------------------------------------------------

    def _pause(self, connection: sa.Connection, patience: float) -> float | None:
        """Seconds to wait for what is due next; None when it isn't worth it."""
        with connection.begin():
            waiting, next_at, seconds = self._desk.outlook(connection)
        if not waiting or seconds is None or seconds > patience or patience <= 0:
            return None
        if self._progress is not None:  # whoever watches learns what is waited for before the wait, not after
            self._report.waiting, self._report.next_at = waiting, next_at
            self._progress(self._report)
            self._report.waiting, self._report.next_at = 0, None
        return max(seconds + 0.01, min(0.1, patience))

    def _stopped(self, sentence: str) -> None:
        if self._report.stopped is None:
            self._report.stopped = f"{sentence} {NOTHING_LOST}"
