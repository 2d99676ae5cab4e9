"""A ledger over sync views that are written by hand, on a warehouse of its own, gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg.rows import dict_row
from pydantic import SecretStr

from plumbing import embedded
from plumbing.settings import load
from plumbing.warehouse import Warehouse
from reverse_etl import destinations
from tests.faults.ledger import make_relations
from tests.fixtures.ledger import Desk


@contextmanager
def opened() -> Iterator[Desk]:
    """A desk; its settings name the folder and the warehouse."""
    with tempfile.TemporaryDirectory(prefix="hourline-bench-") as folder:
        home = Path(folder)
        try:
            url = embedded.start(home / "warehouse").url()
            settings = replace(load(home), warehouse_url=SecretStr(url))
            Warehouse.open(settings).migrate()
            make_relations(settings)
            engine = destinations.engine(settings, "deliver")
            with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
                yield Desk(settings, connection, engine, run="bench")
            engine.dispose()
        finally:
            embedded.stop(home / "warehouse")
