"""What can become of a call, and the seeded draw that decides it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = {
    "drop_before": "the connection closes; the call is not passed on",
    "drop_after": "the call is carried out there; the connection closes without an answer",
    "reset_before": "the connection is reset; the call is not passed on",
    "reset_after": "the call is carried out there; the connection is reset",
    "late": "the connection closes; the call arrives there just after the next look at the same record was answered",
    "reorder": "the connection closes; the call arrives there after a newer write of the same record, "
    "or at the last moment before the second look at it",
    "error_before": "a 5xx is answered; the call is not passed on",
    "error_after": "the call is carried out there; a 5xx is answered",
    "busy": "429 without Retry-After; the call is not passed on",
    "busy_wait": "429 with Retry-After; the call is not passed on",
    "time_out_before": "nothing is passed on nor answered until the client hangs up",
    "time_out_after": "the call is carried out there; nothing is answered until the client hangs up",
    "slow": "the answer's body comes in small pieces, within the client's patience",
    "truncated": "half of the answer comes, then the connection closes",
}
HELD_BACK = frozenset({"late", "reorder"})  # faults that keep the call for later
OF_READS = (
    "drop_before", "reset_before", "error_before", "busy", "busy_wait", "time_out_before", "slow", "truncated",
)  # fmt: skip
ERRORS = (500, 502, 503, 504)
_SCALE = float(2**64)

# A waiting client costs real time, so time-outs are rarer than the rest.
USUAL = {name: 0.1 if name.startswith("time_out") else 1.0 for name in KINDS}


@dataclass(frozen=True)
class Mix:
    """How often what goes wrong.

    Attributes:
        share: of writes that meet a fault, 0 to 1.
        read_share: of reads.
        weights: of the kinds among each other; a kind left out never comes.
        reads: regular expressions, searched in ``METHOD path`` and the first bytes of the body, that mark a read besides GET
            and HEAD (a query by POST).
        subjects: regular expressions whose matches, in the path or the body, name the records a call is about; those of two
            calls about one record must meet.
        retry_after: seconds that a 429 asks for.
        slow_seconds: between the pieces of a slow answer.
    """

    share: float = 0.0
    read_share: float = 0.0
    weights: Mapping[str, float] = field(default_factory=lambda: dict(USUAL))
    reads: tuple[str, ...] = ()
    # From the start of a word and no longer than a key: a long word must not be tried from each of its letters.
    subjects: tuple[str, ...] = (r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{1,120}-g\d+",)
    retry_after: int = 1
    slow_seconds: float = 0.002

    def __post_init__(self) -> None:
        if unknown := set(self.weights) - set(KINDS):
            raise ValueError(f"no fault is called {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
        for pattern in (*self.reads, *self.subjects):
            re.compile(pattern)

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Mix:
        """A mix out of JSON. Raises ValueError for a name it doesn't know."""
        known = {each.name for each in fields(cls)}
        if unknown := set(given) - known:
            raise ValueError(f"a mix has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}")
        listed = {name: tuple(given[name]) for name in ("reads", "subjects") if name in given}
        return cls(**{**given, **listed})


class Draw:
    """Decides, call by call, from a seed."""

    def __init__(self, seed: int, mix: Mix) -> None:
        self.seed = seed
        self.mix = mix
        self._came: Counter[bytes] = Counter()
        self._weights = {False: _running(mix.weights, KINDS), True: _running(mix.weights, OF_READS)}
        self._reads = [re.compile(pattern) for pattern in mix.reads]
        self._subjects = [re.compile(pattern) for pattern in mix.subjects]

    def is_read(self, method: str, path: str, body: bytes) -> bool:
        """Whether the call changes nothing there."""
        if method in {"GET", "HEAD", "OPTIONS"}:
            return True
        said = f"{method} {path}\n{body[:4096].decode('latin-1')}"
        return any(pattern.search(said) for pattern in self._reads)

    def subjects(self, path: str, body: bytes) -> frozenset[str]:
        """The records that the call names."""
        said = f"{path}\n{body.decode('latin-1')}"
        return frozenset(found for pattern in self._subjects for found in pattern.findall(said))

    def fault(self, method: str, path: str, body: bytes, *, is_read: bool) -> str | None:
        """The kind of fault that the call meets, or None."""
        share = self.mix.read_share if is_read else self.mix.share
        if not share:
            return None
        call = hashlib.blake2b(f"{method} {path}\n".encode() + body, digest_size=8).digest()
        self._came[call] += 1
        drawn = hashlib.blake2b(f"{self.seed}:{self._came[call]}:".encode() + call, digest_size=16).digest()
        if int.from_bytes(drawn[:8], "big") / _SCALE >= share:
            return None
        where = int.from_bytes(drawn[8:], "big") / _SCALE
        return next((name for name, upto in self._weights[is_read] if where < upto), None)

    def error(self, path: str) -> int:
        """Which 5xx."""
        return ERRORS[hashlib.blake2b(f"{self.seed}:{path}".encode(), digest_size=1).digest()[0] % len(ERRORS)]


def _running(weights: Mapping[str, float], kinds: Any) -> list[tuple[str, float]]:
    """Kinds with the upper end of each one's share of 0 to 1."""
    chosen = [(name, weights[name]) for name in kinds if weights.get(name)]
    whole = sum(weight for _, weight in chosen)
    upto, listed = 0.0, []
    for name, weight in chosen:
        upto += weight / whole
        listed.append((name, upto))
    return listed
