"""Literal days in, literal time sheets out."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from plumbing.errors import Refused
from plumbing.http import json_bytes
from reverse_etl.fieldmap import FieldMap
from reverse_etl.payroll.gusto import payloads
from reverse_etl.writer import Operation, Record, Result

FIELDS = {
    "employee_ref": "e-1",
    "job_ref": "j-1",
    "work_date": "2026-09-01",
    "time_zone": "America/New_York",
    "entries": [{"classification": "Regular", "minutes": "480"}],
}
CONTEXT = {"pay_schedule_ref": "s-1", "pay_period_start": "2026-09-01", "pay_period_end": "2026-09-15"}
CREATE = Record(
    1,
    "payroll_hours",
    "gusto",
    Operation.CREATE,
    "kantata-12-20260901-j-g1",
    "kantata-12-20260901-j-g1-r1-c",
    "c",
    FIELDS,
    CONTEXT,
)
MAP = FieldMap("gusto", "hours", ()).over(payloads.DEFAULT_FIELDS, payloads.COLUMNS)


def sheet(**given):
    return {
        **payloads.body(CREATE, MAP, 9),
        "uuid": "u-1",
        "version": "v1",
        "status": "approved",
        "updated_at": "2026-09-02T10:00:00Z",
        "synced_to_payroll_at": None,
        "entries": [{"uuid": "x", "hours_worked": "8.000", "pay_classification": "Regular"}],
        **given,
    }


def test_a_day_becomes_a_sheet_at_the_declared_local_hour():
    assert json_bytes(payloads.body(CREATE, MAP, 9)) == (
        b'{"entity_type":"Employee","entity_uuid":"e-1","entries":[{"hours_worked":8,"pay_classification":"Regular"}],"job_uuid":"j-1",'
        b'"metadata":{"dw_key":"kantata-12-20260901-j-g1","dw_marker":"hourline kantata-12-20260901-j-g1-r1-c original",'
        b'"dw_request":"kantata-12-20260901-j-g1-r1-c"},'
        b'"shift_ended_at":"2026-09-01T21:00:00Z","shift_started_at":"2026-09-01T13:00:00Z","time_zone":"America/New_York"}'
    )


@pytest.mark.parametrize(
    ("work_date", "hour", "zone", "started"),
    [
        ("2026-01-15", 9, "America/New_York", "2026-01-15T14:00:00+00:00"),
        ("2026-07-15", 9, "America/New_York", "2026-07-15T13:00:00+00:00"),
        ("2026-03-08", 9, "America/New_York", "2026-03-08T13:00:00+00:00"),  # the clocks went forward that night
        ("2026-03-08", 2, "America/New_York", "2026-03-08T07:00:00+00:00"),  # 02:00 is skipped: 03:00 it is
        ("2026-11-01", 1, "America/New_York", "2026-11-01T05:00:00+00:00"),  # 01:00 comes twice: the first
        ("2026-11-01", 9, "America/New_York", "2026-11-01T14:00:00+00:00"),
        ("2026-11-01", 9, "America/Phoenix", "2026-11-01T16:00:00+00:00"),
    ],
)
def test_a_shift_starts_at_its_local_hour_on_dst_nights_too(work_date, hour, zone, started):
    assert payloads.shift_start(date.fromisoformat(work_date), hour, zone).isoformat() == started


@pytest.mark.parametrize(
    ("minutes", "hours"), [("450", "7.500"), ("1", "0.017"), ("20", "0.333"), ("40", "0.667"), ("0.03", "0.001")]
)
def test_hours_are_thousandths_rounded_half_up(minutes, hours):
    assert payloads.hours_of(Decimal(minutes)) == Decimal(hours)


@pytest.mark.parametrize("name", payloads.REQUIRED)
def test_a_day_without_what_a_sheet_needs_is_refused(name):
    with pytest.raises(Refused, match=f"The day has no {name}"):
        payloads.body(replace(CREATE, fields={**FIELDS, name: None}), MAP, 9)


def test_an_unknown_zone_and_an_empty_day_are_refused():
    with pytest.raises(Refused, match="There is no time zone 'Mars/Olympus'"):
        payloads.body(replace(CREATE, fields={**FIELDS, "time_zone": "Mars/Olympus"}), MAP, 9)
    with pytest.raises(Refused, match="no time in it"):
        payloads.body(
            replace(CREATE, fields={**FIELDS, "entries": [{"classification": "Regular", "minutes": "0"}]}), MAP, 9
        )


def test_a_sheet_that_says_the_same_matches_in_its_own_words():
    there = sheet(shift_started_at="2026-09-01T09:00:00-04:00", metadata={})
    assert payloads.says_the_same(payloads.body(CREATE, MAP, 9), there)


@pytest.mark.parametrize(
    "difference",
    [
        {"entries": [{"hours_worked": "7.999", "pay_classification": "Regular"}]},
        {"entries": [{"hours_worked": "8.000", "pay_classification": "Overtime"}]},
        {"entity_uuid": "e-2"},
        {"shift_started_at": "2026-09-01T13:00:01Z"},
    ],
)
def test_a_sheet_that_differs_does_not_match(difference):
    assert not payloads.says_the_same(payloads.body(CREATE, MAP, 9), sheet(**difference))


def test_a_sheet_is_picked_by_id_else_by_our_key():
    sheets = [sheet(uuid="u-0", metadata={}), sheet()]
    assert payloads.pick(sheets, CREATE)["uuid"] == "u-1"
    assert payloads.pick(sheets, replace(CREATE, vendor_id="u-0"))["uuid"] == "u-0"
    assert payloads.pick([sheet(metadata={"dw_key": "another"})], CREATE) is None


WRITTEN = replace(
    CREATE, vendor_id="u-1", vendor_detail={"updated_at": "2026-09-02T10:00:00Z", "synced_to_payroll_at": None}
)


@pytest.mark.parametrize(
    ("there", "result"),
    [
        (None, Result.GONE),
        ({"status": "pending"}, Result.ACCEPTED),
        ({"status": "rejected"}, Result.REFUSED),
        ({"status": "approved", "synced_to_payroll_at": "2026-09-02T10:00:00Z"}, Result.ACKNOWLEDGED),
        ({"status": "approved", "synced_to_payroll_at": "2026-09-03T00:00:00Z"}, Result.ACKNOWLEDGED),
    ],
)
def test_an_accepted_sheet_is_in_effect_only_once_synced(there, result):
    assert payloads.standing(WRITTEN, None if there is None else sheet(**there)).result is result


def test_an_approved_sheet_waits_for_the_sync():
    assert payloads.standing(WRITTEN, sheet()) is None


def test_a_sync_from_before_the_amend_does_not_count():
    amended = replace(
        WRITTEN, vendor_detail={"updated_at": "2026-09-05T08:00:00Z", "synced_to_payroll_at": "2026-09-03T00:00:00Z"}
    )
    assert payloads.standing(amended, sheet(synced_to_payroll_at="2026-09-03T00:00:00Z")) is None
    assert payloads.standing(amended, sheet(synced_to_payroll_at="2026-09-05T08:00:00Z")).result is Result.ACKNOWLEDGED


def test_a_period_is_what_the_plan_fixed():
    assert payloads.Period.of(CREATE).body == {
        "kind": "regular",
        "pay_schedule_uuid": "s-1",
        "pay_period_start_date": "2026-09-01",
        "pay_period_end_date": "2026-09-15",
    }
    assert payloads.Period.of(replace(CREATE, context={})) is None


ADJUSTMENT = replace(
    CREATE,
    operation=Operation.ADJUST,
    record_key="kantata-12-20260901-j-g2",
    request_key="kantata-12-20260901-j-g2-r2-j",
    fields={**FIELDS, "entries": [{"classification": "Regular", "minutes": "540"}]},
    previous=FIELDS,
    context={**CONTEXT, "correction_date": "2026-09-16", "correction_period_end": "2026-09-30"},
    corrects_key="kantata-12-20260901-j-g1",
)


def test_an_adjustment_is_the_difference_on_the_first_day_of_the_next_open_period():
    built = payloads.body(ADJUSTMENT, MAP, 9)
    assert [(e["hours_worked"], e["pay_classification"]) for e in built["entries"]] == [(Decimal("1.000"), "Regular")]
    assert (built["shift_started_at"], built["shift_ended_at"]) == ("2026-09-16T13:00:00Z", "2026-09-16T14:00:00Z")
    assert built["metadata"]["dw_key"] == "kantata-12-20260901-j-g2"
    assert built["metadata"]["dw_marker"].endswith("adjustment of kantata-12-20260901-j-g1")


def test_an_adjustment_is_synced_with_the_period_that_takes_it():
    assert payloads.Period.of(ADJUSTMENT) == payloads.Period("s-1", "2026-09-16", "2026-09-30")
    assert payloads.Period.of(CREATE) == payloads.Period("s-1", "2026-09-01", "2026-09-15")


@pytest.mark.parametrize("minutes", ["480", "420"])
def test_an_adjustment_never_takes_back_paid_hours(minutes):
    less = {**FIELDS, "entries": [{"classification": "Regular", "minutes": minutes}]}
    with pytest.raises(Refused, match=r"would take back paid hours|no time in it"):
        payloads.body(replace(ADJUSTMENT, fields=less), MAP, 9)


def test_no_class_of_pay_shrinks_behind_another_that_grows():
    fields = {
        **FIELDS,
        "entries": [{"classification": "Regular", "minutes": "420"}, {"classification": "Overtime", "minutes": "180"}],
    }
    with pytest.raises(Refused, match="would take back paid hours"):
        payloads.body(replace(ADJUSTMENT, fields=fields), MAP, 9)


def test_an_adjustment_without_an_open_period_is_refused():
    with pytest.raises(Refused, match="No open pay period"):
        payloads.body(replace(ADJUSTMENT, context=CONTEXT), MAP, 9)
