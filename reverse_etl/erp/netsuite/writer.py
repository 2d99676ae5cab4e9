"""NetSuite's writer: create and reverse by our key, amend and delete by id, look up by either."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plumbing.errors import NotFound, Refused
from plumbing.http import json_body
from plumbing.vendors import netsuite
from reverse_etl.erp.netsuite import payloads
from reverse_etl.writer import Capabilities, Found, Operation, Outcome, Record, Result

if TYPE_CHECKING:
    from plumbing.http import Exchange
    from plumbing.settings import Connection
    from reverse_etl.fieldmap import FieldMap

# The vendor publishes neither; a row is visible by its external id once written, and a call ends within its time-out.
PROCESSING_SECONDS = 60.0
VISIBILITY_SECONDS = 10.0


class Writer:
    """Time rows of one NetSuite account."""

    capabilities = Capabilities(
        has_key=True,
        has_lookup=True,
        reverse="unconfirmed",
        reverse_option="takes_negative_time",
        quantum_minutes=Decimal(1),
        processing_seconds=PROCESSING_SECONDS,
        visibility_seconds=VISIBILITY_SECONDS,
    )

    def __init__(self, connection: Connection, entity: str, field_map: FieldMap) -> None:
        self._field_map = field_map.over(payloads.DEFAULT_FIELDS, payloads.COLUMNS)
        self._ignored = payloads.marker_fields(self._field_map)
        self._client = netsuite.client(connection)
        self._entity = entity
        self.timeout_seconds = self._client.timeout.whole_call_seconds
        self.concurrency = self._client.allowance.concurrency

    def observe(self, on_request: Callable[[Exchange], None], before_send: Callable[[], None]) -> None:
        """See `reverse_etl.writer.Writer`."""
        self._client.on_request = on_request
        self._client.before_send = before_send

    def close(self) -> None:
        """Let connections go."""
        self._client.close()

    def check(self) -> str:
        """Prove that time rows can be read with these credentials."""
        answer = json_body(self._client.get(payloads.RECORD, params={"limit": 1}))
        return f"time rows can be read; {answer.get('totalResults', 'some')} there"

    def payload(self, record: Record) -> Mapping[str, Any]:
        """The body of a time row."""
        return payloads.body(record, self._field_map)

    def matches(self, payload: Mapping[str, Any], found: Found) -> bool:
        """Whether the row there says what the payload says; markers aside."""
        return payloads.says_the_same(payload, found.row, self._ignored)

    def find(self, record: Record) -> Found | None:
        """The row by its id, else by our external id."""
        address = record.vendor_id if record.vendor_id is not None else f"eid:{record.record_key}"
        try:
            row = json_body(self._client.get(f"{payloads.RECORD}/{address}"))
        except NotFound:
            return None
        return Found(str(row["id"]), row)

    def send(self, records: Sequence[Record]) -> Sequence[Outcome]:
        """One row a call."""
        return [self._send(record) for record in records]

    def _send(self, record: Record) -> Outcome:
        if record.operation in {Operation.CREATE, Operation.REVERSE}:
            return self._create(record)
        if record.operation is Operation.ADJUST:
            raise Refused("NetSuite takes no adjusting row.", category="validation")
        address = f"{payloads.RECORD}/{record.vendor_id}"
        is_amend = record.operation is Operation.AMEND
        answer = self._client.patch(address, json=record.payload) if is_amend else self._client.delete(address)
        return Outcome(Result.ACKNOWLEDGED, vendor_id=record.vendor_id, status=answer.status_code)

    def _create(self, record: Record) -> Outcome:
        answer = self._client.put(f"{payloads.RECORD}/eid:{record.record_key}", json=record.payload)
        vendor_id = payloads.id_of_location(answer.headers.get("location"))
        if vendor_id is None:  # an upsert need not say it
            found = self.find(record)
            if found is None:
                return Outcome(Result.IN_DOUBT, message="written, but not to be seen yet", status=answer.status_code)
            vendor_id = found.vendor_id
        return Outcome(Result.ACKNOWLEDGED, vendor_id=vendor_id, status=answer.status_code)

    def follow_up(self, _records: Sequence[Record]) -> Iterable[tuple[int, Outcome]]:
        """A time row is in effect once written."""
        return []
