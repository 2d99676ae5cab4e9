"""The exception queue as the command line asks for it: what people write (months, times) made into what `reverse_etl` takes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import reverse_etl
from plumbing.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plumbing.settings import Settings
    from reverse_etl import Cause


def causes(
    settings: Settings, *, sync: str | None = None, cause: str | None = None, owner: str | None = None
) -> list[Cause]:
    """What waits for a person, one row a cause."""
    return reverse_etl.causes(settings, sync=sync, cause=cause, owner=owner)


def replay(
    settings: Settings, exception_ids: Sequence[int] = (), *, cause: str | None = None, sync: str | None = None,
    period: str | None = None, since: str | None = None, until: str | None = None, who: str, why: str,
) -> int:  # fmt: skip
    """Puts corrected exceptions back to planned, with who corrected what; returns how many."""
    chosen: dict[str, Any] = {
        "cause": cause, "sync": sync, "period": month(period), "since": _moment(since), "until": _moment(until)
    }  # fmt: skip
    return reverse_etl.replay(
        settings, exception_ids=list(exception_ids) or None, actor=who, why=why,
        **{name: value for name, value in chosen.items() if value is not None},
    )  # fmt: skip


def month(period: str | None) -> date | None:
    """The first day of a month written as YYYY-MM."""
    if period is None:
        return None
    try:
        return date.fromisoformat(f"{period}-01")
    except ValueError:
        raise Misconfigured(f"{period!r} is no month.", remedy="Write it as YYYY-MM.") from None


def _moment(text: str | None) -> datetime | None:
    """A time; UTC unless it says otherwise."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Misconfigured(
            f"{text!r} is no time.", remedy="Write it as 2026-11-16 or 2026-11-16T06:00+00:00."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
