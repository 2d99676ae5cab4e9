"""Ids as each vendor writes them, made from the seed, so that every run with one seed gives the same firm."""

from __future__ import annotations

import random
import string
import uuid

_BASE62 = string.ascii_uppercase + string.ascii_lowercase + string.digits
_CASE_SAFE = string.ascii_uppercase + "012345"


class Ids:
    """Counters per kind of record, each from a start that the seed chooses."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._next: dict[str, int] = {}
        self._space = uuid.uuid5(uuid.NAMESPACE_URL, f"https://hartwell.example/{seed}")

    def number(self, kind: str, around: int) -> str:
        """A numeric string: Kantata and NetSuite ids. `around` sets the order of magnitude."""
        if kind not in self._next:
            self._next[kind] = around + random.Random(f"{self._seed}:{kind}").randrange(around // 10)
        self._next[kind] += 1
        return str(self._next[kind])

    def salesforce(self, prefix: str) -> str:
        """18 characters: 15 case-sensitive and 3 that make them safe to compare without regard to case."""
        serial = int(self.number(f"sf{prefix}", 1_000_000))
        tail = ""
        for _ in range(9):
            serial, digit = divmod(serial, 62)
            tail = _BASE62[digit] + tail
        return with_case_suffix(f"{prefix}5e0{tail[-9:]}")

    def uuid(self, kind: str, key: str) -> str:
        return str(uuid.uuid5(self._space, f"{kind}:{key}"))


def with_case_suffix(fifteen: str) -> str:
    """Adds Salesforce's suffix: each of its characters tells which of five are capitals."""
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << i for i, letter in enumerate(fifteen[start : start + 5]) if letter in string.ascii_uppercase)
        suffix += _CASE_SAFE[bits]
    return fifteen + suffix
