"""Landing figures: our path, dlt's default and plain COPY on the same rows, in one process, in turn.

Run: python -m benchmarks.landing [rows]   (default 100,000)

The rows are Kantata time entries as its API answers them. First the loader alone, on rows that are ready to be staged:
- plain COPY of the stage's columns from Python tuples;
- dlt's default: the rows as dictionaries, insert_values;
- our stage: the same rows as Arrow batches, Parquet through ADBC.
Then everything that landing does, from the dictionaries of the API:
- dlt's default on those dictionaries, which checks, tokenises, hashes and versions nothing;
- our path: each record checked, personal fields into the vault, hashed, staged, and the landing statement run;
- our path again: the same once more, of which nothing is new.
Figures differ from machine to machine; the ratios are what counts. Exits 1 when the loader is less than 5 times dlt's
default.
"""

from __future__ import annotations

import gc
import resource as system_resource
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ingest import quiet_dlt
from ingest.quiet_dlt import dlt
from ingest.reading import Reading
from ingest.shaping import Keys, Shaper
from ingest.sources import Page
from ingest.sources.kantata import decode
from ingest.sources.kantata.source import source as kantata_source
from ingest.stage import Stage
from ingest.store import Store
from ingest.vault import Vault
from plumbing import embedded
from plumbing.warehouse import Warehouse

NAME = "bench"
DEFAULT = "dlt's default, dictionaries, insert_values"
PAGE = 200
BAR = 5.0
KEYS = Keys.derive("0" * 64)


def entries(count: int) -> Iterator[dict[str, Any]]:
    """Time entries with the fields that Kantata gives."""
    start = datetime(2026, 8, 1, tzinfo=UTC)
    for number in range(count):
        stamp = (start + timedelta(seconds=number)).isoformat().replace("+00:00", "Z")
        yield {
            "id": str(900_000_000 + number),
            "date_performed": (start + timedelta(days=number % 84)).date().isoformat(),
            "time_in_minutes": 60 + number % 420,
            "billable": number % 5 != 0,
            "approved": number % 3 != 0,
            "is_invoiced": False,
            "taxable": False,
            "notes": f"Working session {number} with the client's team",
            "rate_in_cents": 18_500,
            "cost_rate_in_cents": None,
            "currency": "USD",
            "currency_base_unit": 100,
            "currency_symbol": "$",
            "location": None,
            "created_at": stamp,
            "updated_at": stamp,
            "user_id": str(12_000_000 + number % 700),
            "workspace_id": str(42_000_000 + number % 300),
            "story_id": str(72_000_000 + number % 1500),
            "role_id": str(65_000 + number % 8),
            "invoice_id": None,
            "active_submission_id": str(3_000_000 + number // 12),
            "recent_submission_id": str(3_000_000 + number // 12),
            "external_reference_ids": [],
        }


def pages(count: int) -> Iterator[Page]:
    """The same entries in pages as the API gives them."""
    page: list[dict[str, Any]] = []
    for entry in entries(count):
        page.append(entry)
        if len(page) == PAGE:
            yield Page(page)
            page = []
    if page:
        yield Page(page)


class NoVault:
    """Keeps nothing; for rows that are made before the clock runs."""

    def keep(self, secrets: Any) -> None:
        """Nothing."""


def staged_tables(count: int) -> list[Any]:
    """The Arrow tables that our path stages."""
    now = datetime.now(UTC)
    shaper = Shaper(decode.TIME_ENTRIES, NAME, KEYS)
    reading = Reading(shaper, "ready", lambda: now, NoVault(), is_listing=False)  # type: ignore[arg-type]
    return list(reading.tables(pages(count)))


def plain_copy(warehouse: Warehouse, rows: list[dict[str, Any]]) -> None:
    """The stage's columns by COPY, from tuples."""
    columns = ", ".join(rows[0])
    with warehouse.connect(None) as connection:
        connection.execute(
            "create table if not exists public.plain (seq bigint, source_id text, source_version timestamptz,"
            " read_started_at timestamptz, load_id text, is_deleted boolean, content_hash text, record text)"
        )
        connection.execute("truncate public.plain")
        with connection.cursor() as cursor, cursor.copy(f"copy public.plain ({columns}) from stdin") as copy:
            for row in rows:
                copy.write_row(tuple(row.values()))
        connection.commit()


def dlt_default(warehouse: Warehouse, folder: Path, name: str, rows: Any) -> None:
    """Dictionaries as they are, insert_values."""
    from dlt.destinations import postgres

    quiet_dlt.enter(folder)
    pipeline = dlt.pipeline(
        pipeline_name="default",
        pipelines_dir=str(folder),
        destination=postgres(quiet_dlt.address(warehouse.url())),
        dataset_name="dlt_default",
    )
    pipeline.run(dlt.resource(rows, name=name, write_disposition="replace"), loader_file_format="insert_values")


class OurPath:
    """The landing path without HTTP."""

    def __init__(self, warehouse: Warehouse, home: Path) -> None:
        self._session = warehouse.connect("load", autocommit=True)
        self._store = Store(self._session, NAME)
        self._store.declare("kantata", [decode.TIME_ENTRIES])
        self._stage = Stage(NAME, warehouse.url("load"), home)

    def stage(self, tables: Iterable[Any]) -> None:
        """Stage what is ready."""
        self._stage.load(kantata_source(lambda _resource: iter(tables)), decode.TIME_ENTRIES)

    def land(self, count: int) -> int:
        """Read, shape, stage, append, keep the book; how many versions were new."""
        load_id = uuid.uuid4().hex
        shaper = Shaper(decode.TIME_ENTRIES, NAME, KEYS)
        reading = Reading(shaper, load_id, self._store.now, Vault(self._session, KEYS), is_listing=False)
        self._store.begin(load_id, "time_entries", None, "listing")
        self.stage(reading.tables(pages(count)))
        with self._session.transaction():
            appended = self._store.append("time_entries", load_id)
            self._store.finish(
                load_id,
                "time_entries",
                rows_read=reading.rows_read,
                appended=appended,
                quarantined=0,
                minutes=reading.minutes,
                cursor="end",
            )
        return appended.landed

    def forget(self, warehouse: Warehouse) -> None:
        """Empty the vault and the log, so that the next landing is a first one."""
        with warehouse.connect(None, autocommit=True) as owner:
            owner.execute(
                "truncate raw_bench.time_entries, vault.personal_value, vault.person_key, landing.neighbourhood"
            )

    def close(self) -> None:
        self._stage.close()
        self._session.close()


def timed(label: str, count: int, run: Callable[[], Any]) -> float:
    """Rows a second."""
    gc.collect()
    began = time.perf_counter()
    run()
    rate = count / (time.perf_counter() - began)
    print(f"  {label:<44}{rate:>12,.0f} rows/s", flush=True)
    return rate


def measure_loader(warehouse: Warehouse, folder: Path, ours: OurPath, count: int) -> tuple[float, float]:
    """The loader alone: how many times dlt's default it is, and plain COPY's rate."""
    tables = staged_tables(count)
    rows = [row for table in tables for row in table.to_pylist()]
    dlt_default(warehouse, folder, "warm_up", rows[:100])
    print(f"the loader alone, {count:,} rows that are ready:")
    copy = timed("plain COPY", count, lambda: plain_copy(warehouse, rows))
    default = timed(DEFAULT, count, lambda: dlt_default(warehouse, folder, "staged", rows))
    stage = timed("our stage, Arrow through ADBC", count, lambda: ours.stage(tables))
    print(f"  our stage is {stage / default:.1f} times dlt's default, and {stage / copy:.0%} of plain COPY\n")
    return stage / default, copy


def measure_path(warehouse: Warehouse, folder: Path, ours: OurPath, count: int, copy: float) -> None:
    """Everything that landing does."""
    print("everything, from the API's dictionaries:")
    whole = timed(DEFAULT, count, lambda: dlt_default(warehouse, folder, "entries", entries(count)))
    path = timed("our path", count, lambda: ours.land(count))
    again = timed("our path again, nothing new", count, lambda: ours.land(count))
    print(f"  our path is {path / whole:.1f} times dlt's default, {again / whole:.1f} times when nothing is new;")
    print(f"  it is {path / copy:.0%} of plain COPY, which checks, tokenises, hashes and versions nothing either")


def measure(count: int, home: Path) -> bool:
    """Every contender in turn, and the ratios; whether the loader meets its bar."""
    warehouse = Warehouse(embedded.start(home / "warehouse").url())
    warehouse.migrate()
    ours = OurPath(warehouse, home)
    ours.land(100)  # imports and first tables are nobody's figure
    ours.forget(warehouse)
    folder = home / "dlt_default"
    ratio, copy = measure_loader(warehouse, folder, ours, count)
    measure_path(warehouse, folder, ours, count, copy)
    peak = system_resource.getrusage(system_resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak:,.0f} MiB")
    ours.close()
    return ratio >= BAR


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix="hourline-bench-") as folder:
        home = Path(folder)
        try:
            return 0 if measure(count, home) else 1
        finally:
            embedded.stop(home / "warehouse")


if __name__ == "__main__":
    raise SystemExit(main())
