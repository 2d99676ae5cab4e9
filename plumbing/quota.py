"""What an answer's headers say about the account's allowance: pure, and for whichever spelling a vendor uses.

Read: the IETF draft's ``RateLimit`` (``"default";r=50;t=30``), and ``[X-]RateLimit-Limit`` / ``-Remaining`` / ``-Reset`` with the
spellings ``X-Rate-Limit-…``. A reset is seconds from now, seconds since 1970, or a time stamp with its offset. What can't be
read is no news; it is never an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MARKS = (b"ratelimit", b"rate-limit")
_NAME = re.compile(rb"^(?:x-)?rate-?limit-(limit|remaining|reset)$")
_ITEM = re.compile(r";\s*(r|t)=(\d+)")
_LEADING = re.compile(r"\d+")
EPOCH_FROM = 1_000_000_000  # a larger number counts from 1970, not from now


@dataclass(frozen=True)
class Quota:
    """What is left of an allowance.

    Attributes:
        remaining: calls that would still be let through.
        limit: calls in a whole window, where it is told.
        resets_in: seconds until there is room again, where it is told.
    """

    remaining: int
    limit: int | None = None
    resets_in: float | None = None


def read(headers: Iterable[tuple[bytes, bytes]], now: datetime) -> Quota | None:
    """The allowance as the headers tell it; None when they don't."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name = raw_name.lower()
        if not any(mark in name for mark in _MARKS):
            continue
        value = raw_value.decode("latin-1").strip()
        if name == b"ratelimit":
            for key, number in _ITEM.findall(value):
                found.setdefault({"r": "remaining", "t": "reset"}[key], number)
        elif match := _NAME.match(name):
            found.setdefault(match.group(1).decode(), value)
    remaining = _number(found.get("remaining"))
    if remaining is None:
        return None
    return Quota(remaining, _number(found.get("limit")), _seconds(found.get("reset"), now))


def _number(text: str | None) -> int | None:
    match = _LEADING.match(text or "")  # a limit may be followed by its policy: `100;w=60`
    return int(match.group()) if match else None


def _seconds(text: str | None, now: datetime) -> float | None:
    if not text:
        return None
    if text.isdigit():
        number = int(text)
        return max(0.0, number - now.timestamp()) if number > EPOCH_FROM else float(number)
    moment = _moment(text)
    return None if moment is None else max(0.0, (moment - now).total_seconds())


def _moment(text: str) -> datetime | None:
    """A time stamp with its offset; one without is taken as UTC."""
    for parse in (
        datetime.fromisoformat,
        lambda given: datetime.strptime(given, "%Y-%m-%d %H:%M:%S %z"),
        parsedate_to_datetime,
    ):
        try:
            moment = parse(text)
        except (ValueError, TypeError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
