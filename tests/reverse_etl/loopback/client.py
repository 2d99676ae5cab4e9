"""What the three writers share: the client of the loopback destination, and its payload."""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx

from plumbing.errors import NotFound, Refused
from plumbing.http import Allowance, Client, Envelope, Exchange, Timeouts, json_body
from plumbing.settings import Connection
from reverse_etl.fieldmap import FieldMap
from reverse_etl.writer import Capabilities, Found, Operation, Outcome, Record, Result

TIMEOUTS = Timeouts(connect_seconds=0.3, read_seconds=0.4, write_seconds=0.3)


def read_error(response: httpx.Response) -> Envelope:
    try:
        body = json.loads(response.content or b"{}")
    except ValueError:
        return Envelope()
    kind = Refused if response.status_code == 422 else None
    category = "invalid_reference" if body.get("field") else None
    return Envelope(kind=kind, detail=body.get("error"), field=body.get("field"), category=category)


class LoopbackWriter:
    """By key where the subclass has one."""

    capabilities = Capabilities(has_key=False, has_lookup=False)
    concurrency = 4

    def __init__(self, connection: Connection, entity: str, field_map: FieldMap) -> None:
        self.client = Client(
            connection, allowance=Allowance(concurrency=self.concurrency), error_reader=read_error, timeout=TIMEOUTS
        )
        self.timeout_seconds = TIMEOUTS.whole_call_seconds

    def observe(self, on_request: Callable[[Exchange], None], before_send: Callable[[], None]) -> None:
        self.client.on_request = on_request
        self.client.before_send = before_send

    def close(self) -> None:
        self.client.close()

    def check(self) -> str:
        return "reachable"

    def payload(self, record: Record) -> Mapping[str, Any]:
        if record.fields.get("item_ref") == "unwritable":
            raise Refused("item_ref unwritable can't be written.", field="item", category="validation")
        return {
            "key": record.record_key,
            "item": record.fields["item_ref"],
            "minutes": self.minutes(record),
            "date": record.fields["work_date"],
        }

    def minutes(self, record: Record) -> str:
        """All of it, all of it taken back, or what lacks."""
        if record.operation is Operation.REVERSE:
            return str(-Decimal(record.fields["minutes"]))
        if record.operation is Operation.ADJUST:
            return str(Decimal(record.fields["minutes"]) - Decimal((record.previous or {})["minutes"]))
        return str(record.fields["minutes"])

    def matches(self, payload: Mapping[str, Any], found: Found) -> bool:
        return all(found.row.get(name) == value for name, value in payload.items())

    def find(self, record: Record) -> Found | None:
        try:
            row = self._look(record)
        except NotFound:
            return None
        return None if row is None else Found(row["id"], row)

    def _look(self, record: Record) -> dict[str, Any] | None:
        if record.vendor_id is not None:
            return dict(json_body(self.client.get(f"/records/{record.vendor_id}")))
        return self._look_by_key(record.record_key)

    def _look_by_key(self, key: str) -> dict[str, Any] | None:
        raise NotImplementedError

    def create(self, record: Record) -> str:
        return str(json_body(self.client.post("/records", json=record.payload))["id"])

    def send(self, records: Sequence[Record]) -> Sequence[Outcome]:
        return [self._send(record) for record in records]

    def _send(self, record: Record) -> Outcome:
        if record.operation.makes_a_row:
            return Outcome(Result.ACKNOWLEDGED, vendor_id=self.create(record))
        if record.operation is Operation.AMEND:
            self.client.patch(f"/records/{record.vendor_id}", json=record.payload)
        else:
            self.client.delete(f"/records/{record.vendor_id}")
        return Outcome(Result.ACKNOWLEDGED, vendor_id=record.vendor_id)

    def follow_up(self, records: Sequence[Record]) -> list[tuple[int, Outcome]]:
        return []
