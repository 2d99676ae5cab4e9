"""How long the backlog takes at a vendor's allowance, and whether it is done before the cut-offs.

Promise: said before anything is sent, from what the plan will leave to send, the vendor's limits and how fast it answered
lately; hours that will miss their cut-off are counted. An estimate: it decides nothing and holds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import sqlalchemy as sa

from plumbing import catalog, vendors
from plumbing.limits import Allowance
from reverse_etl import destinations, statements

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from plumbing.settings import Settings
    from reverse_etl.syncs import Sync

UNMEASURED_SECONDS = Decimal("0.5")  # of one call, where the ledger has none of the last week


@dataclass(frozen=True)
class Miss:
    """Work that will not be in effect by its cut-off."""

    cutoff_at: datetime
    intents: int
    minutes: Decimal


@dataclass(frozen=True)
class Forecast:
    """The backlog of one destination.

    Attributes:
        seconds: until it is sent, if nothing fails.
        pace: what that rests on, in words.
        first_cutoff: the nearest; None: nothing of it has one.
        misses: by cut-off, what will not be done by then (or is late already).
    """

    destination: str
    intents: int
    seconds: Decimal
    pace: str
    first_cutoff: datetime | None = None
    misses: tuple[Miss, ...] = ()

    def sentence(self) -> str:
        """One line for people."""
        line = f"{self.intents:,} to send take about {_duration(self.seconds)} ({self.pace})"
        if self.first_cutoff is None:
            return f"{line}; none has a cut-off"
        return f"{line}; the first cut-off is {self.first_cutoff:%Y-%m-%d %H:%M} UTC"

    def warnings(self) -> list[str]:
        """What will be late, a line a cut-off."""
        return [
            f"! {miss.intents:,} ({miss.minutes / 60:,.2f} h) will miss the cut-off of {miss.cutoff_at:%Y-%m-%d %H:%M} UTC"
            f" at {self.destination}"
            for miss in self.misses
        ]


@dataclass(frozen=True)
class Pace:
    """How fast one destination takes intents: HTTP calls at once, in a window, seconds of one, and how many make an intent."""

    allowance: Allowance
    call_seconds: Decimal
    calls_per_intent: Decimal
    is_measured: bool

    @property
    def intents_per_second(self) -> Decimal:
        """The slower of the two limits."""
        by_calls = self.allowance.concurrency / max(self.call_seconds, Decimal("0.001"))
        if self.allowance.requests is not None:
            by_calls = min(by_calls, self.allowance.requests / Decimal(str(self.allowance.window_seconds)))
        return by_calls / max(self.calls_per_intent, Decimal("0.001"))

    def words(self) -> str:
        """What it rests on."""
        limits = f"{self.allowance.concurrency} calls at once"
        if self.allowance.requests is not None:
            limits += f", {self.allowance.requests:,} in {self.allowance.window_seconds:.0f} s"
        return f"{limits}, {self.call_seconds:.2f} s a call{'' if self.is_measured else ' assumed'}"


@dataclass(frozen=True)
class Part:
    """Work of one cut-off; ``seconds_left`` is negative when it is past."""

    intents: int
    minutes: Decimal
    cutoff_at: datetime | None = None
    seconds_left: Decimal | None = None


def foresee(destination: str, parts: Iterable[Part], pace: Pace) -> Forecast:
    """The forecast of one destination's parts, given nearest cut-off first. Pure."""
    sent = 0
    rate = pace.intents_per_second
    first, misses = None, []
    for part in parts:
        before, sent = sent, sent + part.intents
        if part.cutoff_at is None or part.seconds_left is None:
            continue
        first = first or part.cutoff_at
        in_time = max(0, min(part.intents, int(part.seconds_left * rate) - before))
        if in_time < part.intents:
            late = part.intents - in_time
            misses.append(Miss(part.cutoff_at, late, part.minutes * late / part.intents))
    return Forecast(destination, sent, Decimal(sent) / rate, pace.words(), first, tuple(misses))


def of_plan(connection: sa.Connection, settings: Settings, sync: Sync) -> tuple[Forecast, ...]:
    """Forecasts of a plan under way, from its temporary tables; makes `new_cutoff` for those who write the intents."""
    sql = statements.named("forecast")
    connection.execute(sa.text(sql["cutoffs"]), {"role": sync.kind})
    parts: dict[str, list[Part]] = {}
    for row in connection.execute(sa.text(sql["backlog"]), {"sync": sync.name}):
        parts.setdefault(row.destination, []).append(
            Part(row.intents, row.minutes or Decimal(0), row.cutoff_utc, row.seconds_left)
        )
    return tuple(foresee(name, found, _pace(connection, settings, sync, name)) for name, found in parts.items())


def _pace(connection: sa.Connection, settings: Settings, sync: Sync, destination: str) -> Pace:
    row = connection.execute(sa.text(statements.named("forecast")["pace"]), {"destination": destination}).one()
    allowance, batch_size = _limits(settings, sync, destination)
    if not row.sends:
        return Pace(allowance, UNMEASURED_SECONDS, Decimal(1) / batch_size, is_measured=False)
    return Pace(allowance, row.seconds, row.calls / row.intents, is_measured=True)


def _limits(settings: Settings, sync: Sync, destination: str) -> tuple[Allowance, int]:
    """The vendor's limits for the account, and how many records go in a call."""
    configured = settings.connections.get(destination)
    if configured is None:
        return Allowance(), 1
    batch_size = destinations.writer_class(sync, configured.system).capabilities.batch_size
    if configured.system not in catalog.systems(vendors.__name__):
        return Allowance(), batch_size
    return vendors.allowance(configured), batch_size


def _duration(seconds: Decimal) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{seconds / 3600:.1f} h"
