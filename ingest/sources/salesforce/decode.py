"""What is read of Salesforce, and how its rows become records. Pure.

Ids have 18 characters, instants end in ``+0000``. ``attributes`` is the transport's. Custom fields as the firm's org has
them; an org that lacks one answers INVALID_FIELD, which names it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingest.declaration import Field, Resource

_EVERYWHERE = (Field("Id", "text"), Field("IsDeleted", "boolean"), Field("SystemModstamp", "instant"))
_TRANSPORT = frozenset({"attributes"})

ACCOUNTS = Resource(
    name="accounts",
    is_master=True,
    key="Id",
    source_version="SystemModstamp",
    fields=(
        *_EVERYWHERE,
        Field("Name", "text", nullable=True),
        Field("AccountNumber", "text", nullable=True),
        Field("ParentId", "text", nullable=True),
        Field("BillingCountryCode", "text", nullable=True),
        Field("CurrencyIsoCode", "text", nullable=True),
        Field("MasterRecordId", "text", nullable=True),
    ),
    dropped=_TRANSPORT,
)
CONTRACTS = Resource(
    name="contracts",
    is_master=True,
    key="Id",
    source_version="SystemModstamp",
    fields=(
        *_EVERYWHERE,
        Field("AccountId", "text", nullable=True),
        Field("ContractNumber", "text"),
        Field("Status", "text", nullable=True),
        Field("StartDate", "date", nullable=True),
        Field("ContractTerm", "number", nullable=True),
        Field("EndDate", "date", nullable=True),
        Field("Pricebook2Id", "text", nullable=True),
        Field("Billing_Type__c", "text", nullable=True),
        Field("CurrencyIsoCode", "text", nullable=True),
    ),
    dropped=_TRANSPORT,
)
PRICEBOOK_ENTRIES = Resource(
    name="pricebook_entries",
    is_master=True,
    key="Id",
    source_version="SystemModstamp",
    fields=(
        *_EVERYWHERE,
        Field("Pricebook2Id", "text", nullable=True),
        Field("Product2Id", "text", nullable=True),
        Field("UnitPrice", "number", nullable=True),
        Field("CurrencyIsoCode", "text", nullable=True),
        Field("IsActive", "boolean"),
        Field("Person__c", "text", nullable=True),
        Field("Project__c", "text", nullable=True),
        Field("Role__c", "text", nullable=True),
        Field("Effective_From__c", "date", nullable=True),
        Field("Effective_To__c", "date", nullable=True),
    ),
    dropped=_TRANSPORT,
)
RESOURCES: Sequence[Resource] = (ACCOUNTS, CONTRACTS, PRICEBOOK_ENTRIES)
OBJECTS = {"accounts": "Account", "contracts": "Contract", "pricebook_entries": "PricebookEntry"}


def select(resource: Resource, where: str = "", order: str = "") -> str:
    """The SOQL that reads a resource's declared fields."""
    fields = ", ".join(field.name for field in resource.fields)
    parts = [f"SELECT {fields} FROM {OBJECTS[resource.name]}"]  # noqa: S608  names are declared above
    parts += [f"WHERE {where}"] if where else []
    parts += [f"ORDER BY {order}"] if order else []
    return " ".join(parts)


def deleted(rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Ids of the rows that are marked deleted."""
    return frozenset(
        str(row["Id"]) for row in rows if isinstance(row, dict) and row.get("IsDeleted") is True and "Id" in row
    )
