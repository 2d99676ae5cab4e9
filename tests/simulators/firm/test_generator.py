"""The firm is the one that was asked for, with all the mess of life in it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

import pytest

from simulators.firm.generator import build
from simulators.firm.ids import with_case_suffix
from simulators.firm.mess import RATES
from simulators.firm.truth import find_duplicates, find_long_days
from tests.simulators.firm.conftest import AS_OF

if TYPE_CHECKING:
    from simulators.firm.model import World


def open_entries(world: World) -> int:
    return world.entries.count("work_date >= ?", (world.go_live.isoformat(),))


def test_same_seed_gives_the_same_firm_and_another_seed_another() -> None:
    first, again, other = build(3, 400, AS_OF), build(3, 400, AS_OF), build(4, 400, AS_OF)
    assert list(first.entries.iterate()) == list(again.entries.iterate())
    assert list(first.erp_history.iterate()) == list(again.erp_history.iterate())
    assert (first.consultants, first.projects, first.rate_entries) == (
        again.consultants,
        again.projects,
        again.rate_entries,
    )
    assert list(first.truth()) == list(again.truth())
    assert list(first.entries.iterate()) != list(other.entries.iterate())


@pytest.mark.parametrize("entries", [200, 1_000, 5_003])
def test_size_counts_the_open_entries(entries: int) -> None:
    assert open_entries(build(5, entries, AS_OF)) == entries


@pytest.mark.parametrize("as_of", [date(2025, 3, 5), date(2027, 1, 1), date(2028, 2, 29)])
def test_firm_can_be_made_for_any_day(as_of: date) -> None:
    world = build(7, 600, as_of)
    assert (world.go_live.weekday(), 84 <= (as_of - world.go_live).days < 91) == (0, True)
    assert (
        world.entries.count("work_date > ? or created_at > ?", (as_of.isoformat(), int(world.clock.now().timestamp())))
        == 0
    )
    assert {row["erp"]["state"] for row in world.truth()} == {"present", "held", "not_due", "not_approved", "void"}


def test_impossible_size_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="at least one time entry, not 0"):
        build(7, 0, AS_OF)


def test_every_kind_of_mess_is_there(any_firm: World) -> None:
    traits: Counter[str] = Counter()
    reasons: Counter[tuple[str, str, str | None]] = Counter()
    for row in any_firm.truth():
        traits.update(row["traits"])
        for sync in ("erp", "payroll"):
            reasons[sync, row[sync]["state"], row[sync]["reason"]] += 1
    assert set(RATES) | {"dst_day"} <= set(traits)
    assert {reason for sync, state, reason in reasons if (sync, state) == ("erp", "held")} == {
        "day total over limit", "legal entity unresolved", "period closed", "project closed", "project deleted",
        "rate missing", "unknown employee", "unknown work type",
    }  # fmt: skip
    assert {reason for sync, state, reason in reasons if (sync, state) == ("payroll", "held")} == {
        "day total over limit", "legal entity unresolved", "period closed",
    }  # fmt: skip
    not_due = {(sync, reason) for sync, state, reason in reasons if state == "not_due"}
    assert not_due == {
        ("erp", "leave"), ("erp", "non_billable"), ("erp", "before_go_live"), ("payroll", "leave"),
        ("payroll", "subcontractor"), ("payroll", "no_destination"), ("payroll", "before_go_live"),
    }  # fmt: skip
    assert {reason for _sync, state, reason in reasons if state == "void"} == {
        "deleted", "duplicate", "rejected", "cancelled",
    }  # fmt: skip
    assert reasons["erp", "present", None] > 900
    assert reasons["payroll", "present", None] > 300


def test_masters_hold_their_peculiarities(any_firm: World) -> None:
    people, projects = any_firm.consultants.values(), any_firm.projects.values()
    assert sum(c.netsuite_employee_id is None for c in people) == 1
    assert sum(c.hr_id is None for c in people) == 1
    assert any(c.hr_id not in {None, c.number} for c in people)
    assert any(c.kantata_reference is None and c.hr_id is not None for c in people)
    assert any(not c.full_name.isascii() for c in people)
    assert {c.is_subcontractor for c in people} == {True, False}
    assert any(p.is_archived for p in projects)
    assert any(p.is_deleted for p in projects)
    assert any(p.kind == "client" and not p.requires_approval for p in projects)
    assert any(p.erp_status == "Closed" and p.psa_status == "Active" for p in projects)
    assert any(c.parent_number for c in any_firm.customers.values())
    assert {c.billing_type for c in any_firm.contracts.values()} == {"Time and Materials", "Fixed Fee", "Retainer"}
    assert {e.currency for e in any_firm.entities.values()} == {"USD", "GBP", "EUR"}
    assert {p.status for p in any_firm.payrolls.values()} == {"processed", "unprocessed"}
    for entity in any_firm.entities:
        assert any(c.entity == entity for c in people)
        assert any(p.entity == entity and p.kind == "client" for p in projects)


def test_peculiar_projects_have_approved_hours(any_firm: World) -> None:
    for project in any_firm.projects.values():
        peculiar = project.is_archived or project.is_deleted or project.erp_status == "Closed"
        if peculiar or (project.kind == "client" and not project.requires_approval):
            assert any_firm.entries.count(
                "workspace_id = ? and state = 'approved' and work_date >= ?",
                (int(project.kantata_workspace_id), any_firm.go_live.isoformat()),
            ), project


def test_duplicates_and_long_days_are_only_those_that_were_made(any_firm: World) -> None:
    made = {e.entry_id for e in any_firm.entries.iterate("traits like '%duplicate'")}
    assert find_duplicates(any_firm) == made
    long = {(e.user_id, e.work_date) for e in any_firm.entries.iterate("traits like '%overlong_day%'")}
    assert find_long_days(any_firm, made) == long
    totals = {
        any_firm.entries.value("select sum(minutes) from entries where user_id = ? and work_date = ?", (user, str(day)))
        for user, day in long
    }
    assert totals == {26 * 60}


def test_hours_hang_together(any_firm: World) -> None:
    """An entry's submission is its person's, its project's and its week's; its state follows it."""
    status = {"approved": "approved", "submitted": "pending", "rejected": "rejected", "cancelled": "cancelled"}
    stories = {p.kantata_workspace_id: {s.kantata_story_id for s in p.phases} for p in any_firm.projects.values()}
    for entry in any_firm.entries.iterate():
        assert entry.minutes > 0
        assert str(entry.story_id) in stories[str(entry.workspace_id)]
        assert entry.created_at <= entry.updated_at
        project = any_firm.project_of_workspace(entry.workspace_id)
        assert project is not None
        submission = any_firm.submissions.get(entry.submission_id or 0)
        if submission is None:
            assert entry.state == "draft" or not project.requires_approval
            continue
        assert (submission.user_id, submission.workspace_id) == (entry.user_id, entry.workspace_id)
        assert submission.start_date <= entry.work_date <= submission.end_date
        assert submission.status == status[entry.state]


def test_people_with_equal_addresses_or_ids_do_not_exist(any_firm: World) -> None:
    people = list(any_firm.consultants.values())
    for ids in (
        [c.email for c in people],
        [c.kantata_user_id for c in people],
        [c.netsuite_employee_id for c in people if c.netsuite_employee_id],
        [p.kantata_workspace_id for p in any_firm.projects.values()],
        [s.kantata_story_id for p in any_firm.projects.values() for s in p.phases],
        [r.salesforce_entry_id for r in any_firm.rate_entries.values()],
    ):
        assert len(ids) == len(set(ids))
    assert all(c.email.isascii() for c in people)


def test_last_years_hours_stand_in_the_erp_but_for_a_few(any_firm: World) -> None:
    history = list(any_firm.erp_history.iterate())
    matched = [row for row in history if row.entry_id is not None]
    assert 0 < len(history) - len(matched) < len(history) * 0.1
    assert all(row.work_date < any_firm.go_live for row in history)
    truth = {row["source_id"]: row["erp"] for row in any_firm.truth()}
    for row in matched:
        there = truth[str(row.entry_id)]
        assert (there["state"], there["adopted"], there["rate"]) == (
            "present", True, str(row.rate) if row.rate is not None else None,
        )  # fmt: skip


def test_salesforce_ids_carry_the_case_safe_suffix() -> None:
    assert with_case_suffix("001D000000IqhSL") == "001D000000IqhSLIAZ"


MEASURE = """
import tracemalloc
from datetime import date
from simulators.firm.generator import build
tracemalloc.start()
world = build(7, {entries}, date(2026, 11, 16))
for _ in world.truth():
    pass
print(tracemalloc.get_traced_memory()[1])
"""


def test_memory_does_not_grow_with_the_entries_but_for_the_masters() -> None:
    """An entry held in memory takes some 900 bytes; what grows here are people, projects and prices."""

    def peak(entries: int) -> int:
        code = MEASURE.format(entries=entries)
        return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)

    assert (peak(12_000) - peak(4_000)) / 8_000 < 300
