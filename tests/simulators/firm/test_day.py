"""Each verb of a day of life moves just the truth that it must."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from simulators.firm.model import World


def truth(world: World) -> dict[str, dict[str, Any]]:
    return {row["source_id"]: row for row in world.truth()}


def moved(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {key for key in after if before.get(key) != after[key]}


def test_approving_makes_pending_hours_approved(world: World) -> None:
    before = truth(world)
    done = world.changes.perform("approve", {"count": 3})
    after = truth(world)
    assert len(done["submissions"]) == 3
    assert moved(before, after) == set(done["entries"])
    assert {before[e]["psa_state"] for e in done["entries"]} == {"pending"}
    assert {after[e]["psa_state"] for e in done["entries"]} == {"approved"}


def test_approving_does_not_touch_the_hours_stamp(world: World) -> None:
    stamps = {e.entry_id: e.updated_at for e in world.entries.iterate()}
    world.changes.perform("approve", {})
    assert {e.entry_id: e.updated_at for e in world.entries.iterate()} == stamps


def test_edited_hour_is_pending_and_remembers_what_was_approved(world: World) -> None:
    before = truth(world)
    (entry,) = world.changes.perform("edit", {"minutes": 75})["entries"]
    row = truth(world)[entry]
    assert (row["psa_state"], row["minutes"], row["erp"]) == (
        "pending",
        75,
        {"state": "not_approved", "reason": "re-approval"},
    )
    assert row["last_approved"]["minutes"] == before[entry]["minutes"]
    submission = world.submissions.get(world.entries.select("entry_id = ?", (int(entry),))[0].submission_id or 0)
    assert submission is not None
    world.changes.perform("approve", {"submission_ids": [submission.submission_id]})
    row = truth(world)[entry]
    assert (row["psa_state"], row["erp"]["state"], "last_approved" in row) == ("approved", "present", False)


def test_there_and_back_again_leaves_the_truth_as_it_was(world: World) -> None:
    before = truth(world)
    (entry,) = world.changes.perform("edit", {"minutes": 75, "approved": True})["entries"]
    assert truth(world)[entry]["minutes"] == 75
    world.changes.perform("edit", {"entry_ids": [entry], "minutes": before[entry]["minutes"], "approved": True})
    after = truth(world)
    assert (after[entry]["minutes"], after[entry]["erp"]) == (before[entry]["minutes"], before[entry]["erp"])


@pytest.mark.parametrize("status", ["cancelled", "rejected"])
def test_withdrawn_submission_takes_all_its_hours_along(world: World, status: str) -> None:
    before = truth(world)
    done = world.changes.perform("withdraw", {"status": status})
    after = truth(world)
    assert moved(before, after) >= set(done["entries"]) != set()
    for entry in done["entries"]:
        assert after[entry]["erp"] == after[entry]["payroll"] == {"state": "void", "reason": status}


def test_deleted_hour_is_void_everywhere(world: World) -> None:
    done = world.changes.perform("delete", {"count": 2})
    after = truth(world)
    assert [after[e]["erp"] for e in done["entries"]] == [{"state": "void", "reason": "deleted"}] * 2


def test_moved_hours_keep_their_minutes(world: World) -> None:
    before = truth(world)
    for verb, field in (("move_date", "work_date"), ("move_project", "project")):
        (entry,) = world.changes.perform(verb, {})["entries"]
        after = truth(world)[entry]
        assert after[field] != before[entry][field]
        assert (after["minutes"], after["erp"]["state"]) == (before[entry]["minutes"], "present")


def test_hour_entered_twice_is_a_duplicate(world: World) -> None:
    before = truth(world)
    (twin,) = world.changes.perform("duplicate", {})["entries"]
    after = truth(world)
    assert moved(before, after) == {twin}
    assert after[twin]["psa_state"] == "duplicate"


def test_closed_phase_holds_its_hours_until_it_is_opened(world: World) -> None:
    before = truth(world)
    closed = world.changes.perform("close_phase", {})
    held = [row for row in truth(world).values() if row["erp"]["reason"] == "project closed"]
    assert closed["phases"]
    assert len(held) > sum(row["erp"]["reason"] == "project closed" for row in before.values())
    world.changes.perform("open_phase", {"project": closed["project"]})
    assert truth(world) == before


def test_unknown_work_type_is_mended_by_its_item(world: World) -> None:
    done = world.changes.perform("new_work_type", {"count": 3})
    rows = truth(world)
    assert [rows[e]["erp"]["reason"] for e in done["entries"]] == ["unknown work type"] * 3
    world.changes.perform("create_item", {"code": done["item"]})
    rows = truth(world)
    assert all(rows[e]["erp"]["reason"] != "unknown work type" for e in done["entries"])


@pytest.mark.parametrize(
    ("verb", "reason"),
    [
        ("create_item", "unknown work type"),
        ("add_employee", "unknown employee"),
        ("enter_in_hr", "legal entity unresolved"),
        ("fill_price_gap", "rate missing"),
        ("reopen_period", "period closed"),
        ("open_project", "project closed"),
    ],
)
def test_cause_corrected_lets_its_hours_go(world: World, verb: str, reason: str) -> None:
    assert any(row["erp"]["reason"] == reason for row in world.truth())
    world.changes.perform(verb, {})
    assert not any(row["erp"]["reason"] == reason for row in world.truth())


def test_processed_payroll_closes_its_days(world: World) -> None:
    before = Counter(row["payroll"]["reason"] for row in world.truth())
    done = world.changes.perform("process_payroll", {})
    after = Counter(row["payroll"]["reason"] for row in world.truth())
    assert len(done["payrolls"]) == 1
    assert after["period closed"] > before["period closed"]


def test_closing_a_month_holds_its_hours(world: World) -> None:
    done = world.changes.perform("close_period", {})
    assert done["periods"] == ["Sep 2026"]
    assert not any(r["erp"]["state"] == "present" for r in world.truth() if r["period"] == "2026-09-01")


def test_deleted_project_holds_its_hours_for_the_erp_and_still_pays_them(world: World) -> None:
    code = next(r["project"] for r in world.truth() if r["erp"]["state"] == r["payroll"]["state"] == "present")
    world.changes.perform("delete_project", {"project": code})
    rows = [r for r in world.truth() if r["project"] == code and r["psa_state"] == "approved"]
    assert {r["erp"]["reason"] for r in rows if r["erp"]["state"] == "held"} >= {"project deleted"}
    assert "present" in {r["payroll"]["state"] for r in rows}


def test_renaming_and_archiving_change_no_hour(world: World) -> None:
    before = truth(world)
    names = {c.number: c.full_name for c in world.consultants.values()}
    (number,) = world.changes.perform("rename", {})["employees"]
    world.changes.perform("archive_project", {"project": "P1001"})
    assert world.consultants[number].full_name != names[number]
    assert truth(world) == before


def test_day_is_a_mix_of_what_is_known(world: World) -> None:
    world.changes.register("erp_invoice_post", lambda: {"invoices": []})
    done = world.changes.perform("day", {})["day"]
    verbs = [one["verb"] for one in done]
    assert verbs[0] == "approve"
    assert "erp_invoice_post" in verbs
    assert "erp_invoice_pay" not in verbs
    assert all(one["entries"] for one in done if "entries" in one)


def test_changes_are_stamped_by_the_firms_clock(world: World) -> None:
    world.clock.freeze()
    world.clock.advance(3_600)
    (entry,) = world.changes.perform("edit", {})["entries"]
    changed = world.entries.get(int(entry))
    assert changed is not None
    assert changed.updated_at == world.clock.now().replace(microsecond=0)


@pytest.mark.parametrize(
    ("verb", "given", "says"),
    [
        ("edit", {"entry_ids": [1]}, "the PSA has no time entry 1"),
        ("approve", {"submission_ids": [1]}, "the PSA has no submission 1"),
        ("close_project", {"project": "P9"}, "the firm has no project P9"),
        ("add_employee", {"number": "E9"}, "the firm has no consultant E9"),
        ("add_hours", {"role": "Wizard"}, "the firm has no role Wizard"),
        ("withdraw", {"status": "lost"}, "cancelled or rejected, not 'lost'"),
    ],
)
def test_verb_that_cannot_be_is_refused_in_a_sentence(
    world: World, verb: str, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        world.changes.perform(verb, given)
