"""What landed, and what the landing doors said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from flows.render.figures import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flows.outcomes import Landed
    from plumbing.errors import HourlineError


def table(landed: Sequence[Landed], stopped: Mapping[str, HourlineError]) -> Table:
    """One line a connection: read, new versions, quarantined, and why it stopped."""
    picture = Table(box=None, pad_edge=False, header_style="bold")
    picture.add_column("connection")
    for name in ("read", "new versions", "quarantined"):
        picture.add_column(name, justify="right")
    picture.add_column("")
    for one in landed:
        picture.add_row(one.connection, count(one.rows_read), count(one.rows_landed), count(one.rows_quarantined), "")
    for name, error in stopped.items():
        picture.add_row(name, "", "", "", f"[red]stopped:[/red] {escape(str(error))}")
    return picture


def verdicts(said: Mapping[str, Any]) -> Table:
    """One line a door, and one for each rule that failed."""
    picture = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("door", "verdict", "rule", "rows", "what to do"):
        picture.add_column(name)
    for name, verdict in said.items():
        word = "[green]passed[/green]" if verdict.passed else "[red]stopped[/red]"
        failed = verdict.failed_rules
        picture.add_row(name, word, "" if failed else f"{len(verdict.results)} rules", "", "")
        for rule in failed:
            picture.add_row("", rule.severity, rule.rule, count(rule.failed_rows), escape(rule.message))
    return picture
