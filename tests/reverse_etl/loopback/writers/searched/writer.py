"""The destination makes a record of every create, but can be searched by our key."""

from typing import Any

from plumbing.http import json_body
from reverse_etl.writer import Capabilities
from tests.reverse_etl.loopback.client import LoopbackWriter


class Writer(LoopbackWriter):
    capabilities = Capabilities(has_key=False, has_lookup=True, processing_seconds=0.2, visibility_seconds=0.1)

    def _look_by_key(self, key: str) -> dict[str, Any] | None:
        items = json_body(self.client.get("/records", params={"key": key}))["items"]
        return dict(items[0]) if items else None
