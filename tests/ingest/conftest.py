"""Fixtures of the landing tests: a migrated warehouse that is emptied of a connection's rows before each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

import ingest
from plumbing.settings import Connection, Settings
from tests.ingest.kantata_script import TOKEN, KantataScript
from tests.ingest.landed_firm import landed  # noqa: F401  a fixture of two modules
from tests.ingest.scripted import Script, serving


@dataclass
class Landing:
    """A connection to a scripted vendor, and the warehouse it lands in."""

    settings: Settings
    connection: str
    script: Any

    def land(self, *resources: str, **options: Any) -> ingest.LoadReport:
        """Land these resources, or all."""
        return ingest.land(self.settings, self.connection, resources=resources or None, **options)

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the warehouse as its owner."""
        assert self.settings.warehouse_url is not None
        with psycopg.connect(self.settings.warehouse_url.get_secret_value(), autocommit=True) as session:
            cursor = session.execute(statement, values)
            return cursor.fetchall() if cursor.description else []


_COUNTER = iter(range(10_000))


@contextmanager
def landing_of(
    settings: Settings, system: str, script: Script, path: str, options: Any, secrets: Any
) -> Iterator[Landing]:
    """A connection of its own name, so that tests of one module do not meet."""
    name = f"{system}_{next(_COUNTER)}"
    with serving(script) as address:
        connection = Connection(
            name=name,
            system=system,
            base_url=f"{address}{path}",
            options=options,
            secrets={key: SecretStr(value) for key, value in secrets.items()},
        )
        yield Landing(replace(settings, connections={name: connection}), name, script)


@pytest.fixture
def kantata(settings: Settings) -> Iterator[Landing]:
    """A scripted Kantata without records."""
    with landing_of(settings, "kantata", KantataScript(), "/api/v1", {"account_id": "1"}, {"token": TOKEN}) as landing:
        yield landing
