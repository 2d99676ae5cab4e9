"""What both writers share: a client without sign-in, and one hour as a payload."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from plumbing.http import Allowance, Client, Exchange, json_body
from plumbing.settings import Connection
from reverse_etl.fieldmap import FieldMap
from reverse_etl.writer import Capabilities, Found, Outcome, Record, Result

CONCURRENCY = 8


class PlainWriter:
    """One hour a call, under our key."""

    capabilities = Capabilities(has_key=True, has_lookup=True)
    concurrency = CONCURRENCY

    def __init__(self, connection: Connection, _entity: str, _field_map: FieldMap) -> None:
        self.client = Client(connection, allowance=Allowance(concurrency=self.concurrency))
        self.timeout_seconds = self.client.timeout.whole_call_seconds

    def observe(self, on_request: Callable[[Exchange], None], before_send: Callable[[], None]) -> None:
        self.client.on_request = on_request
        self.client.before_send = before_send

    def close(self) -> None:
        self.client.close()

    def check(self) -> str:
        return "reachable"

    def payload(self, record: Record) -> Mapping[str, Any]:
        return {"key": record.record_key, **record.fields}

    def matches(self, payload: Mapping[str, Any], found: Found) -> bool:
        return payload["key"] == found.row["key"]

    def find(self, _record: Record) -> Found | None:
        raise NotImplementedError("nothing is ever in doubt here")

    def send(self, records: Sequence[Record]) -> Sequence[Outcome]:
        return [self._send(record) for record in records]

    def _send(self, record: Record) -> Outcome:
        answer = self.client.put(f"/keys/{record.record_key}", json=record.payload)
        return Outcome(Result.ACKNOWLEDGED, vendor_id=json_body(answer)["id"])

    def follow_up(self, _records: Sequence[Record]) -> Iterable[tuple[int, Outcome]]:
        return []
