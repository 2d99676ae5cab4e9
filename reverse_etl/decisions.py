"""What to do with one chain: a pure function of what is in effect, what is desired, what the destination says, what the vendor
can do and what policy lets pass unasked.

`decide` is the only statement of the rule. The plan's SQL joins the table that `decision_table` enumerates from it, so the
two cannot part; a situation that the table doesn't hold stops the plan. A decision is at most two steps; the second waits
until the first is in effect (a move, a repost: what is there goes before the new is told).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Base = Literal["absent", "in_effect"]
Desired = Literal["present", "void", "held", "re_approval", "missing"]
Change = Literal["same", "resized", "changed", "moved"]
Place = Literal["open", "draft", "billed", "closed", "shut", "rerouted", "gone"]
Size = Literal["small", "large"]
Direction = Literal["more", "less"]
Ability = Literal["yes", "unconfirmed", "no"]
Way = Literal["planned", "held", "proposed", "by_hand"]

BASES: tuple[Base, ...] = ("absent", "in_effect")
DESIRED: tuple[Desired, ...] = ("present", "void", "held", "re_approval", "missing")
CHANGES: tuple[Change, ...] = ("same", "resized", "changed", "moved")
PLACES: tuple[Place, ...] = ("open", "draft", "billed", "closed", "shut", "rerouted", "gone")
FROZEN: frozenset[Place] = frozenset({"billed", "closed", "shut"})
SIZES: tuple[Size, ...] = ("small", "large")
DIRECTIONS: tuple[Direction, ...] = ("more", "less")

# Held until the world changes.
ON_DRAFT_INVOICE = "on draft invoice"
ROUTED_ELSEWHERE = "routed elsewhere since posted"
NOT_DELETABLE = "cannot be deleted there"
NOT_CHANGEABLE = "cannot be changed there"
GONE_BY_HAND = "gone by hand there"
ACCEPTED_AS_GONE = "accepted as gone there"
ROW_MISSING = "row missing from the sync view"
MASS_CHANGE = "mass change"
# Proposed: two people say yes, then it is sent.
NEEDS_REVERSAL = "needs reversal"
ABOVE_TOLERANCE = "reversal above tolerance"
NEEDS_ADJUSTMENT = "needs adjustment"
# Proposed: two people say yes, then one makes it there by hand and says so.
REVERSAL_BY_HAND = "needs reversal by hand"
TAKES_BACK_PAY = "would take back pay"
NO_OPEN_PERIOD = "no open period takes it"

HOLD_REASONS = (
    ON_DRAFT_INVOICE,
    ROUTED_ELSEWHERE,
    NOT_DELETABLE,
    NOT_CHANGEABLE,
    GONE_BY_HAND,
    ACCEPTED_AS_GONE,
    ROW_MISSING,
    MASS_CHANGE,
)
PROPOSAL_REASONS = (
    NEEDS_REVERSAL,
    ABOVE_TOLERANCE,
    NEEDS_ADJUSTMENT,
    REVERSAL_BY_HAND,
    TAKES_BACK_PAY,
    NO_OPEN_PERIOD,
)
ENGINE_REASONS = (*HOLD_REASONS, *PROPOSAL_REASONS)


@dataclass(frozen=True)
class Situation:
    """Where one chain stands. What decides nothing is left at its default, so that each situation has one name (`situations`).

    Attributes:
        base: what will be in effect once everything in flight has landed.
        desired: what the sync view says; ``re_approval``: held, and due at its settled value; ``missing``: no row at all.
        change: desired against base, under the contract version the base was sent with; ``resized``: only how much of it (told
            apart where what is there can't be changed any more); ``moved``: the hour's own legal entity is another one now.
        place: what the destination says: ``open``; ``draft``: on a draft invoice; ``billed``: on an invoice that stands, or posted
            there; ``closed``: in a closed period, and a later one takes a correction; ``shut``: in a closed period, and none
            does; ``gone``: a person deleted it there; ``rerouted``: only the routing table changed, which never moves an
            acknowledged hour. Of an absent base, ``gone``: a person accepted that it is gone.
        size: whether policy lets a reversal of so much pass unasked (frozen places only).
        direction: whether more or less would be in effect there (frozen places only).
    """

    base: Base
    desired: Desired
    change: Change = "changed"
    place: Place = "open"
    size: Size = "small"
    direction: Direction = "more"

    @property
    def key(self) -> str:
        """Its name, as the plan's SQL spells it."""
        return f"{self.base}|{self.desired}|{self.change}|{self.place}|{self.size}|{self.direction}"


@dataclass(frozen=True)
class Means:
    """What can be done at a destination. ``unconfirmed``: no document of the vendor says so, and no option vouches for it.

    Attributes:
        amend, delete: in place, while nothing has frozen it.
        reverse: a reversing row beside what is billed or closed, and the hour posted again.
        adjust: a row with the difference in a later open period, for what is in a closed one.
    """

    amend: bool = True
    delete: bool = True
    reverse: Ability = "no"
    adjust: Ability = "no"


@dataclass(frozen=True)
class Step:
    """One intent to be.

    Attributes:
        way: ``planned``; ``held`` by a rule; ``proposed``: two people decide; ``by_hand``: two people decide, and a person makes it.
        reason: of what isn't planned; None with ``held``: the sync row's own.
        at_base: it keeps the base's values.
    """

    operation: Literal["create", "amend", "delete", "reverse", "adjust"]
    way: Way = "planned"
    reason: str | None = None
    at_base: bool = False

    @property
    def state(self) -> Literal["planned", "held"]:
        """The intent's first state."""
        return "planned" if self.way == "planned" else "held"


def decide(at: Situation, can: Means | None = None) -> tuple[Step, ...]:
    """The steps for one chain; none when there is nothing to do.

    A missing row decides nothing, ever: the plan raises the integrity alarm for it. A hold leaves the destination alone.
    """
    can = can or Means()
    if at.desired == "missing":
        return ()
    if at.base == "absent":
        return _nothing_there(at)
    if at.desired == "re_approval":
        return (Step("amend", "held", at_base=True),)
    if at.desired == "held":
        return _held(at.change)
    if at.desired == "present" and at.change == "same":
        return ()
    if at.place in FROZEN:
        return _correct(at, can)
    if at.desired == "void":
        return (_delete(at.place, can),)
    if at.change == "moved":
        away = _delete(at.place, can)
        return away, Step("create", away.way, away.reason)
    return _amend(at.place, can)


def _nothing_there(at: Situation) -> tuple[Step, ...]:
    if at.desired == "present":
        return (Step("create", "held", ACCEPTED_AS_GONE),) if at.place == "gone" else (Step("create"),)
    return (Step("create", "held"),) if at.desired == "held" else ()


def _held(change: Change) -> tuple[Step, ...]:
    """A hold on what is in effect as it stands holds nothing up."""
    if change == "same":
        return ()
    if change == "moved":
        return Step("delete", "held", at_base=True), Step("create", "held")
    return (Step("amend", "held"),)


def _amend(place: Place, can: Means) -> tuple[Step, ...]:
    if reason := {"draft": ON_DRAFT_INVOICE, "rerouted": ROUTED_ELSEWHERE, "gone": GONE_BY_HAND}.get(place):
        return (Step("amend", "held", reason),)
    if can.amend:
        return (Step("amend"),)
    if can.delete:
        return Step("delete", at_base=True), Step("create")
    return (Step("amend", "held", NOT_CHANGEABLE),)


def _delete(place: Place, can: Means) -> Step:
    """Taking back what is not frozen; of what is gone already, the destination's 404 says so."""
    if place == "draft":
        return Step("delete", "held", ON_DRAFT_INVOICE, at_base=True)
    return Step("delete", at_base=True) if can.delete else Step("delete", "held", NOT_DELETABLE, at_base=True)


def _correct(at: Situation, can: Means) -> tuple[Step, ...]:
    """What is billed, or in a closed period: never touched, always answered by a further row."""
    is_adjustable = can.adjust != "no" and at.place != "billed"
    if is_adjustable and at.desired == "present" and at.change == "resized":
        return (_adjust(at, can),)
    way, reason = _way_of_reversal(at, can, is_pay=is_adjustable)
    reversal = Step("reverse", way, reason, at_base=True)
    # What was taken back by hand is posted again by us.
    again = Step("create", "proposed" if way == "by_hand" else way, reason)
    return (reversal,) if at.desired == "void" else (reversal, again)


def _adjust(at: Situation, can: Means) -> Step:
    if at.direction == "less":
        return Step("adjust", "by_hand", TAKES_BACK_PAY)
    if at.place == "shut":
        return Step("adjust", "by_hand", NO_OPEN_PERIOD)
    return Step("adjust") if can.adjust == "yes" else Step("adjust", "proposed", NEEDS_ADJUSTMENT)


def _way_of_reversal(at: Situation, can: Means, *, is_pay: bool) -> tuple[Way, str | None]:
    if is_pay:
        return "by_hand", TAKES_BACK_PAY
    if can.reverse == "no":
        return "by_hand", REVERSAL_BY_HAND
    if at.place == "shut":
        return "by_hand", NO_OPEN_PERIOD
    if can.reverse == "unconfirmed":
        return "proposed", NEEDS_REVERSAL
    return ("planned", None) if at.size == "small" else ("proposed", ABOVE_TOLERANCE)


def situations() -> Iterator[Situation]:
    """Every situation there is, each once: what the plan's SQL can name."""
    for desired in DESIRED:
        yield Situation("absent", desired)
    yield Situation("absent", "present", place="gone")
    for desired in ("missing", "re_approval"):
        yield Situation("in_effect", desired)
    for change in ("same", "changed", "moved"):
        yield Situation("in_effect", "held", change)
    yield Situation("in_effect", "present", "same")
    for place in PLACES:
        if place in FROZEN:
            yield from _frozen(place)
            continue
        if place != "rerouted":  # a void, or an entity that changed, is no change of the routing alone
            yield Situation("in_effect", "void", place=place)
            yield Situation("in_effect", "present", "moved", place)
        yield Situation("in_effect", "present", "changed", place)


def _frozen(place: Place) -> Iterator[Situation]:
    for size in SIZES:
        yield Situation("in_effect", "void", "changed", place, size, "less")
        for direction in DIRECTIONS:
            for change in ("resized", "changed", "moved"):
                yield Situation("in_effect", "present", change, place, size, direction)


def decision_table(means: Means) -> list[dict[str, Any]]:
    """Every situation with its steps, one row a step, and one without a step where there is none: what the plan's SQL joins."""
    rows: list[dict[str, Any]] = []
    for situation in situations():
        steps = decide(situation, means)
        if not steps:
            rows.append({"situation": situation.key})
        rows += [
            {
                "situation": situation.key,
                "step_no": number,
                "operation": step.operation,
                "state": step.state,
                "way": step.way,
                "reason": step.reason,
                "at_base": step.at_base,
            }
            for number, step in enumerate(steps, start=1)
        ]
    return rows
