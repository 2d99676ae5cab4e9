"""The circuit breaker of a destination, shared by all workers: open after a run of trouble, tried again by one intent.

Promise: while it is open a scheduled push sends nothing and says until when; when its time comes, or a person pushes, one
worker sends one intent. That one through, it closes and the rest follows; that one in trouble, it opens for twice as long.
Intents stay planned all the while. Times are the database's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

if TYPE_CHECKING:
    from datetime import datetime

FIRST_REST_SECONDS = 60.0
LONGEST_REST_SECONDS = 1800.0

Verdict = Literal["closed", "open", "probe"]


@dataclass(frozen=True)
class Standing:
    """What a push may do: everything (closed), nothing (open), or one intent to see (probe)."""

    verdict: Verdict
    since: datetime | None = None
    until: datetime | None = None
    why: str | None = None

    def sentence(self, destination: str) -> str:
        """Why nothing was sent, and when it is tried again."""
        since = f" since {self.since:%Y-%m-%d %H:%M} UTC" if self.since else ""
        until = f"It is tried again at {self.until:%H:%M} UTC" if self.until else "Another worker is trying it"
        return (
            f"{destination} is left alone{since}: {self.why} {until}; `hourline push` tries it at once. "
            "Nothing is lost: what was not sent stays planned."
        )


def ask(connection: sa.Connection, destination: str, worker: str, *, at_once: bool, probe_seconds: float) -> Standing:
    """What a push may do just now; a probe is given to one worker at a time, for so long.

    Args:
        at_once: probe now, whatever the time.
    """
    sql = (
        "select *, probe_lease_until > hourline.now() and probe_worker <> :worker as is_probed,"
        " probe_at <= hourline.now() as is_due, probe_at at time zone 'UTC' as until_utc, opened_at at time zone 'UTC' as since_utc"
        " from delivery.breaker where destination = :destination for update"
    )
    row = connection.execute(sa.text(sql), {"destination": destination, "worker": worker}).first()
    if row is None:
        return Standing("closed")
    if row.is_probed:
        return Standing("open", row.since_utc, None, row.why)
    if not (at_once or row.is_due):
        return Standing("open", row.since_utc, row.until_utc, row.why)
    connection.execute(
        sa.text(
            "update delivery.breaker set probe_worker = :worker,"
            " probe_lease_until = hourline.now() + make_interval(secs => :seconds) where destination = :destination"
        ),
        {"worker": worker, "seconds": probe_seconds, "destination": destination},
    )
    return Standing("probe", row.since_utc, None, row.why)


def trip(connection: sa.Connection, destination: str, why: str, *, worker: str) -> None:
    """Open it; a worker whose probe failed opens it for twice as long, others that are late to notice change nothing."""
    sql = """
        insert into delivery.breaker as b (destination, opened_at, trips, probe_at, why)
        values (:destination, hourline.now(), 1, hourline.now() + make_interval(secs => :first), :why)
        on conflict (destination) do update
        set trips = b.trips + 1, why = excluded.why, probe_worker = null, probe_lease_until = null,
            probe_at = hourline.now() + make_interval(secs => least(:longest, :first * power(2, b.trips)))
        where b.probe_worker = :worker
    """
    connection.execute(
        sa.text(sql),
        {
            "destination": destination,
            "why": why,
            "worker": worker,
            "first": FIRST_REST_SECONDS,
            "longest": LONGEST_REST_SECONDS,
        },
    )


def close(connection: sa.Connection, destination: str) -> None:
    """The destination answers again."""
    connection.execute(
        sa.text("delete from delivery.breaker where destination = :destination"), {"destination": destination}
    )


def give_back(connection: sa.Connection, destination: str, worker: str) -> None:
    """A probe that had nothing to send: whoever has something may try."""
    connection.execute(
        sa.text(
            "update delivery.breaker set probe_worker = null, probe_lease_until = null"
            " where destination = :destination and probe_worker = :worker"
        ),
        {"destination": destination, "worker": worker},
    )
