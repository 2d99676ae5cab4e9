"""What is read of NetSuite: one SuiteQL statement a resource, and how its rows become records. Pure.

SuiteQL gives every value as text and leaves null columns out. Dates are asked for by TO_CHAR, since the account's own date
format is not ours to know; the instants so written carry no zone and are read as UTC, which the overlap covers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.declaration import Duration, Field, Neighbourhood, Personal, Resource

DAY = "YYYY-MM-DD"
MOMENT = "YYYY-MM-DD HH24:MI:SS"
_LINKS = frozenset({"links"})
_ID = Field("id", "text")
_MODIFIED = Field("lastmodifieddate", "naive_instant")

TIME_BILLS = Resource(
    name="time_bills",
    is_master=False,
    source_version="lastmodifieddate",
    work_date="trandate",
    duration=Duration("hours", 60),
    fields=(
        _ID,
        _MODIFIED,
        Field("trandate", "date"),
        Field("hours", "numeric_text"),
        Field("employee", "text", "usually"),
        Field("customer", "text", "usually"),
        Field("casetaskevent", "text", "sometimes", nullable=True),
        Field("item", "text", "sometimes", nullable=True),
        Field("rate", "numeric_text", "sometimes", nullable=True),
        Field("isbillable", "flag", "usually", nullable=True),
        Field("timetype", "text", "sometimes", nullable=True),
        Field("memo", "text", "sometimes", nullable=True),
        Field("externalid", "text", "sometimes", nullable=True),
        Field("subsidiary", "text", "sometimes", nullable=True),
        Field("approvalstatus", "text", "sometimes", nullable=True),
        Field("posted", "flag", "sometimes", nullable=True),
    ),
    personal=(Personal(("memo",), "note", person=("employee",), kind_of_person="employee"),),
    neighbourhoods=(Neighbourhood("readback_of_key", "$.externalid"),),
    dropped=_LINKS,
)
INVOICES = Resource(
    name="invoices",
    is_master=False,
    source_version="lastmodifieddate",
    fields=(
        _ID,
        _MODIFIED,
        Field("type", "text"),
        Field("tranid", "text", "usually", nullable=True),
        Field("trandate", "date"),
        Field("status", "text"),
        Field("approvalstatus", "text", "sometimes", nullable=True),
        Field("entity", "text", "usually", nullable=True),
        Field("subsidiary", "text", "sometimes", nullable=True),
        Field("currency", "text", "sometimes", nullable=True),
        Field("foreigntotal", "numeric_text", "sometimes", nullable=True),
        Field("foreignamountunpaid", "numeric_text", "sometimes", nullable=True),
        Field("voided", "flag", "sometimes", nullable=True),
        Field("time", "object"),
    ),
    neighbourhoods=(Neighbourhood("invoice_of_time", "$.time.items[*] ? (@.apply == true).doc"),),
    dropped=_LINKS,
)
EMPLOYEES = Resource(
    name="employees",
    is_master=True,
    source_version="lastmodifieddate",
    is_about_person=True,
    fields=(
        _ID,
        _MODIFIED,
        Field("entityid", "text"),
        Field("email", "text", "sometimes", nullable=True),
        Field("subsidiary", "text", "sometimes", nullable=True),
        Field("isinactive", "flag", "usually", nullable=True),
    ),
    personal=(Personal(("email",), "email", kind_of_person="employee"),),
    dropped=_LINKS,
)
CUSTOMERS = Resource(
    name="customers",
    is_master=True,
    source_version="lastmodifieddate",
    fields=(
        _ID,
        _MODIFIED,
        Field("entityid", "text"),
        Field("companyname", "text", "sometimes", nullable=True),
        Field("parent", "text", "sometimes", nullable=True),
        Field("subsidiary", "text", "sometimes", nullable=True),
        Field("currency", "text", "sometimes", nullable=True),
    ),
    dropped=_LINKS,
)
JOBS = Resource(
    name="jobs",
    is_master=True,
    source_version="lastmodifieddate",
    fields=(
        _ID,
        _MODIFIED,
        Field("entityid", "text"),
        Field("companyname", "text", "sometimes", nullable=True),
        Field("customer", "text", "sometimes", nullable=True),
        Field("subsidiary", "text", "sometimes", nullable=True),
        Field("currency", "text", "sometimes", nullable=True),
        Field("entitystatus", "text", "usually", nullable=True),
        Field("isinactive", "flag", "usually", nullable=True),
    ),
    dropped=_LINKS,
)
PROJECT_TASKS = Resource(
    name="project_tasks",
    is_master=True,
    source_version="lastmodifieddate",
    fields=(
        _ID,
        _MODIFIED,
        Field("project", "text"),
        Field("title", "text"),
        Field("status", "text", "sometimes", nullable=True),
    ),
    dropped=_LINKS,
)
ITEMS = Resource(
    name="items",
    is_master=True,
    source_version="lastmodifieddate",
    fields=(_ID, _MODIFIED, Field("itemid", "text"), Field("isinactive", "flag", "usually", nullable=True)),
    dropped=_LINKS,
)
ACCOUNTING_PERIODS = Resource(
    name="accounting_periods",
    is_master=True,
    source_version="lastmodifieddate",
    fields=(
        _ID,
        _MODIFIED,
        Field("periodname", "text"),
        Field("startdate", "date"),
        Field("enddate", "date"),
        Field("closed", "flag"),
        Field("isquarter", "flag", "usually", nullable=True),
        Field("isyear", "flag", "usually", nullable=True),
    ),
    dropped=_LINKS,
)
SUBSIDIARIES = Resource(
    name="subsidiaries",
    is_master=True,
    is_complete=True,
    fields=(_ID, Field("name", "text"), Field("currency", "text", "usually", nullable=True)),
    dropped=_LINKS,
)
RESOURCES: Sequence[Resource] = (
    SUBSIDIARIES,
    ACCOUNTING_PERIODS,
    ITEMS,
    EMPLOYEES,
    CUSTOMERS,
    JOBS,
    PROJECT_TASKS,
    TIME_BILLS,
    INVOICES,
)


@dataclass(frozen=True, slots=True)
class Table:
    """Where a resource comes from.

    Attributes:
        name: the SuiteQL table.
        where: what belongs to the resource, if not all of it.
        record: record type by whose address one record can be asked for; empty: there is none for all of them.
    """

    name: str
    where: str = ""
    record: str = ""


TABLES: Mapping[str, Table] = {
    "time_bills": Table("timebill", record="timeBill"),
    "invoices": Table("transaction", where="type = 'CustInvc'", record="invoice"),
    "employees": Table("employee", record="employee"),
    "customers": Table("customer", record="customer"),
    "jobs": Table("job", record="job"),
    "project_tasks": Table("projecttask", record="projectTask"),
    "items": Table("item"),
    "accounting_periods": Table("accountingperiod"),
    "subsidiaries": Table("subsidiary"),
}
_DAYS = frozenset({"trandate", "startdate", "enddate"})
_NOT_COLUMNS = frozenset({"time"})  # the invoice's sublist, read from the record


def select(resource: Resource, where: str = "", order: str = "id") -> str:
    """The SuiteQL that reads a resource's declared columns."""
    columns = ", ".join(_column(field.name) for field in resource.fields if field.name not in _NOT_COLUMNS)
    return f"SELECT {columns} FROM {TABLES[resource.name].name}{condition(resource, where)} ORDER BY {order}"  # noqa: S608


def condition(resource: Resource, where: str = "") -> str:
    """The WHERE that narrows the table to the resource, and further."""
    parts = [part for part in (TABLES[resource.name].where, where) if part]
    return f" WHERE {' AND '.join(parts)}" if parts else ""


def _column(name: str) -> str:
    if name in _DAYS:
        return f"TO_CHAR({name}, '{DAY}') AS {name}"
    if name == "lastmodifieddate":
        return f"TO_CHAR({name}, '{MOMENT}') AS {name}"
    if name == "currency":
        return "BUILTIN.DF(currency) AS currency"  # the ISO code; plain, it is an internal id
    return name


def invoice(header: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """An invoice's header row with the time rows that its record lists; what else the sublist tells is left out."""
    time = record.get("time")
    items = time.get("items") if isinstance(time, dict) else None
    lines = [
        {name: item[name] for name in ("doc", "apply", "rate", "quantity") if name in item}
        if isinstance(item, dict)
        else item
        for item in items or []
    ]
    return {**header, "time": {"items": lines}}
