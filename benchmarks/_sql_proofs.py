"""The unit tests of the dbt project as plain SQL: fixtures, the model's text over them, and the columns they look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from flows.dbt import PROFILES, PROJECT
from ingest import resources, sources
from plumbing import settings as env
from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

    from plumbing.settings import Settings


class NotProvedError(RuntimeError):
    """A model or a unit test fails as it stands."""


@dataclass(frozen=True)
class Proof:
    """One unit test that passes."""

    name: str
    model: str
    body: str  # the model's SQL, over the names of the fixtures
    fixtures: dict[str, str]
    columns: tuple[str, ...]  # those that the test expects something of


def build(settings: Settings) -> None:
    """Builds every model on a migrated warehouse, without data.

    Raises:
        NotProvedError: a model can't be built.
    """
    warehouse = Warehouse.open(settings)
    with psycopg.connect(warehouse.url(), autocommit=True) as connection:
        for system in sources.systems():
            for resource in resources(system):
                connection.execute("select landing.ensure_raw(%s, %s)", (system, resource))
    _dbt(settings, ["run"])


def build_and_prove(settings: Settings) -> list[Proof]:
    """Builds every model on a migrated warehouse, without data, and runs all unit tests.

    Raises:
        NotProvedError: a model can't be built, or a test fails: no fault can be told from it.
    """
    build(settings)
    results = _dbt(settings, ["test", "--select", "test_type:unit"])
    return [_proof(result.node) for result in results if hasattr(result.node, "tested_node_unique_id")]


def target_of(settings: Settings) -> Path:
    """Where dbt leaves its manifest."""
    return settings.home / "dbt"


def _dbt(settings: Settings, command: list[str]) -> list[Any]:
    from dbt.cli.main import dbtRunner

    with env.exported(Warehouse.open(settings).dbt_environment() | {"HOURLINE_RULES_DIR": str(PROJECT / "seeds")}):
        outcome = dbtRunner().invoke([
            *command, "--project-dir", str(PROJECT), "--profiles-dir", str(PROFILES), "--target-path", str(target_of(settings)),
            "--log-path", str(settings.home / "logs"), "--no-send-anonymous-usage-stats", "--no-version-check", "--quiet", "--threads", "2",
        ])  # fmt: skip
    if outcome.exception is not None:
        raise NotProvedError(f"dbt {command[0]} could not run: {outcome.exception}")
    results = list(getattr(outcome.result, "results", []))
    if bad := [
        f"{one.node.name}: {one.message}" for one in results if str(one.status) not in {"success", "pass", "skipped"}
    ]:
        raise NotProvedError(f"dbt {command[0]} failed: {'; '.join(bad)}")
    return results


def _proof(node: Any) -> Proof:
    """dbt writes `with <fixtures> <model>`; the fixtures are kept apart as well, in the same letters."""
    fixtures = {}
    for cte in node.extra_ctes:
        head, _, rest = cte.sql.partition(" as (")
        fixtures[head.strip()] = rest.rstrip().removesuffix(")")
    body = node.compiled_code.split(node.extra_ctes[-1].sql, 1)[1]
    return Proof(
        name=node.name,
        model=node.tested_node_unique_id.split(".")[-1],
        body=body,
        fixtures=fixtures,
        columns=tuple(node.config.expected_rows[0]),
    )
