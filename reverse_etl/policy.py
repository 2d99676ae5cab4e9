"""The firm's rules that the engine itself asks for: who owns a trouble, and how large a change passes unasked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from reverse_etl.syncs import Sync


@dataclass(frozen=True)
class Policy:
    """What one plan goes by."""

    owners: dict[str, str] = field(default_factory=dict)
    mass_change_share: Decimal = Decimal("0.2")
    mass_change_minimum: int = 50

    def is_mass(self, changes: int, settled: int) -> bool:
        """Whether so many changes to so much that is in effect want a person's word."""
        return changes >= self.mass_change_minimum and changes > self.mass_change_share * settled

    def enough_settled(self, changes: int) -> int | None:
        """How much in effect makes so many changes no mass change: counting may stop there. None: however much it is."""
        return math.ceil(changes / self.mass_change_share) if self.mass_change_share else None


def load(connection: sa.Connection, sync: Sync) -> Policy:
    """The policy in force: the sync's declaration, overridden by ``rule.policy``."""
    values = {
        row.name: Decimal(row.value)
        for row in connection.execute(
            sa.text("select name, cast(value as text) as value from rule.policy where legal_entity = ''")
        )
    }
    teams = connection.execute(sa.text("select reason, owner from rule.owner_team"))
    owners = {row.reason: row.owner for row in teams}
    return Policy(
        owners=owners,
        mass_change_share=values.get("mass_change_share", Decimal(sync.mass_change_share)),
        mass_change_minimum=int(values.get("mass_change_minimum", sync.mass_change_minimum)),
    )
