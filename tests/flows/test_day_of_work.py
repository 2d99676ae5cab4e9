"""The verbs of an ordinary day, through the real command line, on a firm that answers by HTTP."""

from __future__ import annotations

import pytest

from tests.fixtures.workplace import Office

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("bad input")]


def test_adopt_settles_what_is_there_once_and_writes_nothing(branch: Office) -> None:
    dry = branch.run("adopt", "--dry-run", "--json")
    assert (dry.exit_code, branch.count("delivery.intent")) == (0, 0)
    assert branch.run("adopt", "--who", "ada", "--json").exit_code == 0
    adopted = branch.count("delivery.intent", "is_adopted and state = 'acknowledged'")
    assert adopted > 0
    assert branch.run("adopt", "--json").exit_code == 0
    assert branch.count("delivery.intent") == adopted
    assert branch.count("delivery.event", "actor = 'ada'") > 0
    assert branch.firm["netsuite"].total_writes() == 0


def test_exceptions_name_cause_owner_hours_and_trace_tells_the_story_of_one(office: Office) -> None:
    assert office.run("plan", "erp_labor", "--keep", "--json").exit_code == 0
    causes = office.run("exceptions", "--json").document
    assert causes
    assert all(one["cause"] and one["owner"] and one["exceptions"] for one in causes)
    one, *_ = office.run("exceptions", "--cause", causes[0]["cause"], "--rows", "--json").document
    assert {one["cause"]} == {causes[0]["cause"]}
    told = office.run("trace", one["source_id"], "--json")
    assert told.exit_code == 0
    assert {"kantata"} <= {moment["where"] for moment in told.document["moments"]}
    assert office.run("trace", one["source_id"]).out.count(one["source_id"]) > 0


def test_an_hour_that_nobody_knows_is_told_in_one_sentence(office: Office) -> None:
    said = office.run("trace", "999999999999", "--json")
    assert said.exit_code == 1
    assert "999999999999" in said.error


def test_a_mass_change_asks_first_and_goes_once_somebody_says_why(branch: Office) -> None:
    assert branch.run("push", "erp_labor", "--json").exit_code == 0
    branch.query("update rule.policy set value = 1 where name = 'mass_change_minimum'")
    branch.query("update rule.policy set value = 0 where name = 'mass_change_share'")
    branch.firm.change("edit", count=40, approved=True)
    assert branch.run("land", "kantata", "--json").exit_code == 0
    erp = branch.firm["netsuite"]
    erp.clear_journal()
    asked = branch.run("push", "erp_labor", "--json")
    assert asked.exit_code == 5
    [plan] = [one["plan"] for one in asked.document]
    assert plan["batch_state"] == "needs_approval"
    assert sum(number for call, number in erp.journal(limit=1)["writes"].items() if call.startswith("PATCH")) == 0
    number = str(plan["plan_id"])
    assert branch.run("plan", "--approve", number).exit_code == 2
    approved = branch.run("plan", "--approve", number, "--why", "rates were corrected", "--who", "ada", "--json")
    assert approved.exit_code == 0
    assert approved.document["released"] > 0
    assert branch.run("push", "erp_labor", "--no-plan", "--json").exit_code == 0
    amended = sum(number for call, number in erp.journal(limit=1)["writes"].items() if call.startswith("PATCH"))
    assert amended == approved.document["released"]
    again = branch.run("plan", "--approve", number, "--why", "twice", "--json")
    assert again.exit_code == 2
    assert "waits for nobody" in again.error
