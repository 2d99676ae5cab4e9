"""The objects of the demo firm's org: their fields, types and key prefixes.

Standard fields are those of sheet section A.3; the custom ones (`__c`) are those by which the firm tells billing type,
work assignment and rate history (PricebookEntry itself has no effective dates, A.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

FieldType = Literal["id", "reference", "string", "picklist", "email", "boolean", "date", "datetime", "currency", "int"]

ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object; `refers_to` names the object an id must belong to."""

    name: str
    type: FieldType
    refers_to: str = ""
    is_external_id: bool = False
    is_unique: bool = False
    is_required: bool = False
    is_writable: bool = True

    @property
    def is_custom(self) -> bool:
        return self.name.endswith("__c")


@dataclass(frozen=True, slots=True)
class SObject:
    """One object of the org."""

    name: str
    key_prefix: str
    fields: dict[str, Field]

    def field(self, name: str) -> Field | None:
        """The field of that name; as in SOQL, letter case does not matter."""
        exact = self.fields.get(name)
        return exact or next((f for key, f in self.fields.items() if key.lower() == name.lower()), None)


def _object(name: str, key_prefix: str, *fields: Field) -> SObject:
    system = (
        Field("Id", "id", is_writable=False),
        Field("IsDeleted", "boolean", is_writable=False),
        Field("CurrencyIsoCode", "picklist"),
        Field("CreatedDate", "datetime", is_writable=False),
        Field("LastModifiedDate", "datetime", is_writable=False),
        Field("SystemModstamp", "datetime", is_writable=False),
    )
    return SObject(name, key_prefix, {f.name: f for f in (*system, *fields)})


OBJECTS: dict[str, SObject] = {
    o.name: o
    for o in (
        _object(
            "Account",
            "001",
            Field("Name", "string", is_required=True),
            Field("AccountNumber", "string"),
            Field("ParentId", "reference", "Account"),
            Field("BillingCountryCode", "picklist"),
            Field("OwnerId", "reference"),
            Field("MasterRecordId", "reference", "Account", is_writable=False),
        ),
        _object(
            "Contract",
            "800",
            Field("AccountId", "reference", "Account", is_required=True),
            Field("ContractNumber", "string", is_writable=False),
            Field("Status", "picklist"),
            Field("StartDate", "date"),
            Field("ContractTerm", "int"),
            Field("EndDate", "date", is_writable=False),
            Field("Pricebook2Id", "reference", "Pricebook2"),
            Field("Billing_Type__c", "picklist"),
            Field("Name", "string"),
        ),
        _object(
            "Opportunity",
            "006",
            Field("AccountId", "reference", "Account"),
            Field("Name", "string", is_required=True),
            Field("StageName", "picklist", is_required=True),
            Field("Amount", "currency"),
            Field("CloseDate", "date", is_required=True),
            Field("IsWon", "boolean", is_writable=False),
            Field("IsClosed", "boolean", is_writable=False),
            Field("Pricebook2Id", "reference", "Pricebook2"),
            Field("ContractId", "reference", "Contract"),
        ),
        _object(
            "Contact",
            "003",
            Field("AccountId", "reference", "Account"),
            Field("FirstName", "string"),
            Field("LastName", "string", is_required=True),
            Field("Email", "email"),
        ),
        _object(
            "Product2",
            "01t",
            Field("Name", "string", is_required=True),
            Field("ProductCode", "string"),
            Field("IsActive", "boolean"),
        ),
        _object(
            "Pricebook2",
            "01s",
            Field("Name", "string", is_required=True),
            Field("IsActive", "boolean"),
            Field("IsStandard", "boolean", is_writable=False),
        ),
        _object(
            "PricebookEntry",
            "01u",
            Field("Pricebook2Id", "reference", "Pricebook2", is_required=True),
            Field("Product2Id", "reference", "Product2", is_required=True),
            Field("UnitPrice", "currency", is_required=True),
            Field("IsActive", "boolean"),
            Field("Person__c", "string"),
            Field("Project__c", "string"),
            Field("Role__c", "string"),
            Field("Effective_From__c", "date"),
            Field("Effective_To__c", "date"),
        ),
        _object(
            "Invoice_Status__c",
            "a01",
            Field("Name", "string", is_writable=False),
            Field("ERP_Key__c", "string", is_external_id=True, is_unique=True, is_required=True),
            Field("Batch_Key__c", "string", is_external_id=True),
            Field("Account__c", "reference", "Account"),
            Field("Status__c", "picklist"),
            Field("Amount__c", "currency"),
            Field("Paid_On__c", "date"),
        ),
    )
}


def to_18(identifier: str) -> str:
    """The case-safe 18-character form of a 15-character id (A.4); an 18-character id comes back as it is.

    The three added characters tell, five letters at a time, which of the fifteen are upper case.
    """
    if len(identifier) != 15:
        return identifier
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << offset for offset, char in enumerate(identifier[start : start + 5]) if "A" <= char <= "Z")
        suffix += ID_ALPHABET[bits]
    return identifier + suffix


def object_of(identifier: str) -> SObject | None:
    """The object whose key prefix an id begins with."""
    return next((o for o in OBJECTS.values() if identifier.startswith(o.key_prefix)), None)


def describe(sobject: SObject) -> dict[str, Any]:
    """The body of `GET sobjects/{Obj}/describe`, cut down to what a reader of schemas needs."""
    return {
        "name": sobject.name,
        "label": sobject.name.removesuffix("__c").replace("_", " "),
        "keyPrefix": sobject.key_prefix,
        "custom": sobject.name.endswith("__c"),
        "queryable": True,
        "updateable": True,
        "fields": [
            {
                "name": f.name,
                "label": f.name.removesuffix("__c").replace("_", " "),
                "type": f.type,
                "custom": f.is_custom,
                "nillable": not f.is_required and f.is_writable,
                "externalId": f.is_external_id,
                "idLookup": f.is_external_id or f.type == "id",
                "unique": f.is_unique,
                "createable": f.is_writable,
                "updateable": f.is_writable,
                "filterable": True,
                "referenceTo": [f.refers_to] if f.refers_to else [],
            }
            for f in sobject.fields.values()
        ],
    }
