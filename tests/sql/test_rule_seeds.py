"""A rule file becomes the rule table in one step: new, changed and withdrawn rules together, and never an empty table."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.sql.conftest import ROOT, Dbt

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("sql")]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, whose seeds a test may edit."""
    copy = tmp_path / "dbt_project"
    shutil.copytree(ROOT / "dbt_project", copy, ignore=shutil.ignore_patterns("target", "logs"))
    return copy


@pytest.fixture
def restored(dbt: Dbt) -> Any:
    """The project's own rules stand again afterwards."""
    yield
    assert dbt("seed").returncode == 0


def write(project: Path, seed: str, *lines: str) -> None:
    (project / "seeds" / f"{seed}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_rules_are_added_changed_and_withdrawn_by_key(
    restored: None, owner: psycopg.Connection[Any], dbt: Dbt, project: Path
) -> None:
    kept = owner.execute("select ctid from rule.owner_team where reason = 'rate missing'").fetchone()
    write(
        project,
        "owner_team",
        "reason,owner",
        "rate missing,billing operations",
        "period closed,the chief's desk",
        "a new reason,somebody",
    )
    assert dbt("seed", "--select", "owner_team", project=project).returncode == 0
    assert owner.execute("select reason, owner from rule.owner_team order by 1").fetchall() == [
        ("a new reason", "somebody"), ("period closed", "the chief's desk"), ("rate missing", "billing operations"),
    ]  # fmt: skip
    assert owner.execute("select ctid from rule.owner_team where reason = 'rate missing'").fetchone() == kept


def test_a_number_in_a_rule_stays_the_text_it_is(
    restored: None, owner: psycopg.Connection[Any], dbt: Dbt, project: Path
) -> None:
    write(
        project, "xref_decision", "entity,source_system,source_id,target_system,target_id,decided_by,decided_at,note",
        "consultant,kantata,0011,workday,00101,ann@example.com,2026-10-01T09:00:00Z,",
    )  # fmt: skip
    assert dbt("seed", "--select", "xref_decision", project=project).returncode == 0
    assert owner.execute("select source_id, target_id, note from rule.xref_decision").fetchall() == [
        ("0011", "00101", "")
    ]


def test_an_empty_cell_of_a_key_means_any(
    restored: None, owner: psycopg.Connection[Any], dbt: Dbt, project: Path
) -> None:
    write(project, "policy", "name,legal_entity,value", "max_minutes_per_day,,600", "max_minutes_per_day,UK,480")
    for _ in range(2):
        assert dbt("seed", "--select", "policy", project=project).returncode == 0
    assert owner.execute("select name, legal_entity, value from rule.policy order by 2").fetchall() == [
        ("max_minutes_per_day", "", 600), ("max_minutes_per_day", "UK", 480),
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*does not match the name of any column in this")  # agate's word, before ours
def test_a_file_without_one_of_its_columns_is_refused_and_the_old_rules_stand(
    restored: None, owner: psycopg.Connection[Any], dbt: Dbt, project: Path
) -> None:
    before = owner.execute("select * from rule.routing order by 1, 2").fetchall()
    write(project, "routing", "legal_entity,role,destination", "US,erp,netsuite")
    loaded = dbt("seed", "--select", "routing", project=project)
    assert loaded.returncode != 0
    assert "these differ: valid_from. The rules loaded before stay in force." in " ".join(loaded.stdout.split())
    assert owner.execute("select * from rule.routing order by 1, 2").fetchall() == before


def test_a_value_that_does_not_fit_is_refused_and_the_old_rules_stand(
    restored: None, owner: psycopg.Connection[Any], dbt: Dbt, project: Path
) -> None:
    before = owner.execute("select * from rule.go_live order by 1, 2").fetchall()
    write(project, "go_live", "legal_entity,destination,go_live_date", "US,netsuite,soon")
    loaded = dbt("seed", "--select", "go_live", project=project)
    assert loaded.returncode != 0
    assert 'invalid input syntax for type date: "soon"' in loaded.stdout
    assert owner.execute("select * from rule.go_live order by 1, 2").fetchall() == before
