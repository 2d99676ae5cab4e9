"""Questions that only a person can answer: an outcome that no look-up can tell, a conflict, what was deleted there by hand, and
what was agreed to and is made there by hand.

The promise: `question` changes nothing; it looks there, and shows what a person needs and what each answer will do. The answers
are in `reverse_etl.unknowns`.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from plumbing.errors import HourlineError, Misconfigured
from reverse_etl import destinations
from reverse_etl.decisions import GONE_BY_HAND
from reverse_etl.ledger import Claim, Desk
from reverse_etl.report import plain
from reverse_etl.syncs import named
from reverse_etl.writer import Found, Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plumbing.settings import Settings
    from reverse_etl.writer import Writer

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
            picked = Picked.of(connection, intent_id, "question")
            connection.rollback()
        there, note = look(settings, engine, picked)
    finally:
        engine.dispose()
    record = picked.claim.record
    before = None
    if record.previous is not None and record.operation is not Operation.CREATE:
        before = {"id": picked.row["previous_vendor_id"], **record.previous}
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


@dataclass(frozen=True)
class Picked:
    """An intent to be decided about, with its chain."""

    claim: Claim
    row: Any
    desk: Desk

    @classmethod
    def of(cls, connection: sa.Connection, intent_id: int, who: str) -> Picked:
        """The intent, its row and its chain's locked to the end of the transaction.

        Raises:
            Misconfigured: there is no such intent.
        """
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
                f"Intent {intent_id} belongs to no chain.",
                remedy="`hourline trace` shows what the ledger knows of its hour.",
            )
        return cls(*found, desk)

    def is_gone(self, there: Found | None, note: str | None) -> bool:
        """Whether what its chain holds by the ledger was deleted there, or was accepted as gone, and nothing is under way.

        The destination's own 404 says so, or a look-up just now; where nobody could look, nothing does.
        """
        row = self.row
        if row["is_in_flight"] or row["is_in_pieces"] or row["is_by_hand"]:
            return False
        if row["chain_destination"] != self.claim.record.destination:
            return False
        if not (row["state"] in {"refused", "held", "planned"} or row["is_in_effect"]):
            return False
        if row["settled_intent_id"] is None:
            return bool(row["is_gone_accepted"])
        is_said = row["state"] == "refused" and row["reason"] == GONE_BY_HAND
        return there is None and (note is None or is_said)

    def choices(self, there: Found | None, note: str | None, *, is_named: bool = False) -> dict[str, str]:
        """What can be answered now; ``is_named``: the person names an id."""
        row = self.row
        return choices(
            self.claim.record.operation,
            row["state"],
            is_by_hand=row["state"] == "held" and row["held_by"] == "person" and row["is_by_hand"],
            is_gone=self.is_gone(there, note),
            is_found=there is not None or is_named,
        )


def look(
    settings: Settings, engine: sa.Engine, picked: Picked, vendor_id: str | None = None
) -> tuple[Found | None, str | None]:
    """What stands there now, by the given id, the known id or our key; else why nobody could look."""
    record = picked.claim.record
    if picked.row["state"] in IN_FLIGHT or picked.row["is_by_hand"]:
        known = vendor_id or record.vendor_id
    else:  # whether it is gone is asked of the row that is in effect by the ledger, whatever id a person names
        known = picked.row["previous_vendor_id"] or record.vendor_id
    try:
        with engine.connect() as connection, writer_of(settings, connection, picked) as writer:
            if not writer.capabilities.has_lookup:
                return None, f"{record.destination} can't be asked; look there yourself."
            return writer.find(replace(record, vendor_id=known)), None
    except HourlineError as error:
        return None, f"{record.destination} could not be asked: {error.message}"


@contextmanager
def writer_of(settings: Settings, connection: sa.Connection, picked: Picked) -> Iterator[Writer]:
    """The writer of the intent's destination, for a look."""
    record = picked.claim.record
    writer = destinations.open_writer(settings, named(record.sync), record.destination, connection)
    try:
        yield writer
    finally:
        writer.close()


def _where(settings: Settings, picked: Picked) -> str:
    record = picked.claim.record
    configured = settings.connections.get(record.destination)
    host = f" ({configured.base_url})" if configured else ""
    ids = [f"key {record.record_key}"]
    ids += [f"id {one}" for one in dict.fromkeys((record.vendor_id, picked.row["previous_vendor_id"])) if one]
    return f"In {record.destination}{host}, look for {', '.join(ids)}, work date {record.work_date}."
