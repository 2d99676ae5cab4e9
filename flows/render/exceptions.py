"""The exception queue: a line a cause, or a line an hour."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from flows.render.figures import age, count, hours, money, sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reverse_etl import Cause, ExceptionRow


def causes(found: Sequence[Cause]) -> Table | Text:
    """Cause, owner, rows, hours, money, since when and when due; below each what to do."""
    if not found:
        return Text("No open exceptions.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("cause", "what is wrong", "sync", "owner"):
        table.add_column(name)
    for name in ("rows", "hours", "money", "for", "due (UTC)"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(one.cause_key, escape(wrong(one)), f"{one.sync} → {one.destination or 'nowhere'}", one.owner,
                      count(one.exceptions), hours(one.minutes), sums(one.money), age(one.age), _due(one))  # fmt: skip
        going = f" {one.under_way:,} are on their way again." if one.under_way else ""
        table.add_row("", f"[dim]{escape(one.to_do)}{going}[/dim]")
    return table


def wrong(one: Cause) -> str:
    """`closed_period: USER_ERROR (period 2026-10)`."""
    subject = f" ({one.subject_kind.replace('_', ' ')} {one.subject})" if one.subject else ""
    return f"{one.cause}{subject}"


def _due(one: Cause) -> str:
    if one.due_at is None:
        return ""
    text = f"{one.due_at.astimezone(UTC):%Y-%m-%d %H:%M}"
    return f"[red]{text} overdue[/red]" if one.is_overdue else text


def rows(found: Sequence[ExceptionRow]) -> Table | Text:
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
