"""Proposals: corrections that two people have to agree to, before they are sent or made there by hand.

The promise: a plan proposes and never approves; two different people approve a proposal whole (a reversal with what is posted
again), each with a reason that is kept; then it is planned, or, where no writer can do it, handed to a person to be made there.
One who rejects it leaves the destination as it is and the difference held, until something else is desired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from plumbing.errors import Misconfigured
from reverse_etl import destinations, statements
from reverse_etl.persons import person, tell
from reverse_etl.persons import reason as reason_given
from reverse_etl.report import hours, money, plain
from reverse_etl.syncs import named

if TYPE_CHECKING:
    from datetime import date, datetime
    from decimal import Decimal

    from plumbing.settings import Settings

PAIRS_OF_EYES = 2
REJECTED = "proposal rejected"


@dataclass(frozen=True)
class Proposal:
    """What is proposed for one chain.

    Attributes:
        proposal_id: its first intent; what the verbs are told.
        operations: what would be done, in order: ``reverse``, ``create``; ``reverse``; ``adjust``.
        is_by_hand: no writer can take the first step: a person makes it there.
        is_approved: two people agreed, and it waits to be made by hand.
        minutes_there, minutes_wanted: in effect, and once it is done. Money likewise, in ``currency``; None where there is none.
    """

    proposal_id: int
    intent_ids: list[int]
    sync: str
    source_system: str
    source_id: str
    chain_key: str
    destination: str | None
    reason: str
    owner: str | None
    operations: list[str]
    is_by_hand: bool
    is_approved: bool
    legal_entity: str | None
    work_date: date | None
    period: date | None
    minutes_there: Decimal
    minutes_wanted: Decimal
    amount_there: Decimal | None
    amount_wanted: Decimal | None
    currency: str | None
    approved_by: str | None
    since: datetime

    def text(self) -> str:
        """One line."""
        change = f"{hours(self.minutes_there)} → {hours(self.minutes_wanted)}"
        if self.amount_there is not None and self.amount_wanted is not None:
            change += f"  {money(self.amount_there, self.currency)} → {money(self.amount_wanted, self.currency)}"
        said = f"approved by {self.approved_by}" if self.approved_by else "nobody approved yet"
        by_hand = "; to be made by hand there" if self.is_by_hand else ""
        return (
            f"{self.proposal_id}  {self.chain_key} at {self.destination}: {' and '.join(self.operations)}, {self.reason}"
            f" ({change}; {said}{by_hand})"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(plain(asdict(self)))


@dataclass(frozen=True)
class Approval:
    """What an approval did, in proposals.

    Attributes:
        approved: now approved by this person.
        released: agreed to by two, and planned: the next push sends them.
        by_hand: agreed to by two, and handed to a person.
        waiting: still want another person.
    """

    approved: int
    released: int
    by_hand: int
    waiting: int


def proposals(
    settings: Settings, *, sync: str | None = None, reason: str | None = None, owner: str | None = None
) -> list[Proposal]:
    """What waits for two people, and what they agreed to and is to be made by hand; oldest first."""
    engine = destinations.engine(settings, "operate")
    try:
        with engine.connect() as connection:
            rows = connection.execute(
                sa.text(statements.named("proposals")["list"]), {"sync": sync, "reason": reason, "owner": owner}
            ).mappings()
            return [Proposal(**row) for row in rows]
    finally:
        engine.dispose()


def approve_proposals(
    settings: Settings,
    proposal_ids: Sequence[int] | None = None,
    *,
    sync: str | None = None,
    reason: str | None = None,
    period: date | None = None,
    actor: str,
    why: str,
) -> Approval:
    """Agree to proposals; the second person's word lets them go.

    Raises:
        Misconfigured: nothing was chosen or nothing fits, no reason was given, the actor is no person, or this person has agreed to
            all of them before: the second pair of eyes must be another's.
    """
    said = _said(actor, why)
    engine = destinations.engine(settings, "operate")
    sql = statements.named("proposals")
    try:
        with engine.begin() as connection:
            chosen = _choose(connection, proposal_ids, sync, reason, period)
            new = set(_ids(connection, sql["say"], {**said, "verdict": "approved", "ids": list(chosen)}))
            if not new:
                raise Misconfigured(
                    f"{said['actor']} approved this before.", remedy="The second approval must be another person's."
                )
            agreed = _ids(connection, sql["agreed"], {"ids": list(chosen), "people": PAIRS_OF_EYES})
            released = _ids(connection, sql["release"], {"ids": agreed})
            by_hand = _ids(connection, sql["hand_over"], {"ids": agreed})
            connection.execute(sa.text(sql["close_released"]), {"ids": released, **said})
            connection.execute(sa.text(sql["tell_by_hand"]), {"ids": by_hand})
            tell(connection, said["actor"], "approved", sorted(new), {"why": said["why"]})
            tell(connection, said["actor"], "released", released, {"why": said["why"]})
            tell(connection, said["actor"], "to be made by hand", by_hand, {"why": said["why"]})
    finally:
        engine.dispose()
    chains = set(chosen.values())
    gone_by_hand = {chosen[one] for one in by_hand}
    let_go = {chosen[one] for one in released} - gone_by_hand
    return Approval(
        approved=len({chosen[one] for one in new}),
        released=len(let_go),
        by_hand=len(gone_by_hand),
        waiting=len(chains - let_go - gone_by_hand),
    )


def reject_proposals(
    settings: Settings,
    proposal_ids: Sequence[int] | None = None,
    *,
    sync: str | None = None,
    reason: str | None = None,
    period: date | None = None,
    actor: str,
    why: str,
) -> int:
    """Turn proposals down: the destination stays as it is, and the difference stays held with who and why.

    Returns:
        How many proposals.

    Raises:
        Misconfigured: as for `approve_proposals`.
    """
    said = _said(actor, why)
    engine = destinations.engine(settings, "operate")
    sql = statements.named("proposals")
    try:
        with engine.begin() as connection:
            chosen = _choose(connection, proposal_ids, sync, reason, period)
            bound = {**said, "ids": list(chosen), "rejected": REJECTED}
            connection.execute(sa.text(sql["say"]), {**said, "verdict": "rejected", "ids": list(chosen)})
            rejected = _ids(connection, sql["reject"], {"ids": list(chosen), "rejected": REJECTED})
            connection.execute(sa.text(sql["tell_rejected"]), bound)
            tell(connection, said["actor"], "rejected", rejected, {"why": said["why"]})
            return len(set(chosen.values()))
    finally:
        engine.dispose()


def _choose(
    connection: sa.Connection,
    proposal_ids: Sequence[int] | None,
    sync: str | None,
    reason: str | None,
    period: date | None,
) -> dict[int, str]:
    """The intents of the chosen proposals, locked, with their chains."""
    choice = {"proposal_ids": None if proposal_ids is None else list(proposal_ids), "sync": sync, "reason": reason}
    if all(value is None for value in (*choice.values(), period)):
        raise Misconfigured("No proposal was chosen.", remedy="Name proposals, a reason, a sync or a period.")
    if sync is not None:
        named(sync)
    rows = connection.execute(sa.text(statements.named("proposals")["choose"]), {**choice, "period": period}).all()
    if not rows:
        raise Misconfigured(
            "No open proposal fits.", remedy="`hourline proposals` lists them; what was decided is no longer open."
        )
    return {row.intent_id: row.chain_key for row in rows}


def _said(actor: str, why: str) -> dict[str, str]:
    return {"actor": person(actor), "why": reason_given(why)}


def _ids(connection: sa.Connection, sql: str, bound: dict[str, Any]) -> list[int]:
    return list(connection.execute(sa.text(sql), bound).scalars())
