"""dbt's own unit tests pass, and stand where they have to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from benchmarks.sql_mutations import MODELS

if TYPE_CHECKING:
    from tests.fixtures.sql_proofs import Proved

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("sql")]


def test_every_unit_test_of_the_project_ran_and_passed(proved: Proved) -> None:
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in PROJECT.rglob("*unit_tests.yml")]
    declared = {test["name"] for file in files for test in file["unit_tests"]}
    assert {proof.name for proof in proved.proofs} == declared


def test_every_model_that_decides_about_hours_or_money_has_a_unit_test(proved: Proved) -> None:
    decides = {
        path.stem
        for folder in ("intermediate/labor", "intermediate/billing", "sync")
        for path in (PROJECT / "models" / folder).rglob("*.sql")
    }
    assert decides <= {proof.model for proof in proved.proofs}
    assert decides <= set(MODELS), "a model that no fault is tried on"


def test_a_build_of_everything_leaves_the_unit_tests_out() -> None:
    selectors = yaml.safe_load((PROJECT / "selectors.yml").read_text(encoding="utf-8"))["selectors"]
    (nightly,) = [selector for selector in selectors if selector.get("default")]
    assert {"exclude": [{"method": "test_type", "value": "unit"}]} in nightly["definition"]["union"]
