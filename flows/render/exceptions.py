"""The exception queue: a line a cause, or a line an hour."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from flows.render.figures import age, count, hours, money, sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.queue import Cause, Row


def causes(found: Sequence[Cause]) -> Table | Text:
    """Cause, owner, rows, hours, money, since when."""
    if not found:
        return Text("No open exceptions.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("cause", "kind", "sync", "owner"):
        table.add_column(name)
    for name in ("rows", "hours", "money", "for"):
        table.add_column(name, justify="right")
    for one in found:
        waited = datetime.now(UTC) - one.since if one.since else None
        table.add_row(escape(one.cause), one.category, one.sync, one.owner, count(one.rows), hours(one.minutes),
                      sums(one.money), age(waited))  # fmt: skip
    return table


def rows(found: Sequence[Row]) -> Table | Text:
    """One line an exception, with the sentence that came with it."""
    if not found:
        return Text("No open exceptions.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "sync", "hour", "entity", "work date"):
        table.add_column(name, no_wrap=True)
    for name in ("hours", "money"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("owner")
    table.add_column("what happened")
    for one in found:
        table.add_row(str(one.exception_id), one.sync, one.source_id or "", one.legal_entity or "unassigned",
                      f"{one.work_date or ''}", hours(one.minutes or Decimal(0)), money(one.money, one.currency),
                      one.owner, escape(one.message))  # fmt: skip
    return table
