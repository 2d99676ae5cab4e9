"""Questions that only a person can answer: an outcome that no look-up can tell, a conflict, what was deleted there by hand, and
what was agreed to and is made there by hand.

The promise: `question` changes nothing and shows what a person needs; each answer changes the intent under its chain's lock, as an
outcome like any other, with who and why; what was answered is told apart from what the destination answered (the attempt names
no call). Nothing that may stand at a destination is ever planned over: what is left undecided stays in doubt.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from plumbing.errors import HourlineError, Misconfigured
from reverse_etl import destinations, outcomes, planner, policy
from reverse_etl.decisions import GONE_BY_HAND
from reverse_etl.ledger import Change, Claim, Desk
from reverse_etl.outcomes import Transition
from reverse_etl.persons import person, reason, tell
from reverse_etl.report import plain
from reverse_etl.syncs import named
from reverse_etl.writer import Found, Operation, Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plumbing.settings import Settings
    from reverse_etl.writer import Writer

LEFT = "left as it is by a person"
TAKEN_OVER = "taken over"  # no fingerprint: whatever is desired differs from it
IN_FLIGHT = ("sending", "accepted", "in_doubt", "unknown")

THERE, NOT_THERE, TAKE, LEAVE, RECREATE, GONE = "there", "not-there", "take", "leave", "recreate", "gone"


@dataclass(frozen=True)
class Question:
    """What a person needs to decide about one intent.

    Attributes:
        sent: the payload as it was or would be sent, and when.
        before: the fields in effect there, as far as we know, with the id there; None: nothing.
        there: what a look-up just found; None: nothing, or ``note`` says why nobody could look.
        where: where to look, in words.
        choices: what can be answered, and what each answer will do.
    """

    intent_id: int
    sync: str
    destination: str
    chain_key: str
    record_key: str
    request_key: str
    operation: str
    state: str
    reason: str | None
    sent: dict[str, Any] | None
    sent_at: Any
    before: dict[str, Any] | None
    there: dict[str, Any] | None
    note: str | None
    where: str
    choices: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(plain(asdict(self)))


def choices(operation: Operation, state: str, *, is_by_hand: bool, is_gone: bool, is_found: bool) -> dict[str, str]:
    """What can be answered, and what each answer will do. Pure.

    Args:
        is_gone: what is in effect by the ledger was deleted there by hand, or a person accepted that.
        is_found: a look-up found something under our key or the known id.
    """
    if is_gone:
        return {
            RECREATE: "makes it again there, under a new key, by the next push",
            GONE: "leaves it gone: what is desired stays held until you say otherwise",
        }
    if is_by_hand:
        return {THERE: "it is made there, under that id: settles it, and lets go what waits for it"}
    if state != "unknown":
        return {}
    makes = operation.makes_a_row
    told = {
        THERE: "it is there as we meant it: settles it under that id",
        NOT_THERE: "it is not there: sent again by the next push",
        LEAVE: "changes nothing: it stays in doubt under your name",
    }
    if operation is Operation.AMEND:
        told[NOT_THERE] = "the row itself is not there: refused as gone by hand, then recreate it or accept that"
    if operation is Operation.DELETE:
        told = {NOT_THERE: "it is not there: settles the delete", LEAVE: told[LEAVE]}
    if not makes:
        told[TAKE] = "the row stands there, whatever it says: we write over it (or delete it) by the next push"
    elif operation is Operation.CREATE and is_found:
        told[TAKE] = "what stands there becomes ours under its id, and is amended to what is desired"
    return told


def question(settings: Settings, intent_id: int) -> Question:
    """What a person needs to decide about an intent; looks there, and changes nothing.

    Raises:
        Misconfigured: there is no such intent.
    """
    engine = destinations.engine(settings, "deliver")
    try:
        with engine.connect() as connection:
            picked = _Picked.of(connection, intent_id, "question")
            connection.rollback()
        there, note = _look(settings, engine, picked)
    finally:
        engine.dispose()
    record = picked.claim.record
    before = None
    if record.previous is not None and record.operation is not Operation.CREATE:
        before = {"id": picked.row["settled_vendor_id"], **record.previous}
    return Question(
        intent_id=intent_id,
        sync=record.sync,
        destination=record.destination,
        chain_key=picked.row["chain_key"],
        record_key=record.record_key,
        request_key=record.request_key,
        operation=record.operation.value,
        state=picked.row["state"],
        reason=picked.row["reason"],
        sent=None if record.payload is None else dict(record.payload),
        sent_at=record.sent_at if picked.claim.attempt_no else None,
        before=before,
        there=None if there is None else {"id": there.vendor_id, **there.row},
        note=note,
        where=_where(settings, picked),
        choices=picked.choices(there, note),
    )


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
            before = _Picked.of(connection, intent_id, who)
            connection.rollback()
        # Looked up with no lock held: a slow vendor keeps nobody waiting.
        there, note = _look(settings, engine, before, vendor_id)
        with engine.begin() as connection:
            planner.take_turns(connection, before.claim.record.sync)
            picked = _Picked.of(connection, intent_id, who)
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
class _Picked:
    """An intent to be decided about, with its chain."""

    claim: Claim
    row: Any
    desk: Desk

    @classmethod
    def of(cls, connection: sa.Connection, intent_id: int, who: str) -> _Picked:
        place = connection.execute(
            sa.text("select sync, coalesce(destination, '') as destination from delivery.intent where intent_id = :id"),
            {"id": intent_id},
        ).first()
        if place is None:
            raise Misconfigured(f"There is no intent {intent_id}.", remedy="`hourline exceptions --rows` lists them.")
        desk = Desk(place.sync, place.destination, who)
        found = desk.pick(connection, intent_id)
        if found is None:
            raise Misconfigured(
                f"Intent {intent_id} belongs to no chain.", remedy="`hourline audit verify` tells more."
            )
        return cls(*found, desk)

    def is_gone(self, there: Found | None, note: str | None) -> bool:
        """Whether what its chain holds by the ledger was deleted there, or was accepted as gone, and nothing is under way.

        The destination's own 404 says so, or a look-up just now; where nobody could look, nothing does.
        """
        row = self.row
        if row["is_in_flight"] or row["is_in_pieces"] or row["chain_destination"] != self.claim.record.destination:
            return False
        if not (row["state"] in {"refused", "held", "planned"} or row["is_in_effect"]):
            return False
        if row["settled_intent_id"] is None:
            return bool(row["is_gone_accepted"])
        is_said = row["state"] == "refused" and row["reason"] == GONE_BY_HAND
        return there is None and (note is None or is_said)

    def choices(self, there: Found | None, note: str | None, *, is_named: bool = False) -> dict[str, str]:
        row = self.row
        return choices(
            self.claim.record.operation,
            row["state"],
            is_by_hand=row["state"] == "held" and row["held_by"] == "person" and row["is_by_hand"],
            is_gone=self.is_gone(there, note),
            is_found=there is not None or is_named,
        )


@dataclass(frozen=True)
class _Spoken:
    """An answer on its way into the ledger."""

    settings: Settings
    connection: sa.Connection
    picked: _Picked
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
    with _writer(spoken.settings, spoken.connection, spoken.picked) as writer:
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
    with _writer(spoken.settings, spoken.connection, spoken.picked) as writer:
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


def _look(
    settings: Settings, engine: sa.Engine, picked: _Picked, vendor_id: str | None = None
) -> tuple[Found | None, str | None]:
    """What stands there now, by the given id, the known id or our key; else why nobody could look."""
    record = picked.claim.record
    known = vendor_id or record.vendor_id
    if picked.row["state"] not in IN_FLIGHT and not picked.row["is_by_hand"]:
        known = vendor_id or picked.row["settled_vendor_id"] or known
    try:
        with engine.connect() as connection, _writer(settings, connection, picked) as writer:
            if not writer.capabilities.has_lookup:
                return None, f"{record.destination} can't be asked; look there yourself."
            return writer.find(replace(record, vendor_id=known)), None
    except HourlineError as error:
        return None, f"{record.destination} could not be asked: {error.message}"


@contextmanager
def _writer(settings: Settings, connection: sa.Connection, picked: _Picked) -> Iterator[Writer]:
    record = picked.claim.record
    writer = destinations.open_writer(settings, named(record.sync), record.destination, connection)
    try:
        yield writer
    finally:
        writer.close()


def _where(settings: Settings, picked: _Picked) -> str:
    record = picked.claim.record
    configured = settings.connections.get(record.destination)
    host = f" ({configured.base_url})" if configured else ""
    ids = [f"key {record.record_key}"]
    ids += [f"id {one}" for one in dict.fromkeys((record.vendor_id, picked.row["settled_vendor_id"])) if one]
    return f"In {record.destination}{host}, look for {', '.join(ids)}, work date {record.work_date}."
