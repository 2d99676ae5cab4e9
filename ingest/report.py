"""What a landing did, resource by resource."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Status = Literal["landed", "failed", "stopped", "not read"]


@dataclass(slots=True)
class ResourceReport:
    """One resource of one landing.

    Attributes:
        status: ``landed``; ``failed``: nothing of it landed, or it landed and could not be settled with the source's own
            count; ``stopped``: the read itself is doubted; ``not read``: its source failed before its turn.
        sentence: what happened, where, what state things are in and what to do; empty when all is well.
        differences: months (or the whole) in which the source's own count is not what landed, and what it lists no more
            without saying why, as sentences.
    """

    resource: str
    status: Status = "landed"
    rows_read: int = 0
    rows_landed: int = 0
    rows_quarantined: int = 0
    rows_tombstoned: int = 0
    minutes_read: Decimal | None = None
    load_ids: list[str] = field(default_factory=list)
    sentence: str = ""
    differences: list[str] = field(default_factory=list)


@dataclass(slots=True)
class LoadReport:
    """One landing of one connection."""

    connection: str
    resources: list[ResourceReport] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether every resource landed."""
        return all(one.status == "landed" for one in self.resources)

    @property
    def is_stopped(self) -> bool:
        """Whether the source was stopped because what it gave is not to be believed."""
        return any(one.status == "stopped" for one in self.resources)

    @property
    def rows_landed(self) -> int:
        """New versions, tombstones included."""
        return sum(one.rows_landed for one in self.resources)

    @property
    def sentences(self) -> list[str]:
        """One sentence for each resource that did not land."""
        return [one.sentence for one in self.resources if one.sentence]
