"""Hours that can't be right: each is held by name with its owner, and its neighbours go on."""

from __future__ import annotations

import pytest

from tests.fixtures.workplace import Office

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("bad input")]


def land_and_plan(office: Office, connection: str, *options: str) -> None:
    landed = office.run("land", connection, *options, "--json")
    assert landed.exit_code == 0, landed.everything
    planned = office.run("plan", "erp_labor", "--keep", "--json")
    assert planned.exit_code == 0, planned.everything


def intents(office: Office, condition: str, *values: object) -> list[tuple[object, ...]]:
    """State, reason and owner of the labour intents that the condition names, once each."""
    return office.query(
        f"select distinct state, reason, owner from delivery.intent where sync = 'erp_labor' and {condition}", *values
    )


@pytest.mark.parametrize("minutes", [26 * 60, -60], ids=["26 hours", "negative hours"])
def test_an_hour_of_impossible_length_is_held_for_the_project_manager_and_its_neighbours_are_planned(
    office: Office, minutes: int
) -> None:
    [(usual,)] = office.query(
        "select source_id from sync.sync_erp__labor where desired_state = 'present' and destination = 'netsuite'"
        " order by 1 limit 1"
    )
    [(worked,)] = office.query("select minutes::int from sync.sync_erp__labor where source_id = %s", usual)
    office.firm.change("edit", entry_ids=[usual], minutes=minutes, approved=True)
    try:
        land_and_plan(office, "kantata")
    finally:
        office.firm.change("edit", entry_ids=[usual], minutes=worked, approved=True)
    assert intents(office, "source_id = %s", usual) == [("held", "minutes out of range", "project managers")]
    assert office.count("delivery.intent", "sync = 'erp_labor' and state = 'planned'") > 0
    checked = office.run("check", "kantata")
    assert checked.exit_code == 0
    assert "minutes_fit_in_a_day 1 A time entry is longer than nothing and no longer than a day." in checked.everything
    assert "Ask the consultant to correct the entry in the PSA; it is held until then." in checked.everything
    told = office.run("exceptions", "--cause", "minutes out of range", "--json")
    assert [one["owner"] for one in told.document] == ["project managers"]


def test_hours_in_a_currency_that_nobody_knows_are_held_and_the_others_are_planned(office: Office) -> None:
    office.firm["salesforce"].fault("wrong_type", field="CurrencyIsoCode", value="XQX", path="/query", times=None)
    land_and_plan(office, "salesforce", "--full")
    [(state, _reason, owner)] = intents(office, "reason = 'unknown currency'")
    assert (state, owner) == ("held", "finance systems")
    assert office.count("delivery.intent", "currency = 'XQX' and state <> 'held'") == 0
    assert office.count("delivery.intent", "sync = 'erp_labor' and state = 'planned'") > 0


def test_new_hours_of_a_deleted_project_are_held_and_what_was_not_due_stays_so(office: Office) -> None:
    [(project, workspace)] = office.query(
        "select split_part(w.record ->> 'title', ' ', 1), w.source_id from landing.current_record w"
        " inner join raw_kantata.time_entries e on e.record ->> 'workspace_id' = w.source_id"
        " inner join sync.sync_erp__labor s on s.source_id = e.source_id and s.desired_state = 'present'"
        " where w.resource = 'workspaces' group by 1, 2 order by count(*) desc limit 1"
    )
    of_it = "source_id in (select source_id from raw_kantata.time_entries where record ->> 'workspace_id' = %s)"
    verdict = f"select source_id, desired_state, reason from sync.sync_erp__labor where {of_it} order by 1"
    before = {one: (state, reason) for one, state, reason in office.query(verdict, workspace)}
    office.firm.change("delete_project", project=project)
    land_and_plan(office, "kantata")
    after = {one: (state, reason) for one, state, reason in office.query(verdict, workspace)}
    assert {after[one] for one, said in before.items() if said == ("present", None)} == {("held", "project deleted")}
    assert {one: said for one, said in after.items() if said[0] == "void"} == {
        one: said for one, said in before.items() if said[0] == "void"
    }
    assert intents(office, f"reason = 'project deleted' and {of_it}", workspace) == [
        ("held", "project deleted", "project managers")
    ]
    assert office.count("delivery.intent", "sync = 'erp_labor' and state = 'planned'") > 0
