"""Each sync, declared as data: where its rows come from, what of them is material, and what may be done with them.

Adding a sync is a view in schema ``sync`` (docs/architecture.md, section 5) and a declaration here. The writer comes from
the destination's connection: its system's folder under ``reverse_etl/<kind>``.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from plumbing.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Sync:
    """One flow of rows out of the warehouse.

    Attributes:
        kind: folder of its writers: ``erp``, ``payroll`` or ``psa``.
        entity: what a writer is asked to write, and the field map's entity.
        relation: the sync view.
        contracts: material fields by contract version; versions are never edited once sent under, only added.
        operations: what may be done at a destination at all; the writer may be able to do less.
        subject_field: the material field that names whom a row is about (a project, a person): one whose every call ends in
            trouble is put off, and the others go on.
        size_fields: material fields that say only how much of the same it is: a change of these alone can be adjusted for.
        batch_limit: most intents claimed at once by one worker.
        max_attempts: tries of one intent before it is parked for a person.
        mass_change_share, mass_change_minimum: a plan that amends or takes back more than this share of what is settled, and at
            least this many, asks first; ``rule.policy`` overrides both.
        reversal_tolerance_minutes: what is billed, or in a closed period, and touches no more than this is reversed and posted
            again unasked, where the vendor's means is confirmed; ``rule.policy`` overrides it, by entity.
        closed_periods_back: how many closed periods back a correction may reach; ``rule.policy`` overrides it, by entity.
        re_approval_reasons: hold reasons under which a settled hour stays due at its settled value.
        configuration_rules: not-due rules that come from configuration, and never take back what is posted.
        default_owner: the team that owns a trouble no rule assigns.
    """

    name: str
    kind: str
    entity: str
    relation: str
    contracts: Mapping[int, tuple[str, ...]]
    default_owner: str
    subject_field: str
    operations: frozenset[str] = frozenset({"create", "amend", "delete", "reverse", "adjust"})
    size_fields: frozenset[str] = frozenset({"minutes"})
    batch_limit: int = 1024
    max_attempts: int = 8
    mass_change_share: str = "0.2"
    mass_change_minimum: int = 50
    reversal_tolerance_minutes: str = "480"
    closed_periods_back: int = 2
    re_approval_reasons: frozenset[str] = frozenset({"re-approval"})
    configuration_rules: frozenset[str] = frozenset({"no_destination", "before_go_live"})

    @property
    def contract_version(self) -> int:
        """The version under which new revisions are sent."""
        return max(self.contracts)

    @property
    def material_fields(self) -> tuple[str, ...]:
        """The fields of the present contract version."""
        return self.contracts[self.contract_version]


_DECLARED = (
    Sync(
        name="erp_labor",
        kind="erp",
        entity="labor",
        relation="sync.sync_erp__labor",
        contracts={
            1: (
                "employee_ref",
                "project_ref",
                "task_ref",
                "item_ref",
                "work_date",
                "minutes",
                "is_billable",
                "rate",
                "currency",
            )
        },
        default_owner="billing operations",
        subject_field="project_ref",
    ),
    Sync(
        name="payroll_hours",
        kind="payroll",
        entity="hours",
        relation="sync.sync_payroll__hours",
        contracts={1: ("employee_ref", "job_ref", "work_date", "time_zone", "entries")},
        size_fields=frozenset({"entries"}),
        default_owner="payroll operations",
        subject_field="employee_ref",
    ),
    Sync(
        name="psa_invoice_status",
        kind="psa",
        entity="invoice_status",
        relation="sync.sync_psa__invoice_status",
        contracts={1: ("subject_id", "invoice_ref", "invoice_number", "status", "external_status")},
        operations=frozenset({"create", "amend"}),
        default_owner="billing operations",
        subject_field="invoice_ref",
    ),
)

SYNCS: Mapping[str, Sync] = MappingProxyType({sync.name: sync for sync in _DECLARED})


def named(name: str) -> Sync:
    """The sync of that name.

    Raises:
        Misconfigured: there is none; the sentence names those that exist.
    """
    if name in SYNCS:
        return SYNCS[name]
    raise Misconfigured(f"There is no sync {name!r}; there are {', '.join(SYNCS)}.", remedy="Use one of these names.")
