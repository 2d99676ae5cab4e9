"""What an hour costs the client, by the firm's own rules: the reckoning behind the truth and last year's ERP rows."""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, NamedTuple

from simulators.firm.model import TIME_AND_MATERIALS

if TYPE_CHECKING:
    from datetime import date

    from simulators.firm.model import Consultant, Contract, Project, RateEntry, World

CENT = Decimal("0.01")


class Price(NamedTuple):
    """`rule`: `price_book_person`, `price_book_project`, `price_book_role` or `rate_card`."""

    rate: Decimal
    currency: str
    rule: str

    def amount(self, minutes: int) -> Decimal:
        """Rounded once, half away from zero (hours are never negative here)."""
        return (self.rate * minutes / 60).quantize(CENT, ROUND_HALF_UP)


class RateBook:
    """The prices of the firm as they stand when it is made."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._by_book: defaultdict[str, list[RateEntry]] = defaultdict(list)
        for entry in world.rate_entries.values():
            if entry.is_active:
                self._by_book[entry.salesforce_pricebook_id].append(entry)

    def is_hourly(self, contract: Contract | None) -> bool:
        return contract is not None and contract.billing_type == TIME_AND_MATERIALS

    def price(
        self, contract: Contract, project: Project, person: Consultant, role_id: str | None, day: date
    ) -> Price | None:
        """The strongest price that holds on the day; None: none does."""
        role = self._world.roles.get(role_id or "")
        role_name = role.name if role else None
        book = [
            entry
            for entry in self._by_book.get(contract.salesforce_pricebook_id or "", ())
            if entry.currency == contract.currency
            and entry.effective_from <= day
            and (entry.effective_to is None or day <= entry.effective_to)
        ]
        for rule, entries in (
            ("price_book_person", [e for e in book if e.person_number == person.number]),
            ("price_book_project", [e for e in book if e.project_code == project.code and e.role_name == role_name]),
            (
                "price_book_role",
                [e for e in book if not e.person_number and not e.project_code and e.role_name == role_name],
            ),
        ):
            if entries:
                return Price(max(entries, key=lambda e: e.effective_from).unit_price, contract.currency, rule)
        card = [
            row
            for row in self._world.rate_card
            if row.kantata_role_id == role_id and row.currency == contract.currency and row.effective_date <= day
        ]
        if not card:
            return None
        row = max(card, key=lambda r: r.effective_date)
        return Price(Decimal(row.cents_per_hour) / 100, contract.currency, "rate_card")
