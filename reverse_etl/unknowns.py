"""Answers that only a person can give, to what `reverse_etl.questions` asks.

The promise: each answer changes the intent under its chain's lock, as an outcome like any other, with who and why; what was answered
is told apart from what the destination answered (the attempt names no call). Nothing that may stand at a destination is ever
planned over: what is left undecided stays in doubt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from plumbing.errors import Misconfigured
from reverse_etl import destinations, outcomes, planner, policy
from reverse_etl.ledger import Change
from reverse_etl.outcomes import Transition
from reverse_etl.persons import person, reason, tell
from reverse_etl.questions import GONE, LEAVE, NOT_THERE, RECREATE, TAKE, THERE, Picked, look, writer_of
from reverse_etl.syncs import named
from reverse_etl.writer import Found, Operation, Outcome, Result

if TYPE_CHECKING:
    from plumbing.settings import Settings

LEFT = "left as it is by a person"
TAKEN_OVER = "taken over"  # no fingerprint: whatever is desired differs from it


def answer(
    settings: Settings, intent_id: int, choice: str, *, vendor_id: str | None = None, actor: str, why: str
) -> str:
    """Say what is so, or what is to become of it; the new state, in a sentence.

    Args:
        choice: one of `choices` for this intent.
        vendor_id: the destination's id, for ``there``, and for ``take`` where nothing can be looked up.

    Raises:
        Misconfigured: the choice isn't open, the person or reason is missing, or what is said isn't what stands there.
    """
    who, told = person(actor), reason(why)
    engine = destinations.engine(settings, "deliver")
    try:
        with engine.connect() as connection:
            before = Picked.of(connection, intent_id, who)
            connection.rollback()
        # Looked up with no lock held: a slow vendor keeps nobody waiting.
        there, note = look(settings, engine, before, vendor_id)
        with engine.begin() as connection:
            planner.take_turns(connection, before.claim.record.sync)
            picked = Picked.of(connection, intent_id, who)
            if (picked.row["state"], picked.claim.attempt_no) != (before.row["state"], before.claim.attempt_no):
                raise Misconfigured(f"Intent {intent_id} changed meanwhile; nothing was done.", remedy="Look again.")
            open_to = picked.choices(there, note, is_named=vendor_id is not None)
            if choice not in open_to:
                told_choices = ", ".join(open_to) or "nothing: it waits for no person"
                raise Misconfigured(
                    f"Intent {intent_id} can't be answered with {choice!r}.",
                    remedy=f"Open to it: {told_choices}. `hourline decide {intent_id}` shows what stands there.",
                )
            spoken = _Spoken(settings, connection, picked, there, note, vendor_id, who, told)
            sentence = _ANSWERS[choice](spoken)
            tell(
                connection,
                who,
                "decided",
                [intent_id],
                {"choice": choice, "why": told, "vendor_id": vendor_id, "outcome": sentence},
            )
            return sentence
    finally:
        engine.dispose()


@dataclass(frozen=True)
class _Spoken:
    """An answer on its way into the ledger."""

    settings: Settings
    connection: sa.Connection
    picked: Picked
    there: Found | None
    note: str | None
    vendor_id: str | None
    who: str
    why: str

    @property
    def intent_id(self) -> int:
        return self.picked.claim.record.intent_id

    def becomes(self, outcome: Outcome, state: Transition, *, closing: str | None = None) -> None:
        """Write the outcome down as the ledger writes any other, and close what was open about it."""
        change = Change(self.picked.claim, outcome, state, None, self.owner(state))
        changed = self.picked.desk.record(
            self.connection, "find", [], [change], [self.picked.row["state"]], is_leased=False
        )
        if self.intent_id not in changed:
            raise Misconfigured(f"Intent {self.intent_id} changed meanwhile; nothing was done.", remedy="Look again.")
        if closing:
            self.connection.execute(
                sa.text(
                    "update delivery.exception set closed_at = coalesce(closed_at, hourline.now()),"
                    " closed_by = coalesce(closed_by, :who), closed_reason = :why, closed_intent_id = intent_id"
                    " where intent_id = :id and category <> 'integrity'"
                    " and (closed_at is null or closed_intent_id is null and closed_by = :who)"
                ),
                {"who": self.who, "why": f"{closing}: {self.why}", "id": self.intent_id},
            )

    def owner(self, state: Transition) -> str | None:
        if state.exception is None:
            return None
        sync = named(self.picked.claim.record.sync)
        return policy.load(self.connection, sync).owners.get(state.exception, sync.default_owner)

    def plan_again(self) -> None:
        """Plan the chain in this transaction, so that what was decided and what follows are in effect together."""
        row = self.picked.row
        keys = {row["source_system"]: [row["source_id"]]}
        planner.plan_in(self.connection, self.settings, self.picked.claim.record.sync, keys, actor=self.who)


def _there(spoken: _Spoken) -> str:
    """It is there: settle it under the id that was looked up or named."""
    record = spoken.picked.claim.record
    named_id = spoken.vendor_id or (spoken.there.vendor_id if spoken.there else None) or record.vendor_id
    if named_id is None:
        raise Misconfigured("There is no id to settle it under.", remedy="Name the destination's id: --as ID.")
    if spoken.picked.row["is_by_hand"]:
        spoken.becomes(
            Outcome(Result.ACKNOWLEDGED, vendor_id=named_id, message="made by hand there"),
            Transition("acknowledged", takes_effect=True),
            closing="made by hand there",
        )
        return f"Settled as made by hand there under {named_id}."
    if spoken.there is None and spoken.note is None:
        raise Misconfigured(
            f"Nothing stands there under {named_id}.",
            remedy="Answer not-there, or name the id under which it stands: --as ID.",
        )
    is_ours = spoken.there is None or _is_as_meant(spoken)
    if not is_ours:
        raise Misconfigured(
            f"What stands there under {named_id} isn't what we meant to write.",
            remedy="Answer take where it is open, or mend it there first.",
        )
    with writer_of(spoken.settings, spoken.connection, spoken.picked) as writer:
        is_followed_up = writer.capabilities.is_followed_up
    is_in_effect = spoken.there.is_in_effect if spoken.there is not None else not is_followed_up
    outcome = Outcome(
        Result.ACKNOWLEDGED if is_in_effect else Result.ACCEPTED,
        vendor_id=named_id,
        vendor_detail=spoken.there.vendor_detail if spoken.there else None,
        message="a person says that it is there",
    )
    state = outcomes.transition(outcome, record.operation, 0, 1)
    spoken.becomes(outcome, state, closing="a person says that it is there")
    return (
        f"Settled under {named_id}." if is_in_effect else f"Taken as accepted under {named_id}; follow-up settles it."
    )


def _is_as_meant(spoken: _Spoken) -> bool:
    record = spoken.picked.claim.record
    assert spoken.there is not None  # noqa: S101  narrowed for the type checker; the caller asked
    with writer_of(spoken.settings, spoken.connection, spoken.picked) as writer:
        return writer.matches(record.payload if record.payload is not None else writer.payload(record), spoken.there)


def _not_there(spoken: _Spoken) -> str:
    operation = spoken.picked.claim.record.operation
    if spoken.there is not None:
        raise Misconfigured(
            f"It stands there as {spoken.there.vendor_id}.", remedy="Answer there or take, or look again."
        )
    said = "a person says that it is not there"
    if operation is Operation.DELETE:
        spoken.becomes(
            Outcome(Result.ACKNOWLEDGED, message=said), Transition("acknowledged", takes_effect=True), closing=said
        )
        return "Settled: nothing is left there."
    if operation is Operation.AMEND:
        gone = Outcome(Result.GONE, category=outcomes.GONE_BY_HAND, message="The row isn't there any more.")
        spoken.becomes(gone, outcomes.transition(gone, operation, 0, 1))
        return "Refused as gone by hand: recreate it, or accept that it is gone."
    spoken.becomes(Outcome(Result.FAILED, message=said), Transition("planned"), closing=said)
    return "Planned again; the next push sends it."


def _take(spoken: _Spoken) -> str:
    """What stands there is taken for ours: written over, or adopted under its id and amended by the plan."""
    operation = spoken.picked.claim.record.operation
    said = "a person takes what stands there for ours"
    if not operation.makes_a_row:
        spoken.becomes(Outcome(Result.FAILED, message=said), Transition("planned"), closing=said)
        return "Planned again; the next push writes over what stands there."
    named_id = spoken.vendor_id or (spoken.there.vendor_id if spoken.there else None)
    if named_id is None:
        raise Misconfigured("There is no id to take it over under.", remedy="Name the destination's id: --as ID.")
    if spoken.there is None and spoken.note is None:
        raise Misconfigured(f"Nothing stands there under {named_id}.", remedy="Answer not-there instead.")
    spoken.becomes(
        Outcome(
            Result.ACKNOWLEDGED,
            vendor_id=named_id,
            vendor_detail=spoken.there.vendor_detail if spoken.there else None,
            message=said,
        ),
        Transition("acknowledged", takes_effect=True),
        closing=said,
    )
    spoken.connection.execute(
        sa.text("update delivery.chain set settled_fingerprint = :taken where settled_intent_id = :id"),
        {"taken": TAKEN_OVER, "id": spoken.intent_id},
    )
    spoken.plan_again()
    return f"Taken over under {named_id}; what is desired is planned over it."


def _leave(spoken: _Spoken) -> str:
    spoken.connection.execute(
        sa.text("update delivery.intent set reason = :left, held_by = 'person' where intent_id = :id"),
        {"left": LEFT, "id": spoken.intent_id},
    )
    spoken.connection.execute(
        sa.text(
            "update delivery.exception set last_seen_at = hourline.now(), message = :told"
            " where intent_id = :id and closed_at is null and category <> 'integrity'"
        ),
        {"told": f"Left as it is by {spoken.who}: {spoken.why}", "id": spoken.intent_id},
    )
    return "Left in doubt; nothing is sent over it."


def _recreate(spoken: _Spoken) -> str:
    _let_go(spoken, is_accepted=False)
    return "Planned again under a new key; the next push makes it there."


def _gone(spoken: _Spoken) -> str:
    _let_go(spoken, is_accepted=True)
    return "Accepted as gone there; what is desired of it stays held."


def _let_go(spoken: _Spoken, *, is_accepted: bool) -> None:
    """Nothing is in effect there any more: a generation opens, and the chain is planned from that."""
    row = spoken.picked.row
    spoken.connection.execute(
        sa.text(
            "update delivery.chain set reversed_intent_id = coalesce(settled_intent_id, reversed_intent_id),"
            " generation = generation + (settled_intent_id is not null)::integer, settled_intent_id = null, settled_minutes = null,"
            " settled_amount = null, settled_currency = null, settled_work_date = null, settled_period = null,"
            " settled_legal_entity = null, settled_vendor_id = null, settled_record_key = null, settled_state = null,"
            " settled_fingerprint = null, settled_contract_version = null, settled_at = null, is_gone_accepted = :accepted"
            " where sync = :sync and chain_key = :chain_key"
        ),
        {"accepted": is_accepted, "sync": spoken.picked.desk.sync, "chain_key": row["chain_key"]},
    )
    spoken.plan_again()


_ANSWERS: dict[str, Callable[[_Spoken], str]] = {
    THERE: _there,
    NOT_THERE: _not_there,
    TAKE: _take,
    LEAVE: _leave,
    RECREATE: _recreate,
    GONE: _gone,
}
