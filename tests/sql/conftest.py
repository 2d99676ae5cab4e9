"""A warehouse with the models built on it: made once a test process, copied for each test module."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from pydantic import SecretStr

from plumbing.settings import Settings, load
from plumbing.warehouse import Warehouse
from tests.fixtures.postgres import copied
from tests.sql.hand_made import Firm, ensure_raw

ROOT = Path(__file__).resolve().parents[2]
Dbt = Callable[..., subprocess.CompletedProcess[str]]


def dbt_on(warehouse: Warehouse, target: Path) -> Dbt:
    """Runs dbt on a warehouse; `project` is another copy of the project. Returns what it printed."""

    def run(*arguments: str, project: Path = ROOT / "dbt_project") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable, "-m", "dbt.cli.main", *arguments, "--project-dir", str(project), "--profiles-dir", str(ROOT / "profiles"),
                "--target-path", str(target), "--log-path", str(target / "logs"), "--no-use-colors",
            ],
            env={**os.environ, **warehouse.dbt_environment()},
            capture_output=True, text=True, timeout=540,
        )  # fmt: skip

    return run


@pytest.fixture(scope="session")
def deployed(server_url: str, migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name of a database with the models as deployed: seeds and views, on empty landing tables."""
    with copied(server_url, migrated) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            ensure_raw(connection)
        dbt = dbt_on(Warehouse(url), tmp_path_factory.mktemp("dbt"))
        built = dbt("build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
        assert built.returncode == 0, built.stdout
        yield urlsplit(url).path.strip("/")


@pytest.fixture(scope="module")
def settings(server_url: str, deployed: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings without connections, on a copy of the warehouse with the models."""
    with copied(server_url, deployed) as url:
        yield replace(load(tmp_path_factory.mktemp("home")), warehouse_url=SecretStr(url))


@pytest.fixture(scope="module")
def dbt(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    """dbt on the module's warehouse."""
    return dbt_on(warehouse, tmp_path_factory.mktemp("dbt"))


@pytest.fixture(scope="module")
def owner(warehouse: Warehouse) -> Iterator[psycopg.Connection[Any]]:
    """A connection that may write everything, in autocommit: for what landing and the engine would have written."""
    with psycopg.connect(warehouse.url(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def hand_made(owner: psycopg.Connection[Any]) -> Iterator[Firm]:
    """The hand-made firm, fresh for every test."""
    made = Firm(owner)
    made.start()
    yield made
    made.clear()
