"""A hundred records a request."""

from collections.abc import Sequence

from benchmarks._writers.plain import PlainWriter
from plumbing.http import json_body
from reverse_etl.writer import Capabilities, Outcome, Record, Result


class Writer(PlainWriter):
    """All of a call's records in one body."""

    capabilities = Capabilities(has_key=True, has_lookup=True, batch_size=100)

    def send(self, records: Sequence[Record]) -> Sequence[Outcome]:
        answer = self.client.post("/batch", json={"items": [record.payload for record in records]})
        return [Outcome(Result.ACKNOWLEDGED, vendor_id=item["id"]) for item in json_body(answer)["items"]]
