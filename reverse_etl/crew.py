"""The threads that speak to one destination: each takes the next call, makes it once, and lays it down as done.

They know no ledger. A call reaches them only after its asked row is committed, and leaves with an outcome whatever happened.
"""

from __future__ import annotations

import collections
import contextlib
import os
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from plumbing.errors import Conflict, HourlineError, NotFound, Refused, Transient
from reverse_etl import outcomes
from reverse_etl.writer import Operation, Outcome, Record, Result

if TYPE_CHECKING:
    from plumbing.clock import Clock
    from plumbing.http import Exchange
    from reverse_etl.calls import Call, Timing
    from reverse_etl.resolution import Seen
    from reverse_etl.writer import Found, Writer

TROUBLE_IN_A_ROW = 5  # so many intents running met no answer, a failure or a ban: the destination is left alone
MOST_THREADS = 32  # an account may be granted more calls at once than one process can make good use of
CREW_NICENESS = 10
TROUBLED_CATEGORIES = frozenset({"permission", "answer_lost"})


class LeaseSpent(HourlineError):  # noqa: N818  named as its family is
    """The lease would end before the call could: nothing was sent. Not transient: under this lease no wait will help."""


class Crew:
    """As many threads as the destination allows calls at once, up to `MOST_THREADS`.

    Args:
        subject_field: the material field that names whom a record is about; trouble with one of them alone is not trouble
            with the destination.
        on_stop: told, once or more, why the destination is left alone.

    Attributes:
        outstanding: intents handed over and not yet fetched back.
        is_in_trouble: it was stopped because several in a row met trouble.
        low_water: with no more calls than this in the queue, a finished call wakes who waits.
    """

    def __init__(
        self,
        destination: str,
        subject_field: str,
        writer: Writer,
        clock: Clock,
        timing: Timing,
        on_stop: Callable[[str], None],
    ) -> None:
        self.size = max(1, min(writer.concurrency, MOST_THREADS))
        self.outstanding = 0
        self.low_water = 0
        self._destination = destination
        self._subject_field = subject_field
        self._writer = writer
        self._clock = clock
        self._timing = timing
        self._on_stop = on_stop
        self._ready: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._done: collections.deque[Call] = collections.deque()
        self._wake = threading.Event()
        self._halt = threading.Event()
        self._local = threading.local()
        self._lock = threading.Lock()  # over what the threads tell each other about the destination
        self._troubled: dict[
            int, str | None
        ] = {}  # intents that met trouble since the last that met none, and their subjects
        self._poisoned: collections.deque[str] = collections.deque()
        self.is_in_trouble = False
        self._resume_at = 0.0
        self._threads = [
            threading.Thread(target=self._work, name=f"push-{destination}-{number}", daemon=True)
            for number in range(self.size)
        ]
        writer.observe(self._heard, self._before_send)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        for _ in self._threads:
            self._ready.put(None)
        for thread in self._threads:
            thread.join()

    # -- asked by the worker's own thread -----------------------------------------------------------------------------

    @property
    def is_halted(self) -> bool:
        """Nothing more goes out; what is queued comes back unsent."""
        return self._halt.is_set()

    @property
    def queued(self) -> int:
        """Calls that no thread has taken yet."""
        return self._ready.qsize()

    @property
    def meets_trouble(self) -> bool:
        """The last answers were trouble, few as they may be."""
        return self.is_in_trouble or bool(self._troubled)

    def halt(self) -> None:
        """Let nothing more go out."""
        self._halt.set()

    def submit(self, calls: Iterable[Call]) -> None:
        """Hand over calls whose asked rows are committed."""
        for call in calls:
            self.outstanding += call.size
            self._ready.put(call)

    def finished(self) -> list[Call]:
        """The calls done since this was asked last, oldest first."""
        calls = []
        while self._done:
            calls.append(self._done.popleft())
        self.outstanding -= sum(call.size for call in calls)
        return calls

    def poisoned(self) -> list[str]:
        """Subjects found, since this was asked last, whose every call ends in trouble while nothing speaks against the rest."""
        found = []
        while self._poisoned:
            found.append(self._poisoned.popleft())
        return found

    def wait(self, seconds: float) -> None:
        """Until the queue runs low and something is done, or the time is over."""
        self._wake.clear()
        if not (self._done and self._ready.qsize() <= self.low_water):
            self._wake.wait(seconds)

    # -- in the threads -----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        _stand_back()
        while (call := self._ready.get()) is not None:
            self._make(call)
            self._done.append(call)
            if self._ready.qsize() <= self.low_water:
                self._wake.set()

    def _make(self, call: Call) -> None:
        """One call, whatever becomes of it."""
        self._local.exchanges = call.exchanges
        self._local.deadline = call.deadline
        began = self._clock.monotonic()
        try:
            if call.kind == "find":
                self._look(call)
            else:
                self._send(call)
                self._weigh_all(call, call.outcomes or ())
        except Exception as error:  # noqa: BLE001  a defect of ours: kept as a doubt, then raised by the worker
            call.crash = error
            told = f"{type(error).__name__} in our own code"
            call.outcomes = [Outcome(Result.IN_DOUBT, message=told) for _ in call.claims]
            call.found = None
        call.seconds = self._clock.monotonic() - began

    def _send(self, call: Call) -> None:
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
            _doubt_if_written(call)
        except (Refused, NotFound, Conflict) as error:  # one record's fault: its neighbours are not to suffer for it
            call.outcomes = [outcomes.of_error(error, record.operation) for record in records]
            # A batch of which something may stand is looked up record by record, never sent again in parts.
            call.is_split = not _doubt_if_written(call) and len(records) > 1
        except HourlineError as error:
            call.outcomes = [outcomes.of_error(error, record.operation) for record in records]
            if outcomes.stops_destination(error):
                self.stop(str(error))
            _doubt_if_written(call)

    def _look(self, call: Call) -> None:
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
            if not isinstance(error, Transient | LeaseSpent):
                self.stop(str(error))
            self._weigh_all(call, [told])

    def _compare(self, record: Record, found: Found) -> Seen:
        if record.operation is not Operation.DELETE:
            payload = record.payload if record.payload is not None else self._writer.payload(record)
            if self._writer.matches(payload, found):
                return "target"
        if record.previous is None:
            return "other"
        before: Any = record.previous_payload
        if before is None:
            before = self._writer.payload(replace(record, fields=record.previous, payload=None))
        return "previous" if self._writer.matches(before, found) else "other"

    # -- the destination's mood ---------------------------------------------------------------------------------------

    def _before_send(self) -> None:
        """Take a call's turn; asked by the HTTP client when it has come.

        Raises:
            LeaseSpent: the destination wants to be left alone, or the call could outlast its lease; nothing was sent.
        """
        now = self._clock.monotonic()
        if now < self._resume_at and self._resume_at + self._timing.call_seconds < self._local.deadline:
            self._clock.sleep(self._resume_at - now)
            now = self._clock.monotonic()
        if now < self._resume_at or now + self._timing.call_seconds > self._local.deadline:
            raise LeaseSpent(
                f"The call to {self._destination} was not made: the lease would have ended before it could."
            )

    def _weigh_all(self, call: Call, told: Sequence[Outcome]) -> None:
        """Weigh each kind of answer once: a batch that got none is one trouble, however many records were in it."""
        with self._lock:
            kinds = {(one.result, one.category): (claim, one) for claim, one in zip(call.claims, told, strict=True)}
            for claim, outcome in kinds.values():
                self._weigh(claim.record, outcome)

    def _weigh(self, record: Record, outcome: Outcome) -> None:
        """Weigh an answer: a destination that can't be reached, answers nothing of use or lets us do nothing is left alone."""
        if outcome.result is Result.BUSY:
            self._resume_at = max(self._resume_at, self._clock.monotonic() + outcomes.wait(outcome, 0, 0.0))
        elif outcome.result is Result.FAILED or outcome.category in TROUBLED_CATEGORIES:
            is_unreached = (
                outcome.result is Result.FAILED and outcome.status is None
            )  # nobody's fault but the destination's
            self._troubled[record.intent_id] = None if is_unreached else str(record.fields.get(self._subject_field))
            if len(self._troubled) >= TROUBLE_IN_A_ROW:
                self._draw_conclusion(outcome)
        elif outcome.result is not Result.NOT_SENT:
            self._troubled.clear()

    def _draw_conclusion(self, outcome: Outcome) -> None:
        """All of one subject: that one is poisoned, and the others go on. Of several: it is the destination."""
        subjects = set(self._troubled.values())
        if len(subjects) == 1 and (subject := subjects.pop()) is not None:
            self._poisoned.append(subject)
            self._troubled.clear()
            return
        self.stop(
            f"{outcome.message} {len(self._troubled)} running ended so: {self._destination} is left alone for now.",
            is_trouble=True,
        )

    def stop(self, sentence: str, *, is_trouble: bool = False) -> None:
        """Leave the destination alone, and say why; ``is_trouble``: it may get over it by itself."""
        self._halt.set()
        self.is_in_trouble = self.is_in_trouble or is_trouble
        self._on_stop(sentence)

    def _heard(self, exchange: Exchange) -> None:
        self._local.exchanges.append(exchange)


def _stand_back() -> None:
    """Let the worker's thread, which feeds this one, go first on a crowded core: it has more to do than an even share allows."""
    with contextlib.suppress(
        OSError, AttributeError
    ):  # where threads have no priority of their own, an even share it is
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), CREW_NICENESS)


def _doubt_if_written(call: Call) -> bool:
    """A write that was answered well before the error: it may stand, whatever the error says."""
    was_written = any(exchange.is_done for exchange in call.exchanges)
    if was_written:
        call.outcomes = [replace(outcome, result=Result.IN_DOUBT) for outcome in call.outcomes or ()]
    return was_written
