"""The rule files have the columns that the seeds have, and say what the firm is."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from simulators.firm.rules import write_rules

if TYPE_CHECKING:
    from pathlib import Path

    from simulators.firm.model import World


def read(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_seed_of_the_contract_is_written_with_its_columns(world: World, tmp_path: Path) -> None:
    write_rules(world, tmp_path)
    heads = {path.stem: path.read_text(encoding="utf-8").splitlines()[0] for path in tmp_path.iterdir()}
    assert heads == {
        "legal_entity": "legal_entity,name,region,functional_currency,time_zone,hr_company_code,erp_subsidiary_name",
        "routing": "legal_entity,role,destination,valid_from",
        "go_live": "legal_entity,destination,go_live_date",
        "work_type_map": "source_system,match_on,match_value,work_type,is_leave,erp_item_code",
        "billing_policy": "billing_type,is_due_to_erp,posts_as_billable",
        "field_map": "destination,entity,vendor_field,value_kind,value,value_type",
        "xref_decision": "entity,source_system,source_id,target_system,target_id,decided_by,decided_at,note",
        "owner_team": "reason,owner",
        "policy": "name,legal_entity,value",
    }


def test_rules_say_what_the_firm_is(world: World, tmp_path: Path) -> None:
    write_rules(world, tmp_path)
    assert [row["hr_company_code"] for row in read(tmp_path, "legal_entity")] == ["US01", "UK01", "DE01"]
    assert [row["legal_entity"] for row in read(tmp_path, "routing") if row["role"] == "payroll"] == ["US"]
    assert {row["go_live_date"] for row in read(tmp_path, "go_live")} == {world.go_live.isoformat()}
    mapped = {row["match_value"] for row in read(tmp_path, "work_type_map") if row["match_on"] == "role_name"}
    assert {role.name for role in world.roles.values()} <= mapped


def test_every_reason_of_the_truth_has_an_owner(world: World, tmp_path: Path) -> None:
    write_rules(world, tmp_path)
    owned = {row["reason"] for row in read(tmp_path, "owner_team")}
    held = {r[sync]["reason"] for r in world.truth() for sync in ("erp", "payroll") if r[sync]["state"] == "held"}
    assert held <= owned
