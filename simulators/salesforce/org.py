"""The firm as the org shows it: customers, contracts and rates of the world, kept in step with it.

The world is read anew before each call: a record whose `modified_at` moved becomes a changed row with that stamp. What
was done in the org alone (a merge, a deletion, a late commit) lies over it and survives later changes of the world.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulators.salesforce.objects import OBJECTS, to_18
from simulators.salesforce.store import Row, Store

if TYPE_CHECKING:
    from simulators.firm.model import Contract, Customer, RateEntry, World

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
        for name, values, modified_at in self._firm_rows():
            identifier = values["Id"]
            if self._seen.get(identifier) == modified_at:
                continue
            if identifier in self._seen:
                laid_over = values | self._overlay.get(identifier, {})
                if identifier in self.store.rows[name]:
                    self.store.change(name, identifier, laid_over, stamp=modified_at)
            else:
                self.store.load(name, values, stamp=modified_at)
            self._seen[identifier] = modified_at

    def lay_over(self, name: str, identifier: str, values: Row, *, stamp: datetime | None = None) -> None:
        """A change made in the org alone."""
        identifier = to_18(identifier)
        self._overlay.setdefault(identifier, {}).update(values)
        self.store.change(name, identifier, values, stamp=stamp)

    def _firm_rows(self) -> Iterator[tuple[str, Row, datetime]]:
        world = self.world
        for customer in world.customers.values():
            yield "Account", self._account(customer), customer.modified_at
        for book in world.price_books.values():
            values = {"Id": book.salesforce_pricebook_id, "Name": book.name, "IsActive": True, "IsStandard": False}
            yield "Pricebook2", values, book.modified_at
        for contract in world.contracts.values():
            yield "Contract", self._contract(contract), contract.modified_at
            yield "Opportunity", self._opportunity(contract), contract.modified_at
        products: set[str] = set()
        for rate in world.rate_entries.values():
            if rate.salesforce_product_id not in products:
                products.add(rate.salesforce_product_id)
                yield "Product2", _product(rate), self._seen.get(to_18(rate.salesforce_product_id), rate.modified_at)
            yield "PricebookEntry", _rate(rate), rate.modified_at

    def _account(self, customer: Customer) -> Row:
        parent = self.world.customers.get(customer.parent_number or "")
        return {
            "Id": to_18(customer.salesforce_account_id),
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
            "Id": to_18(contract.salesforce_contract_id),
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
            "Id": to_18(OBJECTS["Opportunity"].key_prefix + contract.salesforce_contract_id[3:15]),
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
        """Merge two accounts (A.4): the loser is deleted and names its master, its children follow, the winner is modified."""
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


def _product(rate: RateEntry) -> Row:
    name = rate.role_name or "Consulting hour"
    return {"Id": to_18(rate.salesforce_product_id), "Name": name, "ProductCode": name.upper(), "IsActive": True}


def _rate(rate: RateEntry) -> Row:
    return {
        "Id": to_18(rate.salesforce_entry_id),
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
