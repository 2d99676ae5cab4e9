"""The destination honours our key: the same create twice is one record."""

from typing import Any

from plumbing.http import json_body
from reverse_etl.writer import Capabilities, Record
from tests.reverse_etl.loopback.client import LoopbackWriter


class Writer(LoopbackWriter):
    capabilities = Capabilities(has_key=True, has_lookup=True, processing_seconds=0.2, visibility_seconds=0.1)

    def create(self, record: Record) -> str:
        return str(json_body(self.client.put(f"/keys/{record.record_key}", json=record.payload))["id"])

    def _look_by_key(self, key: str) -> dict[str, Any] | None:
        return dict(json_body(self.client.get(f"/keys/{key}")))
