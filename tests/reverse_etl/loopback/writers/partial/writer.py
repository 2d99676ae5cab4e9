"""Each row of a batch has an answer of its own."""

from typing import Any

from reverse_etl.writer import Capabilities, Outcome, Result
from tests.reverse_etl.loopback.batches import BATCH_SIZE, BatchWriter


class Writer(BatchWriter):
    capabilities = Capabilities(
        has_key=True, has_lookup=True, batch_size=BATCH_SIZE, processing_seconds=0.2, visibility_seconds=0.1
    )
    mode = "partial"

    def read(self, item: dict[str, Any]) -> Outcome:
        if "error" in item:
            return Outcome(Result.REFUSED, category="invalid_reference", field=item["field"], message=item["error"])
        return Outcome(Result.ACKNOWLEDGED, vendor_id=str(item["id"]))
