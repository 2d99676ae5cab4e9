"""Literal hours in, literal time rows out."""

from dataclasses import replace
from decimal import Decimal

import pytest

from plumbing.errors import Refused
from plumbing.http import json_bytes
from reverse_etl.erp.netsuite import payloads
from reverse_etl.fieldmap import FieldMap, FieldRule
from reverse_etl.writer import Operation, Record

FIELDS = {
    "employee_ref": "101",
    "project_ref": "2044",
    "task_ref": "9001",
    "item_ref": "77",
    "work_date": "2026-06-30",
    "minutes": "450",
    "is_billable": True,
    "rate": "185.00",
    "currency": "USD",
}
CREATE = Record(1, "erp_labor", "netsuite", Operation.CREATE, "kantata-91-g1", "kantata-91-g1-r1-c", "c", FIELDS)
MAP = FieldMap("netsuite", "labor", ()).over(payloads.DEFAULT_FIELDS, payloads.COLUMNS)
IGNORED = payloads.marker_fields(MAP)
ROW = {
    "id": "31930",
    "employee": {"id": "101", "refName": "E00101"},
    "customer": {"id": "2044"},
    "caseTaskEvent": {"id": "9001"},
    "item": {"id": "77"},
    "tranDate": "2026-06-30",
    "hours": "7:30",
    "isBillable": True,
    "timeType": {"id": "A", "refName": "Actual Time"},
    "overrideRate": True,
    "rate": Decimal("185.0"),
    "memo": "anything",
}


def test_an_hour_becomes_a_time_row():
    assert json_bytes(payloads.body(CREATE, MAP)) == (
        b'{"caseTaskEvent":{"id":"9001"},"customer":{"id":"2044"},"employee":{"id":"101"},"hours":"7:30","isBillable":true,'
        b'"item":{"id":"77"},"memo":"hourline kantata-91-g1-r1-c original","overrideRate":true,"rate":185,"timeType":{"id":"A"},'
        b'"tranDate":"2026-06-30"}'
    )


def test_an_hour_without_rate_and_task_leaves_them_out():
    built = payloads.body(replace(CREATE, fields={**FIELDS, "rate": None, "task_ref": None, "is_billable": False}), MAP)
    assert "rate" not in built
    assert "caseTaskEvent" not in built
    assert (built["overrideRate"], built["isBillable"]) == (False, False)


def test_an_amend_empties_what_was_there_and_is_no_more():
    amend = replace(CREATE, operation=Operation.AMEND, fields={**FIELDS, "task_ref": None}, previous=FIELDS)
    built = payloads.body(amend, MAP)
    assert built["caseTaskEvent"] is None
    assert built["memo"].endswith("amended")


REVERSAL = replace(
    CREATE,
    operation=Operation.REVERSE,
    record_key="kantata-91-g2",
    request_key="kantata-91-g2-r2-v",
    corrects_key="kantata-91-g1",
    corrects_id="31930",
)


def test_a_reversal_is_the_row_it_takes_back_with_its_hours_negated():
    built = payloads.body(REVERSAL, MAP)
    assert built == {**payloads.body(CREATE, MAP), "hours": "-7:30", "memo": built["memo"]}
    assert built["memo"] == "hourline kantata-91-g2-r2-v reversal of kantata-91-g1"


def test_minutes_that_round_up_are_taken_back_as_they_were_rounded():
    fields = {**FIELDS, "minutes": "20.5"}
    assert payloads.body(replace(CREATE, fields=fields), MAP)["hours"] == "0:21"
    assert payloads.body(replace(REVERSAL, fields=fields), MAP)["hours"] == "-0:21"


def test_what_is_posted_again_says_of_which_row():
    again = replace(CREATE, record_key="kantata-91-g3", request_key="kantata-91-g3-r3-c", corrects_key="kantata-91-g1")
    assert payloads.body(again, MAP)["memo"] == "hourline kantata-91-g3-r3-c posts again kantata-91-g1"


@pytest.mark.parametrize(
    ("record", "date"),
    [
        (REVERSAL, "2026-07-01"),
        (replace(CREATE, corrects_key="kantata-91-g1"), "2026-07-01"),
        (CREATE, "2026-06-30"),
    ],
)
def test_a_correction_of_a_closed_month_is_dated_in_the_next_open_one(record, date):
    closed = {"period_closed": True, "correction_date": "2026-07-01"}
    assert payloads.body(replace(record, context=closed), MAP)["tranDate"] == date


def test_a_correction_of_an_open_month_keeps_its_date():
    open_month = {"period_closed": False, "correction_date": None}
    assert payloads.body(replace(REVERSAL, context=open_month), MAP)["tranDate"] == "2026-06-30"


@pytest.mark.parametrize("name", payloads.REQUIRED)
def test_an_hour_without_what_a_row_needs_is_refused(name):
    with pytest.raises(Refused, match=f"The hour has no {name}"):
        payloads.body(replace(CREATE, fields={**FIELDS, name: None}), MAP)


def test_a_custom_field_comes_from_the_firms_map():
    own = FieldMap("netsuite", "labor", [FieldRule("custcol_dw", "column", "record_key", "text")])
    built = payloads.body(CREATE, own.over(payloads.DEFAULT_FIELDS, payloads.COLUMNS))
    assert built["custcol_dw"] == "kantata-91-g1"


def test_a_row_that_says_the_same_matches_whatever_its_memo():
    assert payloads.says_the_same(payloads.body(CREATE, MAP), ROW, IGNORED)


@pytest.mark.parametrize(
    "difference",
    [
        {"hours": "7:31"},
        {"rate": Decimal("185.01")},
        {"rate": None},
        {"employee": {"id": "102"}},
        {"tranDate": "2026-06-29"},
        {"isBillable": False},
        {"caseTaskEvent": None},
    ],
)
def test_a_row_that_differs_in_one_field_does_not_match(difference):
    assert not payloads.says_the_same(payloads.body(CREATE, MAP), {**ROW, **difference}, IGNORED)


def test_an_emptied_field_matches_only_when_it_is_empty_there():
    amend = replace(CREATE, operation=Operation.AMEND, fields={**FIELDS, "task_ref": None}, previous=FIELDS)
    built = payloads.body(amend, MAP)
    assert not payloads.says_the_same(built, ROW, IGNORED)
    assert payloads.says_the_same(
        built, {name: value for name, value in ROW.items() if name != "caseTaskEvent"}, IGNORED
    )


@pytest.mark.parametrize(
    ("duration", "minutes"), [("7:30", 450), ("07:30", 450), ("0:05", 5), ("-1:30", -90), ("7.5", None), (None, None)]
)
def test_durations_are_read(duration, minutes):
    assert payloads.minutes_of(duration) == minutes


@pytest.mark.parametrize(
    ("location", "vendor_id"),
    [
        ("https://x/services/rest/record/v1/timeBill/31930", "31930"),
        ("/timeBill/eid:kantata-91-g1", None),
        (None, None),
        ("", None),
    ],
)
def test_the_location_names_the_id_or_nothing(location, vendor_id):
    assert payloads.id_of_location(location) == vendor_id
