"""The firm's clock: one for all vendors of a run, so that their stamps agree."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day


class SimClock:
    """Starts at noon UTC of the as-of date and runs with real time, unless frozen.

    Stamps on records (created, updated) come from here. What a vendor compares with a *client's* clock (an OAuth
    timestamp, a token's lifetime) must use `wall()`, since the client lives in real time.
    """

    def __init__(self, as_of: date) -> None:
        self._base = datetime.combine(as_of, time_of_day(12), tzinfo=UTC)
        self._started = time.monotonic()
        self._frozen = False

    @property
    def frozen(self) -> bool:
        return self._frozen

    def now(self) -> datetime:
        """Aware UTC instant in the firm's time."""
        if self._frozen:
            return self._base
        return self._base + timedelta(seconds=time.monotonic() - self._started)

    @staticmethod
    def wall() -> float:
        """Real seconds since the epoch."""
        return time.time()

    def set(self, instant: datetime) -> None:
        """Jump to an aware instant; keeps running or frozen as it was."""
        if instant.tzinfo is None:
            raise ValueError("the clock needs an instant with its zone, like 2026-11-16T12:00:00+00:00")
        self._base = instant.astimezone(UTC)
        self._started = time.monotonic()

    def advance(self, seconds: float) -> None:
        self.set(self.now() + timedelta(seconds=seconds))

    def freeze(self) -> None:
        self._base = self.now()
        self._frozen = True

    def run(self) -> None:
        if self._frozen:
            self._started = time.monotonic()
            self._frozen = False
