"""The field map: our columns and constants into a vendor's fields, typed."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbing.errors import Misconfigured, Refused
from reverse_etl.fieldmap import FieldMap, FieldRule, clock_duration

COLUMNS = ("employee_ref", "minutes", "rate")
DEFAULTS = (
    FieldRule("employee", "column", "employee_ref", "reference"),
    FieldRule("hours", "column", "minutes", "duration"),
    FieldRule("timeType", "constant", "A", "reference"),
)


def test_the_firms_rows_override_and_add_and_an_empty_value_switches_off():
    own = FieldMap(
        "erp",
        "labor",
        [
            FieldRule("hours", "column", "minutes", "hours"),
            FieldRule("timeType", "constant", "", "reference"),
            FieldRule("custcol_source", "constant", "PSA", "text"),
        ],
    )
    built = own.over(DEFAULTS, COLUMNS).build({"employee_ref": "101", "minutes": "90"})
    assert built == {"employee": {"id": "101"}, "hours": Decimal("1.500"), "custcol_source": "PSA"}


def test_an_unknown_column_is_named():
    own = FieldMap("erp", "labor", [FieldRule("department", "column", "departement", "reference")])
    with pytest.raises(
        Misconfigured,
        match=r"The field map of erp \(labor\) fills department from column 'departement', which doesn't exist",
    ):
        own.over(DEFAULTS, COLUMNS)


def test_an_unknown_type_is_named():
    own = FieldMap("erp", "labor", [FieldRule("department", "constant", "1", "referenze")])
    with pytest.raises(Misconfigured, match="with type 'referenze', which doesn't exist"):
        own.over(DEFAULTS, COLUMNS)


@pytest.mark.parametrize(
    ("value_type", "value"),
    [
        ("decimal", "eight"),
        ("decimal", "NaN"),
        ("integer", "1.5"),
        ("boolean", "maybe"),
        ("date", "2026-02-30"),
        ("duration", ""),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_column_and_field(value_type, value):
    field_map = FieldMap("erp", "labor", [FieldRule("x", "column", "rate", value_type)])
    with pytest.raises(Refused, match=rf"column rate doesn't fit x of erp as {value_type}"):
        field_map.build({"rate": value})


def test_a_null_column_leaves_its_field_out():
    assert FieldMap("erp", "labor", DEFAULTS).build({"employee_ref": None, "minutes": "60"}) == {
        "hours": "1:00",
        "timeType": {"id": "A"},
    }


def test_a_path_fills_an_inner_object():
    rows = [
        FieldRule("metadata.dw_key", "constant", "k", "text"),
        FieldRule("metadata.other", "constant", "2", "integer"),
    ]
    assert FieldMap("p", "hours", rows).build({}) == {"metadata": {"dw_key": "k", "other": 2}}


@pytest.mark.parametrize(
    ("minutes", "told"),
    [("0", "0:00"), ("7", "0:07"), ("450", "7:30"), ("89.5", "1:30"), ("1440", "24:00"), ("-90", "-1:30")],
)
def test_a_duration_is_whole_minutes_rounded_half_up(minutes, told):
    assert clock_duration(Decimal(minutes)) == told


@given(st.integers(0, 10**6))
def test_a_whole_duration_survives_the_way_there_and_back(minutes):
    from reverse_etl.erp.netsuite.payloads import minutes_of

    assert minutes_of(clock_duration(Decimal(minutes))) == minutes
