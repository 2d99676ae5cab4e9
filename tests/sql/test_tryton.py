"""Tryton as the ERP of a legal entity: an hour finds its person, project and the task of its rate, and comes back."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.sql.conftest import Dbt
from tests.sql.delivered import Night
from tests.sql.hand_made import SYSTEMS, Firm, ensure_raw

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("sql")]
CONNECTIONS = {name: name for name in (*SYSTEMS, "tryton")}


@pytest.fixture(scope="module")
def with_tryton(dbt: Dbt, owner: psycopg.Connection[Any]) -> None:
    """The models of a firm with a sixth system."""
    ensure_raw(owner, systems=(*SYSTEMS, "tryton"))
    built = dbt("run", "--vars", json.dumps({"connections": CONNECTIONS}))
    assert built.returncode == 0, built.stdout
    owner.execute("update rule.routing set destination = 'tryton' where legal_entity = 'US' and role = 'erp'")
    owner.execute(
        "update rule.go_live set destination = 'tryton' where legal_entity = 'US' and destination = 'netsuite'"
    )


@pytest.fixture
def firm(with_tryton: None, hand_made: Firm) -> Firm:
    """The hand-made firm with its US people and projects in Tryton: three rates on one project, none on the other."""
    land(hand_made, "companies", "1", party={"name": "Hartwell Consulting Inc."}, currency={"code": "USD"})
    land(hand_made, "accounting_periods", "1", name="2026-10", state="open", type="standard", company=1,
         start_date="2026-10-01", end_date="2026-10-31")  # fmt: skip
    for employee, code, identifiers in ((1, "E00101", []), (3, "OLD-7", ["E00103"])):
        land(
            hand_made,
            "employees",
            str(employee),
            code=code,
            identifiers=identifiers,
            email=None,
            company=1,
            active=True,
        )
    land(hand_made, "parties", "2", code="C1001", identifiers=[], active=True)
    for project, name in ((1, "P1001 Harbour"), (9, "P1002 Bridge")):
        land(hand_made, "projects", str(project), name=name, company=1, party=2, project_invoice_method="timesheet",
             status={"name": "Open", "progress": None})  # fmt: skip
    for task, project, title, rate in (
        (2, 1, "Analysis", "150.00"), (3, 1, "Design", "150.00"), (4, 1, "Design", "180.00"), (10, 9, "Fixed fee", None),
    ):  # fmt: skip
        land_task(hand_made, task, project, title, rate)
    return hand_made


def land(firm: Firm, resource: str, source_id: str, **record: Any) -> None:
    firm.land(
        "tryton", resource, source_id, {"id": source_id, "last_modified_at": "2026-10-01 00:00:00.000000", **record}
    )


def land_task(firm: Firm, task: int, project: int, title: str, rate: str | None, **more: Any) -> None:
    land(firm, "tasks", str(task), name=title, company=1, parent=project, list_price=rate,
         timesheet_works=[str(100 + task)], status={"name": "Open", "progress": None}, **more)  # fmt: skip


def land_line(
    firm: Firm, vendor_id: str, key: str | None, minutes: str, work: str, invoice_line: int | None = None
) -> None:
    land(firm, "timesheet_lines", vendor_id, date="2026-10-05", minutes=minutes, employee=1, work=int(work), company=1,
         marker=key, invoice_line=invoice_line)  # fmt: skip


def land_invoice(
    firm: Firm, state: str, unpaid: str, total: str = "300.00", lines: tuple[str, ...] = ("v-1001",), **more: Any
) -> None:
    land(firm, "invoices", "7", **{
        "number": None if state == "draft" else "INV7", "state": state, "party": 2, "company": 1, "invoice_date": "2026-10-31",
        "currency": {"code": "USD"}, "total_amount": total, "amount_to_pay": unpaid, "credited_by": [],
        "time": [{"line": line, "invoice_line": 70} for line in lines], **more,
    })  # fmt: skip


def labour(firm: Firm, source_id: str = "1001") -> tuple[Any, ...]:
    row = firm.connection.execute(
        "select destination, desired_state, reason, fields ->> 'employee_ref', fields ->> 'project_ref', fields ->> 'task_ref',"
        " fields ->> 'item_ref' from sync.sync_erp__labor where source_system = 'kantata' and source_id = %s",
        (source_id,),
    ).fetchone()
    assert row is not None
    return row


def delivered(firm: Firm) -> Night:
    """The hour of 120 minutes at 150 is posted and read back."""
    firm.entry("1001")
    night = Night(firm)
    night.settle()
    night.begin_reading()
    begin_reading_tryton(firm)
    land_line(firm, "v-1001", "kantata-1001-g1", "120", "103")
    night.count()
    return night


def begin_reading_tryton(firm: Firm) -> None:
    firm.connection.execute(
        "insert into landing.load (load_id, run_id, connection, resource, scope, status, read_started_at, finished_at)"
        " values (gen_random_uuid()::text, 'r', 'tryton', 'timesheet_lines', 'changes', 'landed', clock_timestamp(), clock_timestamp())"
    )


def told(firm: Firm) -> tuple[str, str]:
    row = firm.connection.execute(
        "select fields ->> 'status', fields ->> 'external_status' from sync.sync_psa__invoice_status where source_id = '1001'"
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def seen(firm: Firm) -> list[tuple[Any, ...]]:
    return firm.connection.execute(
        "select vendor_id, class, posted_minutes, posted_amount, seen_minutes, seen_amount"
        " from intermediate.int_statement_seen where destination = 'tryton' order by 1"
    ).fetchall()


def test_an_hour_goes_to_the_task_of_its_rate_that_is_named_like_its_phase(firm: Firm) -> None:
    firm.entry("1001")
    assert labour(firm) == ("tryton", "present", None, "1", "1", "103", None)


def test_of_several_tasks_of_a_rate_none_named_like_the_phase_the_oldest_is_taken(firm: Firm) -> None:
    land_task(firm, 3, 1, "Drawing", "150.00")
    firm.entry("1001")
    assert labour(firm)[5] == "102"


def test_an_hour_without_a_task_of_its_rate_is_held_by_that_name(firm: Firm) -> None:
    for task in (2, 3):
        land_task(firm, task, 1, "Design", "151.00")
    firm.entry("1001")
    assert labour(firm)[1:3] == ("held", "unknown task for rate")


def test_a_rate_in_another_currency_than_the_companys_has_no_task(firm: Firm) -> None:
    land(firm, "companies", "1", party={"name": "Hartwell Consulting Inc."}, currency={"code": "EUR"})
    firm.entry("1001")
    assert labour(firm)[1:3] == ("held", "unknown task for rate")


def test_fixed_fee_work_goes_to_the_task_without_a_rate(firm: Firm) -> None:
    firm.entry("1001", workspace_id="22", story_id="32")
    assert labour(firm)[1:6] == ("present", None, "1", "9", "110")


def test_a_person_is_found_by_an_identifier_of_the_party(firm: Firm) -> None:
    found = firm.connection.execute(
        "select employee_id from staging.stg_tryton__employees where entity_number = 'E00103'"
    ).fetchall()
    assert found == [("3",)]


def test_an_hour_of_another_entity_still_goes_to_netsuite(firm: Firm) -> None:
    firm.entry("1002", user_id="12", role_id="42")
    assert labour(firm, "1002")[0] == "netsuite"


def test_what_was_posted_comes_back_the_same(firm: Firm) -> None:
    delivered(firm)
    assert seen(firm) == [("v-1001", "the same", 120, Decimal("300.00"), 120, Decimal("300.00"))]


def test_minutes_changed_by_hand_there_are_told(firm: Firm) -> None:
    delivered(firm)
    land_line(firm, "v-1001", "kantata-1001-g1", "90", "103")
    assert seen(firm) == [("v-1001", "changed by hand there", 120, Decimal("300.00"), 90, Decimal("225.00"))]


def test_a_price_changed_on_the_task_is_told_as_a_change_by_hand(firm: Firm) -> None:
    delivered(firm)
    land_task(firm, 3, 1, "Design", "155.00")
    assert seen(firm) == [("v-1001", "changed by hand there", 120, Decimal("300.00"), 120, Decimal("310.00"))]


def test_a_line_somebody_logged_there_is_foreign(firm: Firm) -> None:
    delivered(firm)
    land_line(firm, "99", None, "60", "103")
    assert ("99", "foreign row") in [row[:2] for row in seen(firm)]


def test_hours_rounded_before_they_are_priced_are_the_destinations_rounding(firm: Firm) -> None:
    """Twenty minutes at 150.00 are 50.00; Tryton bills 0.33 h, which are 49.50."""
    firm.entry("1001", time_in_minutes=20)
    night = Night(firm)
    night.settle()
    begin_reading_tryton(firm)
    land_line(firm, "v-1001", "kantata-1001-g1", "20", "103", invoice_line=70)
    land(firm, "invoice_lines", "70", invoice=7, quantity="0.33", unit_price="150.00", amount="49.50")
    assert seen(firm) == [("v-1001", "destination rounding", 20, Decimal("50.00"), 20, Decimal("49.50"))]


def test_three_lines_of_one_invoice_line_share_its_money_without_a_cent_left(firm: Firm) -> None:
    for number in (1001, 1002, 1003):
        firm.entry(str(number), time_in_minutes=20, notes=f"pii_{number}")
    night = Night(firm)
    night.settle()
    begin_reading_tryton(firm)
    for number in (1001, 1002, 1003):
        land_line(firm, f"v-{number}", f"kantata-{number}-g1", "20", "103", invoice_line=70)
    land(firm, "invoice_lines", "70", invoice=7, quantity="1.00", unit_price="150.00", amount="150.00")
    rows = seen(firm)
    assert [row[1] for row in rows] == ["the same"] * 3
    assert sum(row[5] for row in rows) == Decimal("150.00")


def test_an_invoice_line_whose_hours_were_changed_is_no_rounding(firm: Firm) -> None:
    delivered(firm)
    land_line(firm, "v-1001", "kantata-1001-g1", "120", "103", invoice_line=70)
    land(firm, "invoice_lines", "70", invoice=7, quantity="1.50", unit_price="150.00", amount="225.00")
    assert seen(firm) == [("v-1001", "changed by hand there", 120, Decimal("300.00"), 120, Decimal("225.00"))]


@pytest.mark.parametrize(
    ("state", "unpaid", "credited", "expected"),
    [
        ("draft", "0", [], ("pending", "Draft")),
        ("posted", "300.00", [], ("successful", "Open")),
        ("posted", "100.00", [], ("successful", "Partly Paid")),
        ("paid", "0", [], ("successful", "Paid In Full")),
        ("cancelled", "0", [], ("pending", "Voided")),
        ("cancelled", "0", [{"invoice": 8, "state": "paid", "total_amount": "-300.00"}], ("pending", "Credited")),
        (
            "posted",
            "100.00",
            [{"invoice": 8, "state": "posted", "total_amount": "-200.00"}],
            ("successful", "Partly Paid"),
        ),
        ("paid", "0", [{"invoice": 8, "state": "posted", "total_amount": "-300.00"}], ("pending", "Credited")),
    ],
)
def test_an_invoices_state_is_told_to_the_psa(
    firm: Firm, state: str, unpaid: str, credited: list[Any], expected: tuple[str, str]
) -> None:
    delivered(firm)
    land_invoice(firm, state, unpaid, credited_by=credited)
    assert told(firm) == expected


@pytest.mark.parametrize(
    ("state", "expected"), [("draft", "on_draft_invoice"), ("posted", "billed"), ("cancelled", "billed")]
)
def test_what_an_invoice_makes_of_an_hour_is_known_before_it_is_changed(firm: Firm, state: str, expected: str) -> None:
    delivered(firm)
    land_invoice(firm, state, "300.00")
    found = firm.connection.execute(
        "select context ->> 'destination_state' from sync.sync_erp__labor where source_system = 'kantata' and source_id = '1001'"
    ).fetchone()
    assert found == (expected,)
