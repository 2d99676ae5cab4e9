"""A vendor's allowance, kept on our side: so many calls at once, so many in a span of time, none while it asks for rest.

A gate is shared by every client of a connection in this process (its source and its writer draw on the same account).
Within `plumbing.traffic.shared` the same allowance is shared by every process and machine on one warehouse.
"""

from __future__ import annotations

import collections
import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from plumbing.clock import Clock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plumbing.quota import Quota

LONGEST_REST_SECONDS = 30.0  # a longer rest that the other side asks for is the caller's to schedule


@dataclass(frozen=True)
class Allowance:
    """What a vendor lets one account do.

    Attributes:
        concurrency: calls at the same time.
        requests: calls within any ``window_seconds``; None: no such limit.
        window_seconds: length of that span.
    """

    concurrency: int = 4
    requests: int | None = None
    window_seconds: float = 60.0

    def times(self, factor: int) -> Allowance:
        """The same, raised by a factor that the vendor agreed to."""
        raised = None if self.requests is None else self.requests * factor
        return Allowance(self.concurrency * factor, raised, self.window_seconds)


class Resting(Exception):  # noqa: N818  not an error: the account asked to be left alone
    """The account is left alone for longer than a call should wait; nothing was sent."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"left alone for {seconds:.0f} s more")
        self.seconds = seconds


class Gate(Protocol):
    """Lets calls through as the allowance permits."""

    allowance: Allowance

    def slot(self) -> contextlib.AbstractContextManager[None]:
        """Hold one of the concurrent calls, when its turn has come.

        Raises:
            Resting: the account asked to be left alone for longer than a call should wait.
        """

    def hear(self, status: int, retry_after: float | None, quota: Quota | None) -> None:
        """Learn from an answer: the wait that a 429 asks for, or what is left of the allowance."""

    def close(self) -> None:
        """Give back what is held."""


class LocalGate:
    """The gate of one process."""

    def __init__(self, allowance: Allowance, clock: Clock) -> None:
        self.allowance = allowance
        self._clock = clock
        self._slots = threading.BoundedSemaphore(allowance.concurrency)
        self._began: collections.deque[float] = collections.deque()
        self._lock = threading.Lock()
        self._rests_until = 0.0

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the concurrent calls, when the window has room and no rest is asked for."""
        with self._slots:
            while (wait := self._rest() or self._take()) > 0:
                self._clock.sleep(wait)
            yield

    def hear(self, status: int, retry_after: float | None, quota: Quota | None) -> None:
        """Rest as long as a 429 asks for, or until an allowance that is used up is renewed."""
        seconds = rest_asked_for(status, retry_after, quota)
        if seconds > 0:
            with self._lock:
                self._rests_until = max(self._rests_until, self._clock.monotonic() + seconds)

    def close(self) -> None:
        """Nothing is held between calls."""

    def _rest(self) -> float:
        if not self._rests_until:
            return 0.0
        left = self._rests_until - self._clock.monotonic()
        if left > LONGEST_REST_SECONDS:
            raise Resting(left)
        return max(0.0, left)

    def _take(self) -> float:
        """Zero and a place in the window, or the seconds until one is free."""
        requests = self.allowance.requests
        if requests is None:
            return 0.0
        with self._lock:
            now = self._clock.monotonic()
            while self._began and now - self._began[0] >= self.allowance.window_seconds:
                self._began.popleft()
            if len(self._began) < requests:
                self._began.append(now)
                return 0.0
            return self.allowance.window_seconds - (now - self._began[0])


def rest_asked_for(status: int, retry_after: float | None, quota: Quota | None) -> float:
    """Seconds to leave the account alone after this answer."""
    if status == 429 and retry_after is not None:
        return retry_after
    if quota is not None and quota.remaining == 0 and quota.resets_in is not None:
        return quota.resets_in
    return 0.0


_gates: dict[tuple[str, str, Allowance], LocalGate] = {}
_gates_lock = threading.Lock()


def gate_of(connection: str, base_url: str, allowance: Allowance, clock: Clock) -> LocalGate:
    """The one gate of a connection in this process; a hand-moved clock gets a gate of its own."""
    if not isinstance(clock, SystemClock):
        return LocalGate(allowance, clock)
    with _gates_lock:
        return _gates.setdefault((connection, base_url, allowance), LocalGate(allowance, clock))
