"""What to do with one chain: a pure function of what is in effect, what is desired, and what the destination says.

`decide` is the only statement of the rule. The plan's SQL joins the table that `decision_table` enumerates from it, so the
two cannot part. A decision is at most two steps; the second waits until the first is in effect (a move: the old
destination lets go before the new one is told).
"""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from typing import Any, Literal

Base = Literal["absent", "in_effect"]
Desired = Literal["present", "void", "held", "re_approval", "missing"]
Change = Literal["same", "changed", "moved"]
Place = Literal["open", "draft", "frozen", "rerouted"]

BASES: tuple[Base, ...] = ("absent", "in_effect")
DESIRED: tuple[Desired, ...] = ("present", "void", "held", "re_approval", "missing")
CHANGES: tuple[Change, ...] = ("same", "changed", "moved")
PLACES: tuple[Place, ...] = ("open", "draft", "frozen", "rerouted")

NEEDS_REVERSAL = "needs reversal"
ON_DRAFT_INVOICE = "on draft invoice"
ROUTED_ELSEWHERE = "routed elsewhere since posted"
NOT_DELETABLE = "cannot be deleted there"
ROW_MISSING = "row missing from the sync view"
MASS_CHANGE = "mass change"
ENGINE_REASONS = (NEEDS_REVERSAL, ON_DRAFT_INVOICE, ROUTED_ELSEWHERE, NOT_DELETABLE, ROW_MISSING, MASS_CHANGE)


@dataclass(frozen=True)
class Situation:
    """Where one chain stands.

    Attributes:
        base: what will be in effect once everything in flight has landed.
        desired: what the sync view says; ``re_approval``: held, and due at its settled value; ``missing``: no row at all.
        change: desired against base, under the contract version the base was sent with; ``moved``: the hour's own legal
            entity is another one now.
        place: what the destination says: on a draft invoice, or frozen (billed, or in a closed period); ``rerouted``: only
            the routing table changed, which never moves an acknowledged hour.
    """

    base: Base
    desired: Desired
    change: Change
    place: Place


@dataclass(frozen=True)
class Step:
    """One intent to be. ``reason`` None with state held: the sync row's own reason. ``at_base``: it keeps the base's values."""

    operation: Literal["create", "amend", "delete"]
    state: Literal["planned", "held"] = "planned"
    reason: str | None = None
    at_base: bool = False


def decide(at: Situation, *, can_amend: bool = True, can_delete: bool = True) -> tuple[Step, ...]:
    """The steps for one chain; none when there is nothing to do.

    A missing row decides nothing, ever: the plan raises the integrity alarm for it. A hold leaves the destination alone.
    """
    if at.desired == "missing":
        return ()
    if at.base == "absent":
        return _nothing_there(at.desired)
    if at.desired == "re_approval":
        return (Step("amend", "held", at_base=True),)
    if at.desired == "held":
        return _held(at.change)
    if at.desired == "void":
        return (_delete(at.place, can_delete=can_delete),)
    if at.change == "same":
        return ()
    if at.change == "moved":
        away = _delete(at.place, can_delete=can_delete)
        return _move(away.state, away.reason)
    return _amend(at.place, can_amend=can_amend, can_delete=can_delete)


def _held(change: Change) -> tuple[Step, ...]:
    """A hold on what is in effect as it stands holds nothing up."""
    if change == "same":
        return ()
    return _move("held", None) if change == "moved" else (Step("amend", "held"),)


def _nothing_there(desired: Desired) -> tuple[Step, ...]:
    if desired == "present":
        return (Step("create"),)
    if desired == "held":
        return (Step("create", "held"),)
    return ()


def _amend(place: Place, *, can_amend: bool, can_delete: bool) -> tuple[Step, ...]:
    if reason := {"draft": ON_DRAFT_INVOICE, "frozen": NEEDS_REVERSAL, "rerouted": ROUTED_ELSEWHERE}.get(place):
        return (Step("amend", "held", reason),)
    if can_amend:
        return (Step("amend"),)
    return _move("planned", None) if can_delete else (Step("amend", "held", NEEDS_REVERSAL),)


def _delete(place: Place, *, can_delete: bool) -> Step:
    if reason := {"draft": ON_DRAFT_INVOICE, "frozen": NEEDS_REVERSAL}.get(place):
        return Step("delete", "held", reason, at_base=True)
    if not can_delete:
        return Step("delete", "held", NOT_DELETABLE, at_base=True)
    return Step("delete", at_base=True)


def _move(state: Literal["planned", "held"], reason: str | None) -> tuple[Step, ...]:
    return Step("delete", state, reason, at_base=True), Step("create", state, reason)


def decision_table(*, can_amend: bool, can_delete: bool) -> list[dict[str, Any]]:
    """Every situation with its steps, one row a step: what the plan's SQL joins."""
    rows = []
    for base, desired, change, place in itertools.product(BASES, DESIRED, CHANGES, PLACES):
        steps = decide(Situation(base, desired, change, place), can_amend=can_amend, can_delete=can_delete)
        for number, step in enumerate(steps, start=1):
            rows.append(
                {"base": base, "desired": desired, "change": change, "place": place, "step_no": number, **asdict(step)}
            )
    return rows
