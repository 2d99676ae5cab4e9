"""The firm as the org shows it: customers, contracts and rates of the world, kept in step with it.

The world is read anew before each call: a record whose `modified_at` moved becomes a changed row with that stamp. What
was done in the org alone (a merge, a deletion, a late commit) lies over it and survives later changes of the world.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from simulators.salesforce.objects import OBJECTS, to_18
from simulators.salesforce.store import Row, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from simulators.firm.model import Contract, Customer, PriceBook, RateEntry, World

COUNTRY_OWNER = "005Hl0000000001"


@dataclass
class Org:
    """The store, and the projection of the world into it."""

    world: World
    store: Store = field(init=False)
    _seen: dict[str, datetime] = field(default_factory=dict)
    _overlay: dict[str, Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = Store(now=self._now)
        self.refresh()

    def _now(self) -> datetime:
        return self.world.clock.now().replace(microsecond=0)

    def refresh(self) -> None:
        """Bring the rows in step with the world."""
        for name, own_id, modified_at, render in self._firm_rows():
            identifier = to_18(own_id)
            if self._seen.get(identifier) == modified_at:
                continue
            if identifier not in self._seen:
                self.store.load(name, render() | {"Id": identifier}, stamp=modified_at)
            elif identifier in self.store.rows[name]:
                laid_over = render() | self._overlay.get(identifier, {})
                self.store.change(name, identifier, laid_over, stamp=modified_at)
            self._seen[identifier] = modified_at

    def lay_over(self, name: str, identifier: str, values: Row, *, stamp: datetime | None = None) -> None:
        """A change made in the org alone."""
        identifier = to_18(identifier)
        self._overlay.setdefault(identifier, {}).update(values)
        self.store.change(name, identifier, values, stamp=stamp)

    def _firm_rows(self) -> Iterator[tuple[str, str, datetime, Callable[[], Row]]]:
        world = self.world
        for customer in world.customers.values():
            yield "Account", customer.salesforce_account_id, customer.modified_at, partial(self._account, customer)
        for book in world.price_books.values():
            yield "Pricebook2", book.salesforce_pricebook_id, book.modified_at, partial(_price_book, book)
        for contract in world.contracts.values():
            yield "Contract", contract.salesforce_contract_id, contract.modified_at, partial(self._contract, contract)
            deal = OBJECTS["Opportunity"].key_prefix + contract.salesforce_contract_id[3:15]
            yield "Opportunity", deal, contract.modified_at, partial(self._opportunity, contract)
        products: dict[str, RateEntry] = {}
        for rate in world.rate_entries.values():
            yield "PricebookEntry", rate.salesforce_entry_id, rate.modified_at, partial(_rate, rate)
            products.setdefault(rate.salesforce_product_id, rate)
        for own_id, rate in products.items():  # a product is as old as its first price, and never changes
            stamp = self._seen.get(to_18(own_id), rate.modified_at)
            yield "Product2", own_id, stamp, partial(_product, rate)

    def _account(self, customer: Customer) -> Row:
        parent = self.world.customers.get(customer.parent_number or "")
        return {
            "Name": customer.name,
            "AccountNumber": customer.number,
            "ParentId": to_18(parent.salesforce_account_id) if parent else None,
            "BillingCountryCode": customer.country,
            "CurrencyIsoCode": customer.currency,
            "OwnerId": to_18(COUNTRY_OWNER),
        }

    def _contract(self, contract: Contract) -> Row:
        months = (contract.end_date.year - contract.start_date.year) * 12 + (
            contract.end_date.month - contract.start_date.month
        )
        return {
            "AccountId": self._account_id(contract),
            "ContractNumber": contract.number,
            "Status": "Activated",
            "StartDate": contract.start_date,
            "ContractTerm": max(1, months),
            "EndDate": contract.end_date,
            "Pricebook2Id": to_18(contract.salesforce_pricebook_id) if contract.salesforce_pricebook_id else None,
            "Billing_Type__c": contract.billing_type,
            "CurrencyIsoCode": contract.currency,
        }

    def _opportunity(self, contract: Contract) -> Row:
        """The deal the contract came from: won, closed on the contract's first day."""
        return {
            "AccountId": self._account_id(contract),
            "Name": f"Contract {contract.number}",
            "StageName": "Closed Won",
            "CloseDate": contract.start_date,
            "IsWon": True,
            "IsClosed": True,
            "Pricebook2Id": to_18(contract.salesforce_pricebook_id) if contract.salesforce_pricebook_id else None,
            "ContractId": to_18(contract.salesforce_contract_id),
            "CurrencyIsoCode": contract.currency,
        }

    def _account_id(self, contract: Contract) -> str:
        return to_18(self.world.customers[contract.customer_number].salesforce_account_id)

    def merge(self, winner: str, loser: str) -> dict[str, Any]:
        """Merge two accounts (A.4): the loser is deleted and names its master, children follow, the winner changes."""
        store = self.store
        keeper, gone = store.get("Account", winner), store.get("Account", loser)
        moved: list[str] = []
        for name, sobject in OBJECTS.items():
            for parent in (f.name for f in sobject.fields.values() if f.refers_to == "Account" and f.is_writable):
                for row in list(store.rows[name].values()):
                    if row[parent] == gone["Id"] and not row["IsDeleted"]:
                        self.lay_over(name, row["Id"], {parent: keeper["Id"]})
                        moved.append(row["Id"])
        self.lay_over("Account", gone["Id"], {"MasterRecordId": keeper["Id"]})
        self.delete("Account", gone["Id"])
        store.change("Account", keeper["Id"], {})
        return {"winner": keeper["Id"], "loser": gone["Id"], "moved": moved}

    def delete(self, name: str, identifier: str) -> None:
        """Into the recycle bin."""
        self.store.delete(name, identifier)
        self._overlay.setdefault(to_18(identifier), {})["IsDeleted"] = True


def _price_book(book: PriceBook) -> Row:
    return {"Name": book.name, "IsActive": True, "IsStandard": False}


def _product(rate: RateEntry) -> Row:
    name = rate.role_name or "Consulting hour"
    return {"Name": name, "ProductCode": name.upper(), "IsActive": True}


def _rate(rate: RateEntry) -> Row:
    return {
        "Pricebook2Id": to_18(rate.salesforce_pricebook_id),
        "Product2Id": to_18(rate.salesforce_product_id),
        "UnitPrice": rate.unit_price,
        "IsActive": rate.is_active,
        "CurrencyIsoCode": rate.currency,
        "Person__c": rate.person_number,
        "Project__c": rate.project_code,
        "Role__c": rate.role_name,
        "Effective_From__c": rate.effective_from,
        "Effective_To__c": rate.effective_to,
    }
