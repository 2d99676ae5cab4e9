"""The firm's rules that the engine itself asks for: who owns a trouble, and how large a change passes unasked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from reverse_etl.syncs import Sync

ALL = ""  # the legal entity of a rule for all of them


@dataclass(frozen=True)
class Tolerance:
    """How far a correction of what is billed or closed goes unasked.

    Attributes:
        minutes, amount: at most so much of it touched; ``amount`` None: money alone stops nothing. In the hour's own currency.
        periods_back: closed periods that a correction may reach back.
    """

    minutes: Decimal = Decimal(480)
    amount: Decimal | None = None
    periods_back: int = 2


@dataclass(frozen=True)
class Policy:
    """What one plan goes by; ``by_entity`` holds at least the tolerance for all."""

    owners: dict[str, str] = field(default_factory=dict)
    mass_change_share: Decimal = Decimal("0.2")
    mass_change_minimum: int = 50
    by_entity: dict[str, Tolerance] = field(default_factory=lambda: {ALL: Tolerance()})

    def is_mass(self, changes: int, settled: int) -> bool:
        """Whether so many changes to so much that is in effect want a person's word."""
        return changes >= self.mass_change_minimum and changes > self.mass_change_share * settled

    def enough_settled(self, changes: int) -> int | None:
        """How much in effect makes so many changes no mass change: counting may stop there. None: however much it is."""
        return math.ceil(changes / self.mass_change_share) if self.mass_change_share else None

    def tolerances(self) -> list[dict[str, Any]]:
        """The tolerances as the plan's SQL reads them: the entity's own row outranks the one for all."""
        return [
            {
                "legal_entity": entity,
                "minutes": tolerance.minutes,
                "amount": tolerance.amount,
                "periods_back": tolerance.periods_back,
            }
            for entity, tolerance in sorted(self.by_entity.items())
        ]


def load(connection: sa.Connection, sync: Sync) -> Policy:
    """The policy in force: the sync's declaration, overridden by ``rule.policy``."""
    values: dict[str, dict[str, Decimal]] = {ALL: {}}
    for row in connection.execute(
        sa.text("select name, coalesce(legal_entity, '') as entity, cast(value as text) as value from rule.policy")
    ):
        values.setdefault(row.entity, {})[row.name] = Decimal(row.value)
    teams = connection.execute(sa.text("select reason, owner from rule.owner_team"))
    owners = {row.reason: row.owner for row in teams}
    return Policy(
        owners=owners,
        mass_change_share=values[ALL].get("mass_change_share", Decimal(sync.mass_change_share)),
        mass_change_minimum=int(values[ALL].get("mass_change_minimum", sync.mass_change_minimum)),
        by_entity={entity: _tolerance({**values[ALL], **own}, sync) for entity, own in values.items()},
    )


def _tolerance(values: dict[str, Decimal], sync: Sync) -> Tolerance:
    return Tolerance(
        minutes=values.get("reversal_tolerance_minutes", Decimal(sync.reversal_tolerance_minutes)),
        amount=values.get("reversal_tolerance_amount"),
        periods_back=int(values.get("closed_periods_back", sync.closed_periods_back)),
    )
