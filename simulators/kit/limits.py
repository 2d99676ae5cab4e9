"""A vendor's allowances: how many calls in a window, how many at once. The vendor words the refusal."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from typing import Protocol


class Limit(Protocol):
    """`enter` admits a call or not; `leave` follows every admitted call. `factor` raises the allowance."""

    name: str
    factor: int

    def enter(self, key: str) -> bool: ...
    def leave(self, key: str) -> None: ...
    def allowed(self) -> int: ...
    def used(self, key: str) -> int: ...


class SlidingWindow:
    """At most `most * factor` calls in any `seconds`, per key (a token, an account)."""

    def __init__(self, name: str, most: int, seconds: float) -> None:
        self.name = name
        self.most = most
        self.seconds = seconds
        self.factor = 1
        self._seen: defaultdict[str, deque[float]] = defaultdict(deque)

    def _recent(self, key: str) -> deque[float]:
        seen = self._seen[key]
        horizon = time.monotonic() - self.seconds
        while seen and seen[0] <= horizon:
            seen.popleft()
        return seen

    def enter(self, key: str) -> bool:
        seen = self._recent(key)
        if len(seen) >= self.allowed():
            return False
        seen.append(time.monotonic())
        return True

    def leave(self, key: str) -> None:
        """A window forgets by time alone."""

    def allowed(self) -> int:
        return self.most * self.factor

    def used(self, key: str) -> int:
        return len(self._recent(key))

    def seconds_until_free(self, key: str) -> float:
        """Zero when a call would be admitted now."""
        seen = self._recent(key)
        if len(seen) < self.allowed():
            return 0.0
        return max(0.0, seen[0] + self.seconds - time.monotonic())


class Concurrency:
    """At most `most * factor` calls in work at the same moment, per key."""

    def __init__(self, name: str, most: int) -> None:
        self.name = name
        self.most = most
        self.factor = 1
        self._busy: Counter[str] = Counter()

    def enter(self, key: str) -> bool:
        if self._busy[key] >= self.allowed():
            return False
        self._busy[key] += 1
        return True

    def leave(self, key: str) -> None:
        self._busy[key] -= 1

    def allowed(self) -> int:
        return self.most * self.factor

    def used(self, key: str) -> int:
        return self._busy[key]
