"""The seam between the engine and a vendor: values, and the small protocol that every writer keeps.

A writer lives in ``reverse_etl/<kind>/<system>/writer.py`` as ``class Writer`` and is found by looking. The engine owns
order, leases, the ledger and what to do about a failure; a writer turns fields into a payload, sends it once, and can look
a record up. It raises `plumbing.errors` and never retries a write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datetime import date, datetime
    from decimal import Decimal

    from plumbing.http import Exchange
    from plumbing.settings import Connection
    from reverse_etl.decisions import Ability
    from reverse_etl.fieldmap import FieldMap


class Operation(StrEnum):
    """What one intent does at the destination.

    ``reverse`` and ``adjust`` make a row of their own, under a key of their own, beside the row that they correct: one that takes
    all of it back, or one with the difference. ``create``, ``reverse`` and ``adjust`` never touch what is there.
    """

    CREATE = "create"
    AMEND = "amend"
    DELETE = "delete"
    REVERSE = "reverse"
    ADJUST = "adjust"

    @property
    def makes_a_row(self) -> bool:
        """Whether a record comes to be by it; else one that is there is written to."""
        return self in {Operation.CREATE, Operation.REVERSE, Operation.ADJUST}


class Result(StrEnum):
    """What became of one intent in one call.

    ``refused`` is for good; ``busy`` was not carried out and costs no try; ``failed`` was not carried out; ``in_doubt`` may
    have been; ``duplicate``: the destination says it has our key already; ``gone``: the known id isn't there any more.
    """

    ACKNOWLEDGED = "acknowledged"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    BUSY = "busy"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    DUPLICATE = "duplicate"
    GONE = "gone"
    NOT_SENT = "not_sent"


@dataclass(frozen=True)
class Capabilities:
    """What a vendor can do, as data.

    A writer's class says what holds at every server of the vendor; a plan reads only that, without a call. An instance may say
    more once its server has answered (a key that one release keeps and another doesn't take).

    Attributes:
        has_key: it keeps our record key unique, so that the same create twice is one record.
        has_lookup: a record can be found by our key or by its id. With neither, a lost answer is for a person.
        can_amend, can_delete: in place, before billing.
        reverse: it takes a row that takes back another which is billed or in a closed period. ``unconfirmed``: no document says
            so; then it is only proposed, unless the connection's option named by ``reverse_option`` is true.
        adjust: it takes a row with a difference, in a later open period; ``adjust_option`` likewise.
        batch_size: records in one call.
        quantum_minutes: the smallest time it keeps; rounding is half up, on our minutes.
        processing_seconds: how long a request it has received may still take there.
        visibility_seconds: how long a written record may stay invisible to a look-up.
        is_followed_up: taking a record is not yet effect; `Writer.follow_up` says when it is.
    """

    has_key: bool
    has_lookup: bool
    can_amend: bool = True
    can_delete: bool = True
    reverse: Ability = "no"
    reverse_option: str | None = None
    adjust: Ability = "no"
    adjust_option: str | None = None
    batch_size: int = 1
    quantum_minutes: Decimal | None = None
    processing_seconds: float = 60.0
    visibility_seconds: float = 10.0
    is_followed_up: bool = False


@dataclass(frozen=True)
class Record:
    """One intent as a writer sees it.

    Attributes:
        fields: material fields, destination ids resolved; numbers are text. Of a reversal: those of the row it takes back.
        payload: what is or was sent, as made by `Writer.payload`.
        previous: the fields in effect there now, if any.
        vendor_id: the destination's id, once known.
        vendor_detail: what the writer asked to be kept with the record (`Outcome.vendor_detail`).
        sent_at: when it was last sent, for follow-up.
        corrects_key, corrects_id: key and id there of the row that this one reverses, adjusts or posts again.
    """

    intent_id: int
    sync: str
    destination: str
    operation: Operation
    record_key: str
    request_key: str
    correlation_id: str
    fields: Mapping[str, Any]
    context: Mapping[str, Any] = field(default_factory=dict)
    payload: Mapping[str, Any] | None = None
    previous: Mapping[str, Any] | None = None
    previous_payload: Mapping[str, Any] | None = None
    vendor_id: str | None = None
    vendor_detail: Mapping[str, Any] | None = None
    legal_entity: str | None = None
    work_date: date | None = None
    sent_at: datetime | None = None
    corrects_key: str | None = None
    corrects_id: str | None = None

    def going_out_as(self, payload: Mapping[str, Any]) -> Record:
        """The same record with its payload; `dataclasses.replace` would cost a tenth of a call's whole bookkeeping."""
        record = object.__new__(Record)
        record.__dict__.update(self.__dict__, payload=payload)
        return record

    @property
    def marker(self) -> str:
        """What tells originals, amendments and corrections apart for a person there; no part of any comparison."""
        told = {
            Operation.CREATE: f"posts again {self.corrects_key}" if self.corrects_key else "original",
            Operation.AMEND: "amended",
            Operation.DELETE: "deleted",
            Operation.REVERSE: f"reversal of {self.corrects_key}",
            Operation.ADJUST: f"adjustment of {self.corrects_key}",
        }[self.operation]
        return f"hourline {self.request_key} {told}"


@dataclass(frozen=True)
class Outcome:
    """What became of one record.

    Attributes:
        vendor_detail: plain values to keep with the intent (a version, a state), for the next call on it.
        category, field: of a refusal, as in `plumbing.errors.Refused`.
        retry_after: seconds the destination asked to be left alone.
        job_ref: the vendor's job that the record waits for.
    """

    result: Result
    vendor_id: str | None = None
    vendor_detail: Mapping[str, Any] | None = None
    category: str | None = None
    field: str | None = None
    code: str | None = None
    message: str | None = None
    status: int | None = None
    retry_after: float | None = None
    job_ref: str | None = None


@dataclass(frozen=True)
class Found:
    """What a look-up found: the destination's id, its own row, and what `Outcome.vendor_detail` would have kept."""

    vendor_id: str
    row: Mapping[str, Any]
    vendor_detail: Mapping[str, Any] | None = None
    is_in_effect: bool = True


class Writer(Protocol):
    """What the engine asks of a vendor. One instance serves several threads.

    Attributes:
        timeout_seconds: the longest one call can take.
        concurrency: calls at once that the destination allows us.
    """

    capabilities: Capabilities
    timeout_seconds: float
    concurrency: int

    def __init__(self, connection: Connection, entity: str, field_map: FieldMap) -> None:
        """Sign nothing in yet.

        Raises:
            Misconfigured: an option, a secret or the field map is wrong, naming it.
        """

    def check(self) -> str:
        """Prove that credentials and scopes will do, by reading; one sentence of what was seen."""

    def payload(self, record: Record) -> Mapping[str, Any]:
        """What would be sent. Pure.

        Raises:
            Refused: this record can't be written as it is.
        """

    def find(self, record: Record) -> Found | None:
        """Look the record up by its id, else by our key; None when it isn't there."""

    def matches(self, payload: Mapping[str, Any], found: Found) -> bool:
        """Whether what was found says what the payload says. Pure."""

    def send(self, records: Sequence[Record]) -> Sequence[Outcome]:
        """Send once; one outcome per record, in order. An error it raises holds for every record of the call."""

    def follow_up(self, records: Sequence[Record]) -> Iterable[tuple[int, Outcome]]:
        """For accepted records: those whose state is known now, by intent id. Others stay as they are."""

    def observe(self, on_request: Callable[[Exchange], None], before_send: Callable[[], None]) -> None:
        """Have the HTTP client tell every call, and ask ``before_send`` when a call's turn has come: it may raise."""

    def close(self) -> None:
        """Let connections go."""
