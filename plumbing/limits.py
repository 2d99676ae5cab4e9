"""A vendor's allowance, kept on our side: so many calls at once, so many in a span of time.

The gate is shared by every client of a connection in this process (its source and its writer draw on the same account).
Other processes are not seen; there the vendor's own 429 speaks, and is honoured.
"""

from __future__ import annotations

import collections
import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plumbing.clock import Clock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator


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


class Gate:
    """Lets calls through as the allowance permits; a caller waits its turn."""

    def __init__(self, allowance: Allowance, clock: Clock) -> None:
        self.allowance = allowance
        self._clock = clock
        self._slots = threading.BoundedSemaphore(allowance.concurrency)
        self._began: collections.deque[float] = collections.deque()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the concurrent calls, when the window has room."""
        with self._slots:
            while (wait := self._take()) > 0:
                self._clock.sleep(wait)
            yield

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


_gates: dict[tuple[str, str, Allowance], Gate] = {}
_gates_lock = threading.Lock()


def gate_of(connection: str, base_url: str, allowance: Allowance, clock: Clock) -> Gate:
    """The one gate of a connection in this process; a hand-moved clock gets a gate of its own."""
    if not isinstance(clock, SystemClock):
        return Gate(allowance, clock)
    with _gates_lock:
        return _gates.setdefault((connection, base_url, allowance), Gate(allowance, clock))
