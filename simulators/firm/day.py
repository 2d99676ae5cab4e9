"""A day of life: the verbs by which a test or the demo changes the firm while it is being watched.

Every verb takes whole counts or explicit ids, works on the seed's own draw, stamps what it changes with the firm's
clock, and returns the ids of what it changed, empty lists when nothing fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulators.firm.standing import Standing

if TYPE_CHECKING:
    from simulators.firm.ids import Ids
    from simulators.firm.life import Changed
    from simulators.firm.model import World


def register(world: World, ids: Ids) -> None:
    """Makes the firm's own verbs known."""
    life = Day(world, ids)
    for name in dir(Day):
        if not name.startswith("_"):
            world.changes.register(name, getattr(life, name))


class Day(Standing):
    """All verbs of the firm, and the mix of them."""

    def day(self, scale: int = 1) -> Changed:
        """A seeded mix of what happens in a firm in a day, what vendors do by themselves included."""
        script: list[tuple[str, dict[str, Any]]] = [
            ("approve", {"count": 12 * scale}),
            ("edit", {"count": 4 * scale}),
            ("edit", {"count": 2 * scale, "approved": True}),
            ("withdraw", {"count": scale}),
            ("delete", {"count": 2 * scale}),
            ("move_date", {"count": 2 * scale}),
            ("move_project", {"count": scale}),
            ("new_work_type", {"count": 3 * scale}),
            ("rename", {"count": 1}),
            ("approve_sheets", {}),
            ("erp_invoice_draft", {"count": 20 * scale}),
            ("erp_invoice_post", {}),
            ("erp_invoice_pay", {}),
            ("close_phase", {}),
        ]
        known = [(verb, given) for verb, given in script if self._world.changes.knows(verb)]
        return {"day": [{"verb": verb, **self._world.changes.perform(verb, given)} for verb, given in known]}
