"""The stage: Arrow batches on their way through dlt into ``stage_<connection>.<resource>``.

One dlt pipeline a connection, under ``<home>/dlt``. The stage holds exactly one load: dlt truncates it and copies Parquet
through ADBC, the fastest of its ways into PostgreSQL (see ``benchmarks/landing.py``). dlt keeps no cursor and no state of
ours: what a killed run left in the pipeline's folder is dropped, and the resource is read again from the cursor that was
committed with the rows that landed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]

from ingest.shaping import Row

if TYPE_CHECKING:
    from datetime import datetime

    from dlt.extract import DltResource

    from ingest.declaration import Resource

BATCH_ROWS = 10_000
BATCH_BYTES = 16 * 2**20

SCHEMA = pa.schema(
    [
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("source_id", pa.string(), nullable=False),
        pa.field("source_version", pa.timestamp("us", tz="UTC")),
        pa.field("read_started_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("load_id", pa.string(), nullable=False),
        pa.field("is_deleted", pa.bool_(), nullable=False),
        pa.field("content_hash", pa.string(), nullable=False),
        pa.field("record", pa.string(), nullable=False),
    ]
)
# Exactly these columns: a change of shape is dealt with before the stage, record by record, never by dlt.
_COLUMNS: dict[str, Any] = {
    "seq": {"data_type": "bigint", "nullable": False},
    "source_id": {"data_type": "text", "nullable": False},
    "source_version": {"data_type": "timestamp", "nullable": True},
    "read_started_at": {"data_type": "timestamp", "nullable": False},
    "load_id": {"data_type": "text", "nullable": False},
    "is_deleted": {"data_type": "bool", "nullable": False},
    "content_hash": {"data_type": "text", "nullable": False},
    "record": {"data_type": "text", "nullable": False},
}

Batches = Callable[["Resource"], Iterator[pa.Table]]


class BatchBuilder:
    """Collects rows and hands them out as Arrow tables of bounded size."""

    def __init__(self, load_id: str) -> None:
        self._load_id = load_id
        self._rows: list[tuple[int, Row, datetime]] = []
        self._bytes = 0
        self._seq = 0

    def add(self, row: Row, read_started_at: datetime) -> bool:
        """Add a row; True when the batch is full."""
        self._rows.append((self._seq, row, read_started_at))
        self._seq += 1
        self._bytes += len(row.record)
        return len(self._rows) >= BATCH_ROWS or self._bytes >= BATCH_BYTES

    def take(self) -> pa.Table | None:
        """The rows so far as a table; None when there are none."""
        if not self._rows:
            return None
        rows, self._rows, self._bytes = self._rows, [], 0
        return pa.table(
            {
                "seq": [seq for seq, _, _ in rows],
                "source_id": [row.source_id for _, row, _ in rows],
                "source_version": [row.source_version for _, row, _ in rows],
                "read_started_at": [read_at for _, _, read_at in rows],
                "load_id": [self._load_id] * len(rows),
                "is_deleted": [row.is_deleted for _, row, _ in rows],
                "content_hash": [row.content_hash for _, row, _ in rows],
                "record": [row.record for _, row, _ in rows],
            },
            schema=SCHEMA,
        )


def stage_resources(resources: Sequence[Resource], batches: Batches) -> Iterator[DltResource]:
    """One lazy dlt resource per declared resource; nothing is read until its turn."""
    from ingest.quiet_dlt import dlt

    for resource in resources:
        yield dlt.resource(
            _reader(resource, batches),
            name=resource.name,
            write_disposition="replace",
            columns=_COLUMNS,
            schema_contract={"tables": "evolve", "columns": "freeze", "data_type": "freeze"},
        )


def _reader(resource: Resource, batches: Batches) -> Callable[[], Iterator[pa.Table]]:
    def read() -> Iterator[pa.Table]:
        yield from batches(resource)

    return read


class Stage:
    """Loads the stage of one connection; one at a time."""

    def __init__(self, connection: str, url: str, home: Path) -> None:
        """``url``: libpq address that takes on the role load."""
        self._name = f"hourline_{connection}"
        self._dataset = f"stage_{connection}"
        self._url = url
        self.home = home
        self._folder = home / "dlt"

    def load(self, source: Any, resource: Resource) -> None:
        """Run one resource of a dlt source into its stage table, which then holds this load and nothing else.

        Raises:
            whatever the resource raised while it was read, or dlt's own error.
        """
        from dlt.destinations import postgres
        from dlt.pipeline.exceptions import PipelineStepFailed

        from ingest import quiet_dlt
        from ingest.quiet_dlt import dlt

        quiet_dlt.enter(self._folder)
        # A killed run leaves its package behind, and dlt would load that one first. Its rows never landed and are read
        # again now, so every run begins with an empty folder.
        shutil.rmtree(self._folder / self._name, ignore_errors=True)
        pipeline = dlt.pipeline(
            pipeline_name=self._name,
            pipelines_dir=str(self._folder),
            destination=postgres(quiet_dlt.address(self._url), create_indexes=False),
            dataset_name=self._dataset,
        )
        try:
            pipeline.run(source.with_resources(resource.name), loader_file_format="parquet")
        except PipelineStepFailed as error:
            if error.step != "extract":
                raise
            raise _cause(error) from error
        finally:
            shutil.rmtree(self._folder / self._name, ignore_errors=True)


def _cause(error: BaseException) -> BaseException:
    """What the resource itself raised; dlt's own error if it raised nothing."""
    from dlt.common.exceptions import DltException

    found: BaseException | None = error
    while found is not None:
        if not isinstance(found, DltException):
            return found
        found = found.__cause__
    return error
