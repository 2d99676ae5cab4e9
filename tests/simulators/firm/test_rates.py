"""The strongest price that holds on the day decides."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from simulators.firm import masters
from simulators.firm.ids import Ids
from simulators.firm.model import TIME_AND_MATERIALS, Consultant, Contract, Project, World
from simulators.firm.rates import Price, RateBook

DAY = date(2026, 9, 10)


class Priced:
    """A project under a contract whose price book is empty until `add`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.project: Project = next(
            p
            for p in world.projects.values()
            if p.contract_number
            and world.contracts[p.contract_number].billing_type == TIME_AND_MATERIALS
            and world.contracts[p.contract_number].salesforce_pricebook_id
        )
        self.contract: Contract = world.contracts[self.project.contract_number or ""]
        self.person: Consultant = next(iter(world.consultants.values()))
        self.role = next(r for r in world.roles.values() if r.name == "Analyst")
        world.rate_entries.clear()
        self.ids = Ids(99)

    def add(self, price: str, first: date = date(2026, 1, 1), last: date | None = None, **who: str) -> None:
        masters.add_rate(self.world, self.ids, self.contract, Decimal(price), first, last, **who)

    def ask(self, day: date = DAY) -> Price | None:
        return RateBook(self.world).price(self.contract, self.project, self.person, self.role.kantata_role_id, day)

    def found(self, day: date = DAY) -> Price:
        price = self.ask(day)
        assert price is not None
        return price


@pytest.fixture
def priced(world: World) -> Priced:
    return Priced(world)


def test_person_beats_project_beats_role_beats_card(priced: Priced) -> None:
    assert priced.found().rule == "rate_card"
    priced.add("101", role_name="Analyst")
    assert priced.ask() == (Decimal(101), priced.contract.currency, "price_book_role")
    priced.add("102", role_name="Analyst", project_code=priced.project.code)
    assert priced.found().rule == "price_book_project"
    priced.add("103", person_number=priced.person.number)
    assert priced.found().rate == Decimal(103)


def test_prices_of_others_do_not_count(priced: Priced) -> None:
    priced.add("101", role_name="Partner")
    priced.add("102", role_name="Analyst", project_code="P9999")
    priced.add("103", person_number="E09999")
    assert priced.found().rule == "rate_card"


def test_dates_are_inclusive_and_a_gap_has_no_price(priced: Priced) -> None:
    priced.world.rate_card.clear()
    priced.add("101", last=DAY, role_name="Analyst")
    priced.add("105", first=DAY + timedelta(days=2), role_name="Analyst")
    assert priced.found(DAY).rate == Decimal(101)
    assert priced.ask(DAY + timedelta(days=1)) is None
    assert priced.found(DAY + timedelta(days=2)).rate == Decimal(105)


def test_inactive_and_foreign_prices_do_not_count(priced: Priced) -> None:
    priced.add("101", role_name="Analyst")
    priced.add("102", role_name="Analyst")
    inactive, foreign = priced.world.rate_entries.values()
    inactive.is_active, foreign.currency = False, "JPY"
    assert priced.found().rule == "rate_card"


@pytest.mark.parametrize(
    ("rate", "minutes", "amount"),
    [
        ("100", 60, "100.00"),
        ("187.35", 50, "156.13"),
        ("0.03", 10, "0.01"),
        ("0.01", 30, "0.01"),
        ("120.50", 7, "14.06"),
    ],
)
def test_amount_is_rounded_once_half_away_from_zero(rate: str, minutes: int, amount: str) -> None:
    assert Price(Decimal(rate), "USD", "rate_card").amount(minutes) == Decimal(amount)
