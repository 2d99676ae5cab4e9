"""The night's work, piece by piece, without an orchestrator: each function is one step, safe to run again.

`flows/*.py` wrap these for Prefect; the command line and the demo call them as they are. Every function takes settings
first, opens what it needs, and raises `HourlineError` with one sentence; a failure never touches another connection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import dbt
from flows.dbt import BuildReport
from flows.narration import narrate
from plumbing import settings as configuration
from plumbing.errors import HourlineError, Terminal
from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Collection

    from flows.statement import Statement
    from plumbing.settings import Settings

__all__ = ["BuildReport", "Delivery", "Landed", "build", "deliver", "land", "prepare", "reconcile", "settings"]


class StoppedAtDoor(Terminal):
    """A source's rows or a batch did not pass its door; nothing of it was delivered."""


@dataclass(frozen=True)
class Landed:
    """One source, read and judged."""

    connection: str
    rows_read: int
    rows_landed: int
    rows_quarantined: int


@dataclass(frozen=True)
class Delivery:
    """One sync to one destination: what was planned, what the door said, what became of it."""

    sync: str
    destination: str
    plan: Any
    outcomes: dict[str, int] = field(default_factory=dict)


def settings(home: str | None = None) -> Settings:
    """Loads the settings of a home given as text, as flow parameters are; requires a connection."""
    loaded = configuration.load(Path(home) if home else None)
    loaded.require_connections()
    return loaded
