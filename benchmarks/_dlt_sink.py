"""One run of a plain dlt sink: `python -m benchmarks._dlt_sink PLACE URL ROWS`; each row is posted by a custom destination."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import dlt
import httpx


def main(place: str, url: str, rows: str) -> None:
    """Run the pipeline; an error that dlt gives up on ends the process."""
    client = httpx.Client(base_url=url, timeout=1)

    @dlt.destination(batch_size=1, loader_parallelism_strategy="parallel", max_table_nesting=0)
    def there(items: list[dict[str, Any]], _table: Any) -> None:
        for item in items:
            body = {name: item[name] for name in ("key", "item", "minutes", "rate", "date")}
            client.post("/records", json=body, headers={"Idempotency-Key": body["key"]}).raise_for_status()

    pipeline = dlt.pipeline(pipeline_name="sink", pipelines_dir=str(Path(place) / "pipelines"), destination=there)
    pipeline.run(
        dlt.resource(json.loads(Path(rows).read_text()), name="hours", primary_key="key", write_disposition="append")
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
