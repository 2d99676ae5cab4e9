"""What stands in the warehouse is described, and every writer is declared as what reads it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from tests.fixtures.sql_proofs import Proved

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("sql")]


def models(proved: Proved) -> list[dict[str, Any]]:
    return [node for node in proved.manifest["nodes"].values() if node["resource_type"] == "model"]


def test_every_column_that_a_relation_has_is_described(proved: Proved) -> None:
    with psycopg.connect(proved.url) as connection:
        standing = connection.execute(
            "select table_schema, table_name, column_name from information_schema.columns "
            "where table_schema in ('staging', 'intermediate', 'canonical', 'sync', 'marts')"
        ).fetchall()
    described = {
        (node["schema"], node["alias"], column["name"])
        for node in models(proved)
        for column in node["columns"].values()
        if column["description"].strip()
    }
    assert set(standing) == described


def test_the_first_sentence_of_a_model_says_its_grain(proved: Proved) -> None:
    assert [
        node["name"] for node in models(proved) if "one row " not in node["description"].lower().split(". ")[0]
    ] == []


def test_sync_views_and_marts_are_held_to_their_contract(proved: Proved) -> None:
    assert [
        node["name"]
        for node in models(proved)
        if node["schema"] in {"sync", "marts"} and not node["config"]["contract"]["enforced"]
    ] == []


def test_every_writer_is_an_exposure_of_the_view_it_reads(proved: Proved) -> None:
    writers = {
        path.parent.name
        for role in ("erp", "payroll", "psa")
        for path in (ROOT / "reverse_etl" / role).glob("*/writer.py")
    }
    exposures = {one["name"]: one for one in proved.manifest["exposures"].values() if one["type"] == "application"}
    assert writers <= set(exposures)
    for name in writers:
        assert exposures[name]["owner"]["name"]
        assert any(node.startswith("model.hourline.sync_") for node in exposures[name]["depends_on"]["nodes"])
