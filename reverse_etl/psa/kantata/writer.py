"""Kantata's writer: one upsert for create and amend, looked up on the time entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plumbing.errors import NotFound
from plumbing.http import json_body
from plumbing.vendors import kantata
from reverse_etl.psa.kantata import payloads
from reverse_etl.writer import Capabilities, Found, Outcome, Record, Result

if TYPE_CHECKING:
    from plumbing.http import Exchange
    from plumbing.settings import Connection
    from reverse_etl.fieldmap import FieldMap


class Writer:
    """External references on the time entries of one Kantata account."""

    capabilities = Capabilities(
        has_key=True, has_lookup=True, can_delete=False, processing_seconds=kantata.SERVER_TIMEOUT_SECONDS
    )

    def __init__(self, connection: Connection, entity: str, field_map: FieldMap) -> None:
        self._field_map = field_map.over(payloads.DEFAULT_FIELDS, payloads.COLUMNS)
        self._service_name = payloads.service_name(connection.name)
        self._client = kantata.client(connection)
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
        """Prove that time entries can be read with this token."""
        answer = json_body(self._client.get("time_entries", params={"per_page": 1}))
        return f"time entries can be read; {answer.get('count', 'some')} there"

    def payload(self, record: Record) -> Mapping[str, Any]:
        """The body of the upsert."""
        return payloads.body(record, self._field_map)

    def matches(self, payload: Mapping[str, Any], found: Found) -> bool:
        """Whether the reference there says what the payload says."""
        return payloads.says_the_same(payload, found.row)

    def find(self, record: Record) -> Found | None:
        """Our reference on the time entry; None when it has none, or the entry is gone."""
        address = f"time_entries/{record.fields['subject_id']}"
        try:
            answer = json_body(self._client.get(address, params={"include": "external_references"}))
        except NotFound:
            return None
        reference = payloads.reference_of(answer, self._service_name)
        return None if reference is None else Found(str(reference["id"]), reference)

    def send(self, records: Sequence[Record]) -> Sequence[Outcome]:
        """One reference a call."""
        return [self._send(record) for record in records]

    def _send(self, record: Record) -> Outcome:
        answer = self._client.post(payloads.UPSERT, json=record.payload)
        reference = payloads.first_of(json_body(answer))
        return Outcome(Result.ACKNOWLEDGED, vendor_id=str(reference["id"]), status=answer.status_code)

    def follow_up(self, _records: Sequence[Record]) -> Iterable[tuple[int, Outcome]]:
        """A reference is in effect once written."""
        return []
