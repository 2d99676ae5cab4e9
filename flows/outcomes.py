"""What a step of the night gives back, and how it says that it stopped. Plain values: importing this costs nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plumbing.errors import Terminal

if TYPE_CHECKING:
    from reverse_etl import PlanReport, PushReport


class SourceStopped(Terminal):
    """A connection could not be read, or what it gave is not to be believed; what landed before stands."""


class StoppedAtDoor(Terminal):
    """A source's rows or a batch did not pass its door; nothing of it was delivered."""


@dataclass(frozen=True)
class Landed:
    """One source, read. `notes`: months in which the source's own count is not what landed, as sentences."""

    connection: str
    rows_read: int
    rows_landed: int
    rows_quarantined: int
    rows_tombstoned: int
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was read and what of it was new."""
        more = f", {self.rows_quarantined:,} quarantined" if self.rows_quarantined else ""
        gone = f", {self.rows_tombstoned:,} deleted there" if self.rows_tombstoned else ""
        return f"{self.connection}: {self.rows_read:,} read, {self.rows_landed:,} new versions{gone}{more}"


@dataclass(frozen=True)
class Delivery:
    """One sync: what was planned, what the door held, and what became of it at each destination."""

    sync: str
    plan: PlanReport
    held_at_door: dict[str, int] = field(default_factory=dict)
    pushes: tuple[PushReport, ...] = ()
