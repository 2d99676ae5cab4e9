"""What SuiteQL can see: tables, their columns, types, and what BUILTIN.DF shows (architecture section 9).

Each column is an expression over the store's own table. Dates are stored as `YYYY-MM-DD HH:MM:SS` text, so that they
order and compare as text; the type `date` keeps them apart from other text.
"""

from dataclasses import dataclass
from typing import Literal

Type = Literal["number", "text", "date"]


@dataclass(frozen=True)
class Column:
    """One SuiteQL column: `sql` and `display` are templates over the table's alias `{t}`."""

    type: Type
    sql: str
    display: str | None = None
    exact_sum: str | None = None  # SUM of this column without binary rounding


@dataclass(frozen=True)
class Table:
    """One SuiteQL table: the store's table behind it, a fixed filter if any, and its columns."""

    source: str
    columns: dict[str, Column]


def _plain(**types: Type) -> dict[str, Column]:
    return {name: Column(kind, "{t}." + name) for name, kind in types.items()}


def _ref(column: str, table: str, shown: str) -> Column:
    return Column("number", f"{{t}}.{column}", f"(select r.{shown} from {table} r where r.id = {{t}}.{column})")  # noqa: S608  own text, values bound


_ENTITY = (
    "coalesce((select r.entityid || ' ' || r.companyname from customer r where r.id = {t}.customer),"
    " (select r.entityid || ' ' || r.companyname from job r where r.id = {t}.customer))"
)
_STATUS = (
    "case {t}.status when 'A' then 'Open' when 'B' then 'Paid In Full'"
    " when 'V' then 'Voided' else 'Pending Approval' end"
)
_APPROVAL = (
    "case {t}.approvalstatus when 1 then 'Open' when 2 then 'Pending Approval'"
    " when 3 then 'Approved' else 'Rejected' end"
)
_MODIFIED = Column("date", "{t}.lastmodifieddate")

TABLES: dict[str, Table] = {
    "timebill": Table(
        "timebill",
        {
            "id": Column("number", "{t}.id"),
            "employee": _ref("employee", "employee", "entityid"),
            "customer": Column("number", "{t}.customer", _ENTITY),
            "casetaskevent": _ref("casetaskevent", "projecttask", "title"),
            "item": _ref("item", "item", "itemid"),
            "hours": Column("number", "({t}.minutes / 60.0)", exact_sum="(sum({t}.minutes) / 60.0)"),
            "rate": Column("number", "{t}.rate"),
            "isbillable": Column("text", "{t}.isbillable"),
            "trandate": Column("date", "{t}.trandate"),
            "timetype": Column("text", "{t}.timetype"),
            "memo": Column("text", "{t}.memo"),
            "lastmodifieddate": _MODIFIED,
            "externalid": Column("text", "{t}.externalid"),
            "subsidiary": _ref("subsidiary", "subsidiary", "name"),
            "approvalstatus": Column("number", "{t}.approvalstatus", _APPROVAL),
            "posted": Column("text", "{t}.posted"),
        },
    ),
    "employee": Table(
        "employee",
        _plain(id="number", entityid="text", email="text", isinactive="text")
        | {"subsidiary": _ref("subsidiary", "subsidiary", "name"), "lastmodifieddate": _MODIFIED},
    ),
    "customer": Table(
        "customer",
        _plain(id="number", entityid="text", companyname="text")
        | {
            "parent": _ref("parent", "customer", "entityid"),
            "subsidiary": _ref("subsidiary", "subsidiary", "name"),
            "currency": _ref("currency", "currency", "symbol"),
            "lastmodifieddate": _MODIFIED,
        },
    ),
    "job": Table(
        "job",
        _plain(id="number", entityid="text", companyname="text", entitystatus="text", isinactive="text")
        | {
            "customer": _ref("customer", "customer", "entityid"),
            "subsidiary": _ref("subsidiary", "subsidiary", "name"),
            "currency": _ref("currency", "currency", "symbol"),
            "lastmodifieddate": _MODIFIED,
        },
    ),
    "projecttask": Table(
        "projecttask",
        _plain(id="number", title="text", status="text")
        | {"project": _ref("project", "job", "entityid"), "lastmodifieddate": _MODIFIED},
    ),
    "item": Table("item", _plain(id="number", itemid="text", isinactive="text") | {"lastmodifieddate": _MODIFIED}),
    "subsidiary": Table(
        "subsidiary", _plain(id="number", name="text") | {"currency": _ref("currency", "currency", "symbol")}
    ),
    "accountingperiod": Table(
        "accountingperiod",
        _plain(
            id="number",
            periodname="text",
            startdate="date",
            enddate="date",
            closed="text",
            isquarter="text",
            isyear="text",
        )
        | {"lastmodifieddate": _MODIFIED},
    ),
    "transaction": Table(
        "invoice",
        {
            "id": Column("number", "{t}.id"),
            "type": Column("text", "'CustInvc'", "'Invoice'"),
            "tranid": Column("text", "{t}.tranid"),
            "trandate": Column("date", "{t}.trandate"),
            "status": Column("text", "{t}.status", _STATUS),
            "approvalstatus": Column("number", "{t}.approvalstatus"),
            "entity": _ref("entity", "customer", "entityid"),
            "subsidiary": _ref("subsidiary", "subsidiary", "name"),
            "currency": _ref("currency", "currency", "symbol"),
            "foreigntotal": Column("number", "{t}.foreigntotal"),
            "foreignamountunpaid": Column("number", "{t}.foreignamountunpaid"),
            "lastmodifieddate": _MODIFIED,
            "voided": Column("text", "{t}.voided"),
        },
    ),
}
DELETED_RECORD = Table("deletedrecord", _plain(recordid="number", recordtype="text", deleteddate="date"))
