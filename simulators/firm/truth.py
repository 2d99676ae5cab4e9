"""Where each hour ought to be, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulators.firm.model import World


def rows(world: World) -> Iterator[dict[str, Any]]:
    """One row per time entry of the PSA, by entry id."""
    for entry in world.entries.iterate(order="entry_id"):
        yield {"source_id": str(entry.entry_id)}
