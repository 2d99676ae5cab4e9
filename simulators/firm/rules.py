"""The firm's rules as CSV files, in the columns that docs/architecture.md section 4 gives."""

from __future__ import annotations

import csv
from datetime import timedelta
from typing import TYPE_CHECKING

from simulators.firm.model import FIXED_FEE, RETAINER, TIME_AND_MATERIALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from simulators.firm.model import World

PSA, ERP, PAYROLL = "kantata", "netsuite", "gusto"
OWNERS = {
    "re-approval": "project managers",
    "legal entity unresolved": "people operations",
    "day total over limit": "project managers",
    "minutes out of range": "project managers",
    "project deleted": "project managers",
    "unknown employee": "people operations",
    "unknown project": "project accounting",
    "unknown phase": "project accounting",
    "unknown work type": "project accounting",
    "unknown billing type": "billing operations",
    "unknown currency": "finance systems",
    "rate missing": "billing operations",
    "period closed": "controllers",
    "project closed": "project accounting",
    "needs reversal": "billing operations",
    "on draft invoice": "billing operations",
    "no pay period": "payroll operations",
}
POLICIES = {
    "max_minutes_per_day": "1440",
    "reapproval_limit_days": "14",
    "mass_change_share": "0.2",
    "mass_change_minimum": "50",
    "max_entry_minutes": "1440",
}


def write_rules(world: World, folder: Path) -> None:
    """Writes every rule file; one that the firm leaves to the defaults has its head alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (columns, rows) in _tables(world).items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)


def _tables(world: World) -> dict[str, tuple[Sequence[str], Iterable[Sequence[str]]]]:
    entities = list(world.entities.values())
    paid = [e for e in entities if e.has_payroll]
    since = (world.go_live - timedelta(days=730)).isoformat()
    return {
        "legal_entity": (
            ("legal_entity", "name", "region", "functional_currency", "time_zone", "hr_company_code",
             "erp_subsidiary_name"),
            [(e.key, e.name, e.region, e.currency, e.time_zone, e.hr_company_code, e.subsidiary_name)
             for e in entities],
        ),
        "routing": (
            ("legal_entity", "role", "destination", "valid_from"),
            [(e.key, "erp", ERP, since) for e in entities] + [(e.key, "payroll", PAYROLL, since) for e in paid],
        ),
        "go_live": (
            ("legal_entity", "destination", "go_live_date"),
            [(e.key, ERP, e.go_live.isoformat()) for e in entities]
            + [(e.key, PAYROLL, e.go_live.isoformat()) for e in paid],
        ),
        "work_type_map": (
            ("source_system", "match_on", "match_value", "work_type", "is_leave", "erp_item_code"),
            [(r.source_system, r.match_on, r.match_value, r.work_type, _flag(r.is_leave), r.erp_item_code or "")
             for r in world.work_type_map],
        ),
        "billing_policy": (
            ("billing_type", "is_due_to_erp", "posts_as_billable"),
            [(TIME_AND_MATERIALS, "true", "true"), (FIXED_FEE, "true", "false"), (RETAINER, "true", "false"),
             ("Internal", "false", "false")],
        ),
        "field_map": (("destination", "entity", "vendor_field", "value_kind", "value", "value_type"), ()),
        "xref_decision": (
            ("entity", "source_system", "source_id", "target_system", "target_id", "decided_by", "decided_at", "note"),
            (),
        ),
        "owner_team": (("reason", "owner"), list(OWNERS.items())),
        "policy": (("name", "legal_entity", "value"), [(name, "", value) for name, value in POLICIES.items()]),
    }  # fmt: skip


def _flag(value: bool) -> str:
    return "true" if value else "false"
