"""The stage: Arrow batches on their way through dlt into ``stage_<connection>.<resource>``.

One dlt pipeline a connection, under ``<home>/dlt``. The stage holds exactly one load: dlt truncates it and copies Parquet
through ADBC, the fastest of its ways into PostgreSQL (see ``benchmarks/landing.py``). dlt keeps no cursor and no state of
ours: what a killed run left in the pipeline's folder is dropped, and the resource is read again from the cursor that was
committed with the rows that landed.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]

from ingest.shaping import Row

if TYPE_CHECKING:
    from dlt.extract import DltResource

    from ingest.declaration import Resource

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
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
        self._seq = 0
        self._start()

    def _start(self) -> None:
        self._bytes = 0
        self._ids: list[str] = []
        self._versions: list[datetime | None] = []
        self._read_at: list[datetime] = []
        self._deleted: list[bool] = []
        self._hashes: list[str] = []
        self._records: list[str] = []

    def add(self, row: Row, read_started_at: datetime) -> bool:
        """Add a row; True when the batch is full."""
        self._ids.append(row.source_id)
        self._versions.append(row.source_version)
        self._read_at.append(read_started_at)
        self._deleted.append(row.is_deleted)
        self._hashes.append(row.content_hash)
        self._records.append(row.record)
        self._bytes += len(row.record)
        return len(self._ids) >= BATCH_ROWS or self._bytes >= BATCH_BYTES

    def take(self) -> pa.Table | None:
        """The rows so far as a table; None when there are none."""
        count = len(self._ids)
        if count == 0:
            return None
        columns = [
            pa.array(range(self._seq, self._seq + count), pa.int64()),
            pa.array(self._ids, pa.string()),
            _instants(self._versions),
            _instants(self._read_at),
            pa.repeat(self._load_id, count),
            pa.array(self._deleted, pa.bool_()),
            pa.array(self._hashes, pa.string()),
            pa.array(self._records, pa.string()),
        ]
        self._seq += count
        self._start()
        return pa.Table.from_arrays(columns, schema=SCHEMA)


def _instants(values: Sequence[datetime | None]) -> pa.Array:
    """Microseconds since 1970, exact: Arrow's own way from aware datetimes is many times slower."""
    counted = [None if value is None else (value - _EPOCH) // _MICROSECOND for value in values]
    return pa.array(counted, pa.int64()).cast(pa.timestamp("us", tz="UTC"))


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
    """Loads the stage of one connection; one at a time. Close it."""

    def __init__(self, connection: str, url: str, home: Path) -> None:
        """``url``: libpq address that takes on the role load."""
        self._name = f"hourline_{connection}"
        self._dataset = f"stage_{connection}"
        self._url = url
        self.home = home
        self._folder = home / "dlt"

    def close(self) -> None:
        """Let go of the warehouse."""
        if "_destination" in self.__dict__:
            self._destination.close()

    @functools.cached_property
    def _destination(self) -> Any:
        from ingest.quiet_dlt import Postgres

        return Postgres(self._url)

    def load(self, source: Any, resource: Resource) -> None:
        """Run one resource of a dlt source into its stage table, which then holds this load and nothing else.

        Raises:
            whatever the resource raised while it was read, or dlt's own error.
        """
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
            destination=self._destination,
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
