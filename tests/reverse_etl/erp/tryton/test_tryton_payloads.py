"""An hour to a timesheet line, literally; and a line back to whether it says the same."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from plumbing.errors import Misconfigured, Refused
from reverse_etl.erp.tryton import payloads
from reverse_etl.fieldmap import FieldMap, FieldRule
from reverse_etl.writer import Operation, Record

FIELDS: dict[str, Any] = {
    "employee_ref": "12",
    "project_ref": "4",
    "task_ref": "7",
    "item_ref": None,
    "work_date": "2026-11-09",
    "minutes": "450",
    "is_billable": True,
    "rate": "180",
    "currency": "USD",
}
RECORD = Record(
    intent_id=1,
    sync="erp_labor",
    destination="tryton",
    operation=Operation.CREATE,
    record_key="kantata-91_b-g1",
    request_key="kantata-91_b-g1-r1-c",
    correlation_id="x",
    fields=FIELDS,
)


def mapped(*rows: FieldRule) -> FieldMap:
    return FieldMap("tryton", "labor", rows).over(payloads.DEFAULT_FIELDS, payloads.COLUMNS, payloads.TYPES)


MAP = mapped()
LINE = {
    "employee": 12,
    "work": 7,
    "date": date(2026, 11, 9),
    "duration": timedelta(hours=7, minutes=30),
    "description": "hourline kantata-91_b-g1-r1-c original",
    "invoice_line": None,
}


def test_an_hour_is_a_line_on_its_task() -> None:
    assert payloads.values(RECORD, MAP) == {
        "employee": 12,
        "work": 7,
        "date": {"__class__": "date", "year": 2026, "month": 11, "day": 9},
        "duration": {"__class__": "timedelta", "seconds": 27000},
        "description": "hourline kantata-91_b-g1-r1-c original",
    }


@pytest.mark.parametrize(
    ("minutes", "seconds"), [("20", "1200"), ("0.000001", "0.00006"), ("20.333333", "1219.99998"), ("0", "0")]
)
def test_minutes_are_kept_to_the_microsecond(minutes: str, seconds: str) -> None:
    made = payloads.values(replace(RECORD, fields={**FIELDS, "minutes": minutes}), MAP)
    assert Decimal(made["duration"]["seconds"]) == Decimal(seconds)


@pytest.mark.parametrize("lacking", payloads.REQUIRED)
def test_an_hour_without_what_a_line_needs_is_refused(lacking: str) -> None:
    with pytest.raises(Refused, match=lacking) as raised:
        payloads.values(replace(RECORD, fields={**FIELDS, lacking: None}), MAP)
    assert raised.value.category == "invalid_reference"


def test_negative_hours_are_refused() -> None:
    with pytest.raises(Refused, match="no negative hours"):
        payloads.values(replace(RECORD, fields={**FIELDS, "minutes": "-15"}), MAP)


def test_an_id_that_is_no_number_is_refused() -> None:
    with pytest.raises(Refused, match="no number"):
        payloads.values(replace(RECORD, fields={**FIELDS, "task_ref": "P-7"}), MAP)


def test_a_firm_fills_a_field_of_its_own_with_its_type() -> None:
    own = mapped(FieldRule("x_rate", "column", "rate", "decimal"))
    assert payloads.values(RECORD, own)["x_rate"] == {"__class__": "Decimal", "decimal": "180"}


def test_an_amend_empties_what_is_no_more() -> None:
    own = mapped(FieldRule("x_rate", "column", "rate", "decimal"))
    amended = replace(RECORD, operation=Operation.AMEND, fields={**FIELDS, "rate": None}, previous=FIELDS)
    assert payloads.values(amended, own)["x_rate"] is None
    assert payloads.values(amended, own)["description"].endswith("amended")


def test_the_key_is_the_same_for_ever() -> None:
    assert payloads.key("kantata-91-g1") == "a922b8ce-c96f-56d1-bd20-f2672187a8c2"
    assert payloads.key("kantata-91-g2") != payloads.key("kantata-91-g1")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("hourline kantata-91_b-g1-r1-c original", "kantata-91_b-g1"),
        ("hourline kantata-91_b-g1-r12-a amended", "kantata-91_b-g1"),
        ("hourline kantata-91-g1-g2-r1-c original", "kantata-91-g1-g2"),
        ("about hourline kantata-91-g1-r1-c", None),
        ("hourline kantata-91-g1", None),
        ("", None),
        (None, None),
    ],
)
def test_a_marker_names_its_record(text: str | None, key: str | None) -> None:
    assert payloads.record_key_of(text) == key


def test_a_search_takes_underscores_and_percents_literally() -> None:
    assert payloads.marker_pattern("a_b-g1") == r"hourline a\_b-g1-r%"


def test_a_map_without_a_marker_is_misconfigured() -> None:
    with pytest.raises(Misconfigured, match="puts the marker in no field"):
        payloads.marker_field(mapped(FieldRule("description", "constant", "Consulting", "text")))


def says(**changed: Any) -> bool:
    return payloads.says_the_same(payloads.values(RECORD, MAP), {**LINE, **changed}, frozenset({"description"}))


def test_a_line_as_sent_says_the_same() -> None:
    assert says()
    assert says(description="hourline kantata-91_b-g1-r2-a amended")


@pytest.mark.parametrize(
    "changed",
    [
        {"employee": 13},
        {"work": 8},
        {"date": date(2026, 11, 10)},
        {"duration": timedelta(hours=7, minutes=30, microseconds=1)},
        {"duration": None},
    ],
)
def test_a_line_changed_by_hand_does_not(changed: dict[str, Any]) -> None:
    assert not says(**changed)


def test_text_that_tryton_stripped_says_the_same() -> None:
    payload = {"x_note": " audit "}
    assert payloads.says_the_same(payload, {"x_note": "audit"}, frozenset())
