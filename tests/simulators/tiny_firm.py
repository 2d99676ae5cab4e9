"""A firm of a handful of records, made by hand, so that a vendor's test knows every one of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from simulators.firm.model import (
    Consultant,
    Contract,
    Customer,
    LegalEntity,
    Payroll,
    PaySchedule,
    PriceBook,
    RateEntry,
    World,
)
from simulators.kit.clock import SimClock

AS_OF = date(2026, 11, 16)
LONG_AGO = datetime(2026, 1, 5, 9, tzinfo=UTC)
SCHEDULE = "5a8a2c1e-0000-4000-8000-000000000001"


def tiny_firm() -> World:
    """A US entity with payroll and a UK one without; three employees, a subcontractor, three customers, rates."""
    clock = SimClock(AS_OF)
    clock.freeze()
    world = World(seed=7, size=0, as_of=AS_OF, go_live=date(2026, 8, 24), clock=clock)
    us = LegalEntity(
        "US", "Hartwell Inc.", "us", "USD", "America/New_York", "HW-US", "US", "1", "Hartwell US", AS_OF, True, LONG_AGO
    )
    uk = replace(
        us, key="UK", name="Hartwell Ltd", region="uk", currency="GBP", time_zone="Europe/London", has_payroll=False
    )
    world.entities = {"US": us, "UK": replace(uk, hr_company_code="HW-UK", country="GB")}
    _people(world)
    _customers(world)
    _payroll(world)
    return world


def _people(world: World) -> None:
    ana = Consultant(
        "E00101", "Ana", "Müller", "ana.mueller@hartwell.example", "US", "Employee", "11", date(2024, 3, 4), None,
        "CC-100", 40, "E00101", "9001", "101", "501",
        "e0000000-0000-4000-8000-000000000101", "a0000000-0000-4000-8000-000000000101", LONG_AGO,
    )  # fmt: skip
    ben = replace(
        ana, number="E00102", first_name="Ben", last_name="O'Neil", email="ben@hartwell.example", hr_id="e-102",
        kantata_user_id="9002", gusto_employee_uuid="e0000000-0000-4000-8000-000000000102",
        gusto_job_uuid="a0000000-0000-4000-8000-000000000102",
    )  # fmt: skip
    cleo = replace(
        ana, number="E00103", first_name="Cleo", last_name="Søndergaard", email="cleo@hartwell.example", entity="UK",
        hr_id="103", kantata_user_id="9003", gusto_employee_uuid=None, gusto_job_uuid=None,
        termination_date=date(2026, 12, 31),
    )  # fmt: skip
    dan = replace(
        ana, number="E00104", first_name="Dan", last_name="Ito", email="dan@partners.example", hr_id="E00104",
        worker_type="Contingent_Worker", kantata_user_id="9004", gusto_employee_uuid=None, gusto_job_uuid=None,
        termination_date=date(2026, 6, 30),
    )  # fmt: skip
    unknown_to_hr = replace(ana, number="E00105", hr_id=None, gusto_employee_uuid=None, kantata_user_id="9005")
    world.consultants = {c.number: c for c in (ana, ben, cleo, dan, unknown_to_hr)}


def _customers(world: World) -> None:
    def customer(number: str, name: str, account: str, parent: str | None = None, currency: str = "USD") -> Customer:
        return Customer(number, name, parent, "US", currency, "US", account, None, None, None, LONG_AGO)

    world.customers = {
        "C1001": customer("C1001", "Northwind Ltd", "001Xx0000000001IAA"),
        "C1002": customer("C1002", "Northwind Österreich", "001Xx0000000002IAA", "C1001", "EUR"),
        "C1003": customer("C1003", "Acme 'Quote' Co", "001Xx0000000003IAA"),
    }
    world.price_books = {"01sXx0000000001IAA": PriceBook("01sXx0000000001IAA", "Northwind rates", LONG_AGO)}
    contract = Contract(
        "00002001", "C1001", "US", "Time and Materials", "USD", date(2026, 1, 1), date(2026, 12, 31),
        "800Xx0000000001IAA", "01sXx0000000001IAA", LONG_AGO,
    )  # fmt: skip
    other = replace(contract, number="00002002", customer_number="C1003", billing_type="Fixed Fee")
    other = replace(other, salesforce_contract_id="800Xx0000000002IAA", salesforce_pricebook_id=None)
    world.contracts = {c.number: c for c in (contract, other)}
    rate = RateEntry(
        "01uXx0000000001IAA", "01tXx0000000001IAA", "01sXx0000000001IAA", "Consultant", None, None,
        Decimal("185.50"), "USD", date(2026, 1, 1), date(2026, 9, 30), True, LONG_AGO,
    )  # fmt: skip
    later = replace(rate, salesforce_entry_id="01uXx0000000002IAA", unit_price=Decimal(195), effective_to=None)
    later = replace(later, effective_from=date(2026, 10, 1), modified_at=datetime(2026, 9, 20, 8, 30, tzinfo=UTC))
    person = replace(rate, salesforce_entry_id="01uXx0000000003IAA", person_number="E00101", unit_price=Decimal(240))
    world.rate_entries = {r.salesforce_entry_id: r for r in (rate, later, person)}


def _payroll(world: World) -> None:
    world.pay_schedules = [
        PaySchedule("US", SCHEDULE, "0" * 32, "Twice a month", "Twice per month", date(2026, 1, 20), date(2026, 1, 15))
    ]
    periods = [
        (date(2026, 10, 1), date(2026, 10, 15), date(2026, 10, 20), "processed"),
        (date(2026, 10, 16), date(2026, 10, 31), date(2026, 11, 5), "processed"),
        (date(2026, 11, 1), date(2026, 11, 15), date(2026, 11, 20), "unprocessed"),
        (date(2026, 11, 16), date(2026, 11, 30), date(2026, 12, 4), "unprocessed"),
    ]
    for serial, (start, end, check, status) in enumerate(periods, 1):
        payroll = Payroll(
            gusto_payroll_uuid=f"b0000000-0000-4000-8000-00000000000{serial}",
            gusto_schedule_uuid=SCHEDULE,
            period_start=start,
            period_end=end,
            check_date=check,
            deadline=datetime(check.year, check.month, check.day - 2, 23, tzinfo=UTC),
            status=status,
            processed_at=datetime(check.year, check.month, check.day - 3, 18, tzinfo=UTC)
            if status == "processed"
            else None,
            modified_at=LONG_AGO,
        )
        world.payrolls[payroll.gusto_payroll_uuid] = payroll
