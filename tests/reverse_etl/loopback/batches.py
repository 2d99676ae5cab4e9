"""What the two batch writers share: creates go out together under our keys, anything else one at a time."""

from collections.abc import Sequence
from typing import Any

from plumbing.http import json_body
from reverse_etl.writer import Operation, Outcome, Record
from tests.reverse_etl.loopback.client import LoopbackWriter

BATCH_SIZE = 8


class BatchWriter(LoopbackWriter):
    """Up to eight creates a request."""

    mode = ""

    def send(self, records: Sequence[Record]) -> Sequence[Outcome]:
        if records[0].operation is not Operation.CREATE:
            return super().send(records)
        body = {"items": [record.payload for record in records]}
        items = json_body(self.client.post(f"/batch/{self.mode}", json=body))["items"]
        return [self.read(item) for item in items]

    def read(self, item: dict[str, Any]) -> Outcome:
        raise NotImplementedError

    def _look_by_key(self, key: str) -> dict[str, Any] | None:
        return dict(json_body(self.client.get(f"/keys/{key}")))
