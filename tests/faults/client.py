"""The writer that faces the harness's destinations: one record a call, or a batch (option ``batch_size``)."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from plumbing.errors import NotFound, Refused
from plumbing.http import Allowance, Client, Envelope, Exchange, Timeouts, json_body
from plumbing.settings import Connection, Settings
from reverse_etl.fieldmap import FieldMap
from reverse_etl.writer import Capabilities, Found, Operation, Outcome, Record, Result

METHOD = {
    Operation.CREATE: "POST",
    Operation.REVERSE: "POST",
    Operation.AMEND: "PATCH",
    Operation.DELETE: "DELETE",
}
NOT_FOUND = 404
REFUSED = 422


def with_destination(settings: Settings, temper: str, base_url: str, **options: Any) -> Settings:
    """Settings whose connection ``erp`` is a destination of the harness, its writer found like any other."""
    import reverse_etl.erp

    folder = str(Path(__file__).parent / "writers")
    if folder not in reverse_etl.erp.__path__:
        reverse_etl.erp.__path__.append(folder)
    return replace(
        settings, connections={"erp": Connection(name="erp", system=temper, base_url=base_url, options=options)}
    )


def read_error(response: httpx.Response) -> Envelope:
    """The destination's error body."""
    try:
        body = json.loads(response.content or b"{}")
    except ValueError:
        return Envelope()
    if response.status_code != REFUSED or not isinstance(body, dict):
        return Envelope()
    return Envelope(kind=Refused, detail=body.get("error"), field=body.get("field"), category="invalid_reference")


class HarnessWriter:
    """By our key where the subclass says so."""

    capabilities = Capabilities(has_key=False, has_lookup=False)
    concurrency = 8

    def __init__(self, connection: Connection, entity: str, field_map: FieldMap) -> None:
        options = connection.options
        self.concurrency = int(options.get("concurrency", self.concurrency))
        self.capabilities = replace(self.capabilities, batch_size=int(options.get("batch_size", 1)))
        seconds = float(options.get("timeout_seconds", 0.5))
        timeouts = Timeouts(connect_seconds=seconds * 4, read_seconds=seconds, write_seconds=seconds)
        self.client = Client(
            connection, allowance=Allowance(concurrency=self.concurrency), error_reader=read_error, timeout=timeouts
        )
        self.timeout_seconds = timeouts.whole_call_seconds

    def observe(self, on_request: Callable[[Exchange], None], before_send: Callable[[], None]) -> None:
        self.client.on_request = on_request
        self.client.before_send = before_send

    def close(self) -> None:
        self.client.close()

    def check(self) -> str:
        return "reachable"

    def payload(self, record: Record) -> Mapping[str, Any]:
        is_reversal = record.operation is Operation.REVERSE
        is_correction = is_reversal or record.corrects_key is not None
        minutes = record.fields["minutes"]
        later = record.context.get("correction_date") if record.context.get("period_closed") else None
        return {
            "key": record.record_key,
            "item": record.fields["item_ref"],
            "minutes": str(-Decimal(minutes)) if is_reversal else minutes,
            "rate": record.fields["rate"],
            "date": later if is_correction and later else record.fields["work_date"],
        }

    def matches(self, payload: Mapping[str, Any], found: Found) -> bool:
        return all(found.row.get(name) == value for name, value in payload.items())

    def find(self, record: Record) -> Found | None:
        # Without repetitions: a look that fails goes back to the engine, whose clock is the test's.
        if record.vendor_id is not None:
            try:
                row = json_body(self.client.get(f"/records/{record.vendor_id}", retries=0))
            except NotFound:
                return None
            return Found(row["id"], row)
        found = json_body(self.client.get("/records", params={"key": record.record_key}, retries=0))["items"]
        return Found(found[0]["id"], found[0]) if found else None

    def send(self, records: Sequence[Record]) -> Sequence[Outcome]:
        if self.capabilities.batch_size == 1:
            return [self._one(record) for record in records]
        items = [
            {"method": METHOD[r.operation], "id": r.vendor_id, "key": r.record_key, "body": r.payload} for r in records
        ]
        answers = json_body(self.client.post("/batch", json=items))
        return [self._outcome(record, answer) for record, answer in zip(records, answers, strict=True)]

    def _one(self, record: Record) -> Outcome:
        if record.operation.makes_a_row:
            headers = {"Idempotency-Key": record.record_key}
            made = json_body(self.client.post("/records", json=record.payload, headers=headers))
            return Outcome(Result.ACKNOWLEDGED, vendor_id=made["id"])
        self.client.request(METHOD[record.operation], f"/records/{record.vendor_id}", json=record.payload)
        return Outcome(Result.ACKNOWLEDGED, vendor_id=record.vendor_id)

    def _outcome(self, record: Record, answer: Mapping[str, Any]) -> Outcome:
        if answer["status"] == NOT_FOUND:
            return Outcome(Result.GONE, category="gone_by_hand", message="not there", status=NOT_FOUND)
        if answer["status"] == REFUSED:
            said = answer["body"]
            return Outcome(
                Result.REFUSED, category="invalid_reference", field=said["field"], message=said["error"], status=REFUSED
            )
        return Outcome(Result.ACKNOWLEDGED, vendor_id=record.vendor_id or answer["body"]["id"])

    def follow_up(self, records: Sequence[Record]) -> list[tuple[int, Outcome]]:
        return []
