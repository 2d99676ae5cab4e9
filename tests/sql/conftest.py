"""A warehouse with the models built on it, made once a test module."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from plumbing.warehouse import Warehouse
from tests.sql.hand_made import Firm, ensure_raw

ROOT = Path(__file__).resolve().parents[2]
Dbt = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def dbt(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    """Runs dbt on the module's warehouse; `project` is another copy of the project. Returns what it printed."""
    target = tmp_path_factory.mktemp("dbt")

    def run(*arguments: str, project: Path = ROOT / "dbt_project") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable, "-m", "dbt.cli.main", *arguments, "--project-dir", str(project), "--profiles-dir", str(ROOT / "profiles"),
                "--target-path", str(target), "--log-path", str(target / "logs"), "--no-use-colors",
            ],
            env={**os.environ, **warehouse.dbt_environment()},
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def owner(warehouse: Warehouse) -> Iterator[psycopg.Connection[Any]]:
    """A connection that may write everything, in autocommit: for what landing and the engine would have written."""
    with psycopg.connect(warehouse.url(), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def models(dbt: Dbt, owner: psycopg.Connection[Any]) -> None:
    """The models as deployed: seeds and views, on empty landing tables."""
    ensure_raw(owner)
    built = dbt("build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
    assert built.returncode == 0, built.stdout


@pytest.fixture
def hand_made(models: None, owner: psycopg.Connection[Any]) -> Iterator[Firm]:
    """The hand-made firm, fresh for every test."""
    made = Firm(owner)
    made.start()
    yield made
    made.clear()
