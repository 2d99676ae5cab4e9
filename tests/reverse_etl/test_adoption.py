"""Adoption: what a destination held before go-live is settled unsent, one to one."""

import dataclasses

import pytest

from plumbing.settings import Connection
from reverse_etl import adopt, plan
from reverse_etl.writer import Outcome, Result

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"
BEFORE = {
    "work_date": "2026-03-02",
    "desired_state": "void",
    "not_due_rule": "before_go_live",
    "is_due": False,
    "destination": "netsuite",
}


@pytest.fixture
def erp(desk):
    """A read-back made by hand, and a connection that it belongs to."""
    desk.connection.execute("create schema if not exists staging")
    desk.connection.execute("drop table if exists staging.stg_netsuite__time_bills")
    desk.connection.execute(
        "create table staging.stg_netsuite__time_bills (source_system text,"
        "  source_id text, external_id text, employee_id text, job_id text,"
        " project_task_id text, minutes numeric, is_deleted boolean, work_date date)"
    )
    desk.connection.execute("grant select on staging.stg_netsuite__time_bills to hourline_deliver")
    desk.connection.execute("truncate rule.go_live")
    desk.connection.execute("insert into rule.go_live values ('US', 'netsuite', '2026-09-01')")
    connection = Connection(
        name="netsuite", system="netsuite", base_url="http://127.0.0.1:9/services/rest", options={"account_id": "X1"}
    )
    desk.settings = dataclasses.replace(desk.settings, connections={"netsuite": connection})
    return desk


def holds(desk, vendor_id, minutes=480, **given):
    row = {
        "source_system": "netsuite",
        "source_id": vendor_id,
        "external_id": None,
        "employee_id": "101",
        "job_id": "2044",
        "project_task_id": "9001",
        "minutes": minutes,
        "is_deleted": False,
        "work_date": "2026-03-02",
    } | given
    desk.connection.execute(
        f"insert into staging.stg_netsuite__time_bills ({', '.join(row)}) values ({', '.join(f'%({name})s' for name in row)})",
        row,
    )


def test_a_matching_hour_is_settled_unsent_and_stays_so(erp):
    erp.want("91", **BEFORE)
    holds(erp, "5001")
    assert adopt(erp.settings, SYNC).adopted == 1
    chain = erp.chain("91")
    assert (chain["settled_vendor_id"], chain["settled_minutes"], chain["settled_state"]) == (
        "5001",
        480,
        "acknowledged",
    )
    (intent,) = erp.intents()
    assert (intent["is_adopted"], intent["state"], intent["attempt_count"]) == (True, "acknowledged", 0)
    erp.want("91", work_date="2026-03-02", destination="netsuite")
    assert plan(erp.settings, SYNC).is_empty
    assert adopt(erp.settings, SYNC).adopted == 0


def test_the_first_plan_creates_no_adopted_hour_even_while_the_view_still_says_not_due(erp):
    erp.want("91", **BEFORE)
    holds(erp, "5001")
    adopt(erp.settings, SYNC)
    assert plan(erp.settings, SYNC).is_empty


def test_an_adopted_hour_is_amended_by_its_id(erp):
    erp.want("91", **BEFORE)
    holds(erp, "5001")
    adopt(erp.settings, SYNC)
    erp.want("91", minutes=360, work_date="2026-03-02", destination="netsuite")
    plan(erp.settings, SYNC)
    (claim,) = erp.claim("netsuite")
    assert (claim.record.operation, claim.record.vendor_id) == ("amend", "5001")
    erp.answer([claim], Outcome(Result.ACKNOWLEDGED))


def test_equal_hours_are_matched_one_to_one_and_the_rest_is_listed(erp):
    for number in range(3):
        erp.want(str(number), **BEFORE)
    holds(erp, "5001")
    holds(erp, "5002")
    holds(erp, "5003", minutes=60)
    report = adopt(erp.settings, SYNC)
    assert (report.adopted, report.minutes) == (2, 960)
    assert [row.key for row in report.ours] == ["kantata-2"]
    assert [row.key for row in report.theirs] == ["5003"]
    assert "1 held there and not matched" in report.text()


def test_destination_minutes_match_ours_at_its_quantum(erp):
    erp.want("91", minutes="480.4", **BEFORE)
    holds(erp, "5001")
    assert adopt(erp.settings, SYNC).adopted == 1


@pytest.mark.parametrize(
    "row",
    [
        {"is_deleted": True},
        {"employee_id": "102"},
        {"work_date": "2026-03-03"},
        {"project_task_id": None},
        {"minutes": 481},
    ],
)
def test_what_differs_is_not_adopted(erp, row):
    erp.want("91", **BEFORE)
    holds(erp, "5001", **row)
    assert adopt(erp.settings, SYNC).adopted == 0


@pytest.mark.parametrize("change", [{"is_approved": False}, {"not_due_rule": "leave"}, {"destination": "another"}])
def test_only_approved_labour_of_that_destination_is_adopted(erp, change):
    erp.want("91", **{**BEFORE, **change})
    holds(erp, "5001")
    assert adopt(erp.settings, SYNC).adopted == 0


def test_rows_from_after_go_live_are_nobodys_to_adopt(erp):
    holds(erp, "5001", work_date="2026-09-02")
    assert adopt(erp.settings, SYNC).theirs == ()


def test_a_dry_run_tells_the_same_and_settles_nothing(erp):
    erp.want("91", **BEFORE)
    holds(erp, "5001")
    assert adopt(erp.settings, SYNC, dry_run=True).adopted == 1
    assert erp.intents() == []
    assert adopt(erp.settings, SYNC).adopted == 1
