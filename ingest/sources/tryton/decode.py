"""What is read of Tryton: fields of its models, and how a record of the API becomes ours. Pure.

The client gives Python values. Here ids become text, exact decimals and durations text or whole minutes, dates ISO, and
an instant stays naive, as the server writes it (it runs in UTC). A record dotted into (``party.code``) comes nested under
``party.`` and stays so, the dot left out.

``last_modified_at`` is when the transaction that wrote the record began, not when it became visible.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from ingest.declaration import Duration, Field, Neighbourhood, Personal, Resource

STAMP = "last_modified_at"
_ID = Field("id", "text")
_MODIFIED = Field(STAMP, "naive_instant")
MINUTE_DIGITS = Decimal("0.000001")
# Our key in a line's description: `hourline <record key>-r<revision>-<direction> <what it is>`.
_MARKER = re.compile(r"^hourline ([A-Za-z0-9_-]+-g\d+)-r\d+-[a-z](?:\s|$)")

COMPANIES = Resource(
    name="companies",
    is_master=True,
    source_version=STAMP,
    fields=(_ID, _MODIFIED, Field("party", "object"), Field("currency", "object")),
)
ACCOUNTING_PERIODS = Resource(
    name="accounting_periods",
    is_master=True,
    source_version=STAMP,
    fields=(
        _ID,
        _MODIFIED,
        Field("name", "text"),
        Field("start_date", "date"),
        Field("end_date", "date"),
        Field("state", "text"),
        Field("type", "text"),
        Field("company", "reference", nullable=True),
    ),
)
EMPLOYEES = Resource(
    name="employees",
    is_master=True,
    source_version=STAMP,
    is_about_person=True,
    fields=(
        _ID,
        _MODIFIED,
        Field("code", "text", nullable=True),
        Field("identifiers", "list"),
        Field("name", "text", nullable=True),
        Field("email", "text", nullable=True),
        Field("company", "reference"),
        Field("start_date", "date", nullable=True),
        Field("end_date", "date", nullable=True),
        Field("active", "boolean"),
    ),
    personal=(
        Personal(("name",), "name", kind_of_person="employee"),
        Personal(("email",), "email", kind_of_person="employee"),
    ),
)
PARTIES = Resource(
    name="parties",
    is_master=True,
    source_version=STAMP,
    fields=(
        _ID,
        _MODIFIED,
        Field("code", "text", nullable=True),
        Field("identifiers", "list"),
        Field("name", "text", nullable=True),
        Field("active", "boolean"),
    ),
    # A party may be a person, and nothing in it says so.
    personal=(Personal(("name",), "name", kind_of_person="party"),),
)
PROJECTS = Resource(
    name="projects",
    is_master=True,
    source_version=STAMP,
    fields=(
        _ID,
        _MODIFIED,
        Field("name", "text"),
        Field("number", "text", nullable=True),
        Field("company", "reference"),
        Field("party", "reference", nullable=True),
        Field("project_invoice_method", "text", nullable=True),
        Field("status", "object"),
    ),
)
TASKS = Resource(
    name="tasks",
    is_master=True,
    source_version=STAMP,
    fields=(
        _ID,
        _MODIFIED,
        Field("name", "text"),
        Field("number", "text", nullable=True),
        Field("company", "reference"),
        Field("parent", "reference", nullable=True),
        Field("list_price", "numeric_text", nullable=True),
        Field("status", "object"),
        Field("timesheet_works", "list"),
    ),
)
TIMESHEET_WORKS = Resource(
    name="timesheet_works",
    is_master=True,
    source_version=STAMP,
    fields=(
        _ID,
        _MODIFIED,
        Field("name", "text", nullable=True),
        Field("origin", "text", nullable=True),
        Field("company", "reference"),
        Field("timesheet_start_date", "date", nullable=True),
        Field("timesheet_end_date", "date", nullable=True),
    ),
)
TIMESHEET_LINES = Resource(
    name="timesheet_lines",
    is_master=False,
    source_version=STAMP,
    work_date="date",
    duration=Duration("minutes", 1),
    fields=(
        _ID,
        _MODIFIED,
        Field("date", "date"),
        Field("minutes", "numeric_text"),
        Field("employee", "reference"),
        Field("work", "reference"),
        Field("company", "reference"),
        Field("description", "text", nullable=True),
        Field("marker", "text", nullable=True),
        Field("uuid", "text", nullable=True),
        Field("cost_price", "numeric_text", nullable=True),
        Field("invoice_line", "reference", nullable=True),
    ),
    personal=(Personal(("description",), "note", person=("employee",), kind_of_person="employee"),),
    neighbourhoods=(Neighbourhood("readback_of_key", "$.marker"),),
)
INVOICES = Resource(
    name="invoices",
    is_master=False,
    source_version=STAMP,
    fields=(
        _ID,
        _MODIFIED,
        Field("number", "text", nullable=True),
        Field("reference", "text", nullable=True),
        Field("state", "text"),
        Field("party", "reference", nullable=True),
        Field("company", "reference"),
        Field("invoice_date", "date", nullable=True),
        Field("currency", "object"),
        Field("untaxed_amount", "numeric_text", nullable=True),
        Field("tax_amount", "numeric_text", nullable=True),
        Field("total_amount", "numeric_text", nullable=True),
        Field("amount_to_pay", "numeric_text", nullable=True),
        Field("time", "list"),
        Field("credited_by", "list"),
    ),
    neighbourhoods=(Neighbourhood("invoice_of_time", "$.time[*].line"),),
)
INVOICE_LINES = Resource(
    name="invoice_lines",
    is_master=False,
    source_version=STAMP,
    fields=(
        _ID,
        _MODIFIED,
        Field("invoice", "reference", nullable=True),
        Field("quantity", "numeric_text", nullable=True),
        Field("unit_price", "numeric_text", nullable=True),
        Field("amount", "numeric_text", nullable=True),
        Field("origin", "text", nullable=True),
        Field("description", "text", nullable=True),
    ),
)
PAYMENTS = Resource(
    name="payments",
    is_master=False,
    source_version=STAMP,
    fields=(
        _ID,
        _MODIFIED,
        Field("invoice_payment", "reference", nullable=True),
        Field("date", "date"),
        Field("debit", "numeric_text"),
        Field("credit", "numeric_text"),
        Field("move", "reference"),
    ),
)
RESOURCES: Sequence[Resource] = (
    COMPANIES,
    ACCOUNTING_PERIODS,
    EMPLOYEES,
    PARTIES,
    PROJECTS,
    TASKS,
    TIMESHEET_WORKS,
    TIMESHEET_LINES,
    INVOICE_LINES,
    INVOICES,
    PAYMENTS,
)


@dataclass(frozen=True, slots=True)
class Model:
    """Where a resource comes from.

    Attributes:
        name: Tryton's model.
        asks: fields that are asked for; a dotted one reads the record it refers to.
        where: what belongs to the resource, as a domain; ``{company}`` stands for the connection's company.
        touched_by: relations whose records say part of ours and leave its stamp alone when they change.
    """

    name: str
    asks: tuple[str, ...]
    where: tuple[Any, ...] = ()
    touched_by: tuple[str, ...] = ()


COMPANY = "{company}"
_OURS = (("company", "=", COMPANY),)
_PARTY_CODES = ("code", "name", "identifiers.code")
_WORK = ("name", "number", "company", "status.name", "status.progress")
_SOLD = ("invoice.type", "=", "out")
MODELS: Mapping[str, Model] = {
    "companies": Model("company.company", ("party.code", "party.name", "currency.code"), (("id", "=", COMPANY),)),
    "accounting_periods": Model(
        "account.period", ("name", "start_date", "end_date", "state", "type", "company"), _OURS
    ),
    "employees": Model(
        "company.employee",
        (
            "party.code",
            "party.name",
            "party.email",
            "party.identifiers.code",
            "company",
            "start_date",
            "end_date",
            "active",
        ),
        _OURS,
        ("party", "party.identifiers", "party.contact_mechanisms"),
    ),
    "parties": Model("party.party", (*_PARTY_CODES, "active"), (), ("identifiers",)),
    "projects": Model(
        "project.work", (*_WORK, "party", "project_invoice_method"), (*_OURS, ("type", "=", "project")), ("status",)
    ),
    "tasks": Model(
        "project.work",
        (*_WORK, "parent", "list_price", "timesheet_works.id"),
        (*_OURS, ("type", "=", "task")),
        ("status", "timesheet_works"),
    ),
    "timesheet_works": Model(
        "timesheet.work", ("name", "origin", "company", "timesheet_start_date", "timesheet_end_date"), _OURS
    ),
    "timesheet_lines": Model(
        "timesheet.line",
        ("date", "duration", "employee", "work", "company", "description", "uuid", "cost_price", "invoice_line"),
        _OURS,
    ),
    "invoices": Model(
        "account.invoice",
        (
            "number",
            "reference",
            "state",
            "party",
            "company",
            "invoice_date",
            "currency.code",
            "untaxed_amount",
            "tax_amount",
            "total_amount",
            "amount_to_pay",
        ),
        (*_OURS, ("type", "=", "out")),
        ("payment_lines", "move.lines", "lines"),
    ),
    "invoice_lines": Model(
        "account.invoice.line",
        ("invoice", "quantity", "unit_price", "amount", "origin", "description"),
        (*_OURS, _SOLD, ("type", "=", "line")),
    ),
    "payments": Model(
        "account.move.line",
        ("invoice_payment", "date", "debit", "credit", "move"),
        (("company", "=", COMPANY), ("invoice_payment.type", "=", "out")),
        ("invoice_payments",),
    ),
}


def asked(resource: Resource) -> list[str]:
    """Fields to ask for, the stamp among them."""
    return [STAMP, *MODELS[resource.name].asks]


def domain(resource: Resource, company: int, *more: Any) -> list[Any]:
    """What belongs to a resource of the connection's company, and further clauses."""
    own = [tuple(company if part == COMPANY else part for part in clause) for clause in MODELS[resource.name].where]
    return [*own, *more]


def record(resource: Resource, values: Any) -> Any:
    """A record under the declaration's names. What is no record comes back as it is, for quarantine."""
    if not isinstance(values, dict):
        return values
    flat = {name.rstrip("."): _shown(value) for name, value in values.items()}
    for name in _NESTED & flat.keys():
        if isinstance(values.get(f"{name}."), dict | list):
            flat[name] = _shown(values[f"{name}."])
    if isinstance(values.get("id"), int):
        flat["id"] = str(values["id"])
    reshape = _RESHAPED.get(resource.name)
    return reshape(flat, values) if reshape else flat


def marker(description: Any) -> str | None:
    """Our key in a line's description."""
    found = _MARKER.match(description) if isinstance(description, str) else None
    return found[1] if found else None


def minutes(duration: Any) -> Any:
    """A duration as text: exact minutes to six digits, as canonical minutes are."""
    if not isinstance(duration, timedelta):
        return duration
    microseconds = (duration.days * 86_400 + duration.seconds) * 1_000_000 + duration.microseconds
    return f"{(Decimal(microseconds) / 60_000_000).quantize(MINUTE_DIGITS).normalize():f}"


def amount(value: Any) -> Any:
    """A Decimal as text, exact; null stays null."""
    return f"{value:f}" if isinstance(value, Decimal) else value


# Fields that come twice, as an id and, dotted into, as a record: the record is kept.
_NESTED = frozenset({"party", "currency", "status", "timesheet_works", "identifiers"})


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {name.rstrip("."): _shown(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return amount(value)


def _employee(flat: dict[str, Any], _values: Mapping[str, Any]) -> dict[str, Any]:
    party = flat.pop("party", None)
    told = party if isinstance(party, dict) else {}
    return {**flat, **{name: told.get(name) for name in ("code", "name", "email")}, "identifiers": _codes(told)}


def _party(flat: dict[str, Any], _values: Mapping[str, Any]) -> dict[str, Any]:
    return {**flat, "identifiers": _codes(flat)}


def _codes(party: Mapping[str, Any]) -> list[Any]:
    listed = party.get("identifiers")
    return [one.get("code") if isinstance(one, dict) else one for one in listed] if isinstance(listed, list) else []


def _company(flat: dict[str, Any], _values: Mapping[str, Any]) -> dict[str, Any]:
    party = flat.get("party")
    if isinstance(party, dict):
        flat["party"] = {name: party.get(name) for name in ("id", "code", "name")}
    return flat


def _task(flat: dict[str, Any], _values: Mapping[str, Any]) -> dict[str, Any]:
    works = flat.get("timesheet_works")
    if isinstance(works, list):
        flat["timesheet_works"] = [str(work["id"]) for work in works if isinstance(work, dict) and "id" in work]
    return flat


def _line(flat: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    flat.pop("duration", None)
    return {**flat, "minutes": minutes(values.get("duration")), "marker": marker(values.get("description"))}


def _invoice_line(flat: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    quantity = values.get("quantity")  # a double there; a whole one comes as a whole number
    return {**flat, "quantity": str(quantity)} if type(quantity) is int else flat


_RESHAPED = {
    "companies": _company,
    "employees": _employee,
    "parties": _party,
    "tasks": _task,
    "timesheet_lines": _line,
    "invoice_lines": _invoice_line,
}
