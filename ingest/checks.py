"""Whether a connection can be read, asked for `hourline doctor`: every probe is a read, every answer one finding."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ingest.sources import Finding
from plumbing.errors import HourlineError

if TYPE_CHECKING:
    from plumbing.settings import Connection


def probe(connection: Connection, subject: str, ask: Callable[[], Any]) -> Finding:
    """One read, and what came of it; a number is told as a count of records."""
    try:
        answer = ask()
    except HourlineError as error:
        return Finding(connection.name, subject, is_well=False, message=error.message, remedy=error.remedy or "")
    told = f"readable, {answer:,} records" if isinstance(answer, int) else "readable"
    return Finding(connection.name, subject, is_well=True, message=told)
