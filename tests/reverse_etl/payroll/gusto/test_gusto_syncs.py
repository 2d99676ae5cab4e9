"""Pay periods are synced side by side: what one waits for, no other waits for again."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from pydantic import SecretStr

from plumbing.clock import ManualClock
from plumbing.http import json_body
from plumbing.settings import Connection
from plumbing.vendors import gusto
from reverse_etl.fieldmap import FieldMap
from reverse_etl.payroll.gusto.writer import POLL_SECONDS, Writer
from reverse_etl.writer import Operation, Record, Result

LOOKS = 2  # a sync of the simulator is pending, then in progress, then done


@pytest.fixture
def company(make_firm):
    """The company's control, and a connection to it."""
    firm = make_firm(seed=7, entries=300, only="gusto")
    given = firm.addresses["gusto"]
    secrets = {name: SecretStr(value) for name, value in given["secrets"].items()}
    return firm["gusto"], Connection("gusto", "gusto", given["base_url"], given["options"], secrets=secrets)


def accepted_days(connection, writer):
    """A sheet sent to each of three open pay periods."""
    path = f"v1/companies/{connection.options['company_uuid']}"
    with gusto.client(connection) as client:
        person = json_body(client.get(f"{path}/employees"))[0]
        payrolls = json_body(client.get(f"{path}/payrolls", params={"processing_statuses": "unprocessed"}))
    records = []
    for number, payroll in enumerate(payrolls[-3:]):
        period = payroll["pay_period"]
        context = {
            "pay_schedule_ref": period["pay_schedule_uuid"],
            "pay_period_start": period["start_date"],
            "pay_period_end": period["end_date"],
        }
        fields = {
            "employee_ref": person["uuid"],
            "job_ref": person["jobs"][0]["uuid"],
            "work_date": (date.fromisoformat(period["start_date"]) + timedelta(days=1)).isoformat(),
            "time_zone": "America/New_York",
            "entries": [{"classification": "Regular", "minutes": "450"}],
        }
        key = f"kantata-sync-{number}-g1"
        record = Record(number, "payroll_hours", "gusto", Operation.CREATE, key, f"{key}-r1-c", "c", fields, context)
        [outcome] = writer.send([record.going_out_as(writer.payload(record))])
        assert outcome.result is Result.ACCEPTED
        records.append(replace(record, vendor_id=outcome.vendor_id, vendor_detail=outcome.vendor_detail))
    assert len({record.context["pay_period_start"] for record in records}) == 3
    return records


def test_three_pay_periods_wait_as_long_as_one(company):
    _, connection = company
    clock = ManualClock()
    writer = Writer(connection, "hours", FieldMap("gusto", "hours", ()), clock)
    records = accepted_days(connection, writer)
    told = dict(writer.follow_up(records))
    assert {outcome.result for outcome in told.values()} == {Result.ACKNOWLEDGED}
    assert set(told) == {0, 1, 2}
    assert clock.slept == [POLL_SECONDS] * LOOKS


def test_a_period_whose_sync_can_not_begin_waits_and_the_others_go_on(company):
    control, connection = company
    writer = Writer(connection, "hours", FieldMap("gusto", "hours", ()), ManualClock())
    records = accepted_days(connection, writer)
    control.fault("status", status=503, times=1, method="POST", path="/payroll_syncs$")
    told = dict(writer.follow_up(records))
    assert [told[number].result for number in (0, 1, 2)] == [
        Result.ACCEPTED, Result.ACKNOWLEDGED, Result.ACKNOWLEDGED
    ]  # fmt: skip
    assert {outcome.result for _, outcome in writer.follow_up(records)} == {Result.ACKNOWLEDGED}
