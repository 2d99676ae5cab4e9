"""A warehouse with the models built on it: made once a test process, copied for each test module."""

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from pydantic import SecretStr

from plumbing import settings as env
from plumbing.settings import Settings, load
from plumbing.warehouse import Warehouse
from tests.fixtures.postgres import copied
from tests.sql.hand_made import Firm, ensure_raw

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ran:
    """How a dbt command ended, and what it printed."""

    returncode: int
    stdout: str


Dbt = Callable[..., Ran]


def dbt_on(warehouse: Warehouse, target: Path) -> Dbt:
    """Runs dbt on a warehouse, in this process, as the product does; `project` is another copy of the project."""

    def run(*arguments: str, project: Path = ROOT / "dbt_project") -> Ran:
        from dbt.cli.main import dbtRunner

        said = io.StringIO()
        with env.exported(warehouse.dbt_environment()), contextlib.redirect_stdout(said):
            ended = dbtRunner().invoke([
                *arguments, "--project-dir", str(project), "--profiles-dir", str(ROOT / "profiles"),
                "--target-path", str(target), "--log-path", str(target / "logs"), "--no-use-colors",
                "--no-send-anonymous-usage-stats",
            ])  # fmt: skip
        return Ran(0 if ended.success else 1, f"{said.getvalue()}{ended.exception or ''}")

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
