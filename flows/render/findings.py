"""What `doctor` found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.diagnosis import Finding


def table(findings: Sequence[Finding]) -> Table:
    """One line a finding; the bad ones carry what to do in their sentence."""
    picture = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        picture.add_column()
    for one in findings:
        picture.add_row("[green]✓[/green]" if one.is_good else "[red]✗[/red]", one.subject, escape(one.message))
    return picture
