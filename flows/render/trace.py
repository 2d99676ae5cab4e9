"""One hour's story, as a person reads it: a line a moment, its figures below."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from flows.story import Story

_LONG = 160


def picture(story: Story) -> Group:
    """The moments in order of time, then where the hour stands now."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("when (UTC)", no_wrap=True)
    table.add_column("where", no_wrap=True)
    table.add_column("what")
    for moment in story.moments:
        table.add_row(f"{moment.at:%Y-%m-%d %H:%M:%S}", moment.where, escape(moment.what))
        if said := details(moment.detail):
            table.add_row("", "", f"[dim]{escape(said)}[/dim]")
    now = Table(box=None, pad_edge=False, show_header=False)
    now.add_column(no_wrap=True)
    now.add_column()
    for row in story.now:
        now.add_row(str(row["sync"]), escape(details({key: value for key, value in row.items() if key != "sync"})))
    title = Text(f"Time entry {story.source_id} of {story.source_system}", style="bold")
    return Group(title, table, Text("Now", style="bold"), now)


def details(detail: dict[str, Any]) -> str:
    """`minutes 480, amount 1,200.00`: names without underscores, long values cut."""
    return ", ".join(
        f"{name.replace('_', ' ')} {_value(value)}" for name, value in detail.items() if value not in (None, "")
    )


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list)) else str(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"
