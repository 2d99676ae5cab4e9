"""Record types as the REST record API shows them: which fields, of which kind, from which column (sheet A3).

References are `{"id", "refName", "links"}`, enums `{"id", "refName"}` (or the plain id with simpleEnumFormat), booleans
JSON, dates `YYYY-MM-DD`, instants ISO with Z, durations `h:mm`. Fields without a value are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from simulators.netsuite.errors import not_found

if TYPE_CHECKING:
    import sqlite3

    from simulators.netsuite.store import Store

Kind = Literal["text", "flag", "date", "instant", "number", "duration", "ref", "entity", "enum"]

APPROVAL = {"1": "Open", "2": "Pending Approval", "3": "Approved", "4": "Rejected"}  # meanings unconfirmed (A11)
TIME_TYPE = {"A": "Actual Time", "B": "Planned Time", "P": "Planned Time"}
INVOICE_STATUS = {"A": "Open", "B": "Paid In Full", "V": "Voided", "D": "Pending Approval"}
INVOICE_APPROVAL = {"1": "Pending Approval", "2": "Approved"}
JOB_STATUS = {"Open": "Open", "Closed": "Closed"}


@dataclass(frozen=True)
class Field:
    """One property: its JSON name, column, kind, the record type it refers to, or the names of an enum's ids."""

    name: str
    column: str
    kind: Kind = "text"
    target: str = ""
    names: dict[str, str] | None = None


@dataclass(frozen=True)
class RecordType:
    """`tag` is how the URL writes the type; `shown` the column that a reference to it shows."""

    tag: str
    table: str
    shown: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        """By JSON name, without regard to case."""
        return next((f for f in self.fields if f.name.lower() == name.lower()), None)


_ID = Field("id", "id")
_MODIFIED = Field("lastModifiedDate", "lastmodifieddate", "instant")
_SUBSIDIARY = Field("subsidiary", "subsidiary", "ref", "subsidiary")
_CURRENCY = Field("currency", "currency", "ref", "currency")
_INACTIVE = Field("isInactive", "isinactive", "flag")

_TYPES = (
    RecordType(
        "timeBill",
        "timebill",
        "id",
        (
            _ID,
            Field("externalId", "externalid"),
            Field("employee", "employee", "ref", "employee"),
            Field("customer", "customer", "entity"),
            Field("caseTaskEvent", "casetaskevent", "ref", "projecttask"),
            Field("item", "item", "ref", "item"),
            Field("tranDate", "trandate", "date"),
            Field("hours", "minutes", "duration"),
            Field("isBillable", "isbillable", "flag"),
            Field("timeType", "timetype", "enum", names=TIME_TYPE),
            Field("overrideRate", "overriderate", "flag"),
            Field("rate", "rate", "number"),
            Field("memo", "memo"),
            Field("approvalStatus", "approvalstatus", "enum", names=APPROVAL),
            Field("posted", "posted", "flag"),
            _SUBSIDIARY,
            Field("createdDate", "createddate", "instant"),
            _MODIFIED,
        ),
    ),
    RecordType(
        "employee",
        "employee",
        "entityid",
        (
            _ID,
            Field("entityId", "entityid"),
            Field("firstName", "firstname"),
            Field("lastName", "lastname"),
            Field("email", "email"),
            _SUBSIDIARY,
            _INACTIVE,
            _MODIFIED,
        ),
    ),
    RecordType(
        "customer",
        "customer",
        "entityid",
        (
            _ID,
            Field("entityId", "entityid"),
            Field("companyName", "companyname"),
            Field("parent", "parent", "ref", "customer"),
            _SUBSIDIARY,
            _CURRENCY,
            _MODIFIED,
        ),
    ),
    RecordType(
        "job",
        "job",
        "entityid",
        (
            _ID,
            Field("entityId", "entityid"),
            Field("companyName", "companyname"),
            Field("parent", "customer", "ref", "customer"),
            _SUBSIDIARY,
            _CURRENCY,
            Field("entityStatus", "entitystatus", "enum", names=JOB_STATUS),
            _INACTIVE,
            _MODIFIED,
        ),
    ),
    RecordType(
        "projectTask",
        "projecttask",
        "title",
        (
            _ID,
            Field("title", "title"),
            Field("project", "project", "ref", "job"),
            Field("status", "status", "enum", names=JOB_STATUS),
            _MODIFIED,
        ),
    ),
    RecordType("serviceSaleItem", "item", "itemid", (_ID, Field("itemId", "itemid"), _INACTIVE, _MODIFIED)),
    RecordType("subsidiary", "subsidiary", "name", (_ID, Field("name", "name"), _CURRENCY)),
    RecordType("currency", "currency", "symbol", (_ID, Field("symbol", "symbol"))),
    RecordType(
        "accountingPeriod",
        "accountingperiod",
        "periodname",
        (
            _ID,
            Field("periodName", "periodname"),
            Field("startDate", "startdate", "date"),
            Field("endDate", "enddate", "date"),
            Field("closed", "closed", "flag"),
            Field("isQuarter", "isquarter", "flag"),
            Field("isYear", "isyear", "flag"),
            _MODIFIED,
        ),
    ),
    RecordType(
        "invoice",
        "invoice",
        "tranid",
        (
            _ID,
            Field("externalId", "externalid"),
            Field("tranId", "tranid"),
            Field("tranDate", "trandate", "date"),
            Field("status", "status", "enum", names=INVOICE_STATUS),
            Field("approvalStatus", "approvalstatus", "enum", names=INVOICE_APPROVAL),
            Field("entity", "entity", "ref", "customer"),
            _SUBSIDIARY,
            _CURRENCY,
            Field("total", "foreigntotal", "number"),
            Field("amountRemaining", "foreignamountunpaid", "number"),
            Field("memo", "memo"),
            Field("createdDate", "createddate", "instant"),
            _MODIFIED,
        ),
    ),
)
RECORD_TYPES: dict[str, RecordType] = {t.tag.lower(): t for t in _TYPES}
BY_TABLE: dict[str, RecordType] = {t.table: t for t in _TYPES}


def duration(minutes: int) -> str:
    """Whole minutes as `h:mm`."""
    sign = "-" if minutes < 0 else ""
    return f"{sign}{abs(minutes) // 60}:{abs(minutes) % 60:02d}"


def find(store: Store, kind: RecordType, key: str) -> sqlite3.Row:
    """A record by internal id, or by `eid:KEY` where the type keeps external ids. Raises Refusal(404)."""
    column, wanted = "id", key
    if key.startswith("eid:"):
        column, wanted = "externalid", key.removeprefix("eid:")
        if kind.field("externalId") is None:
            raise not_found(kind.tag, key)
    elif not key.isdigit():
        raise not_found(kind.tag, key)
    row = store.row(f"select * from {kind.table} where {column} = ?", (wanted,))  # noqa: S608 - own names
    if row is None:
        raise not_found(kind.tag, key)
    return row


class Renderer:
    """Turns rows into record bodies. `root` is the record API's address; `simple_enums` the query switch."""

    def __init__(self, store: Store, root: str, *, simple_enums: bool = False) -> None:
        self._store = store
        self._root = root
        self._simple = simple_enums

    def link(self, tag: str, key: Any, *, rel: str = "self") -> dict[str, str]:
        """A link to a record."""
        return {"rel": rel, "href": f"{self._root}/{tag}/{key}"}

    def record(self, kind: RecordType, row: sqlite3.Row, wanted: frozenset[str] | None = None) -> dict[str, Any]:
        """The whole body, or only the `wanted` fields (lower case) and the id."""
        body: dict[str, Any] = {"links": [self.link(kind.tag, row["id"])]}
        for field in kind.fields:
            value = row[field.column]
            if value is None or (wanted is not None and field.name != "id" and field.name.lower() not in wanted):
                continue
            body[field.name] = self._value(field, value)
        return body

    def _value(self, field: Field, value: Any) -> Any:
        if field.kind == "flag":
            return value == "T"
        if field.kind == "date":
            return value[:10]
        if field.kind == "instant":
            return value.replace(" ", "T") + "Z"
        if field.kind == "number":
            return float(Decimal(str(value)))
        if field.kind == "duration":
            return duration(int(value))
        if field.kind == "enum":
            names = field.names or {}
            return str(value) if self._simple else {"id": str(value), "refName": names.get(str(value), str(value))}
        if field.kind == "entity":
            is_job = self._store.value("select 1 from job where id = ?", (value,)) is not None
            return self._reference("job" if is_job else "customer", value)
        if field.kind == "ref":
            return self._reference(field.target, value)
        return str(value)

    def _reference(self, table: str, key: Any) -> dict[str, Any]:
        kind = BY_TABLE[table]
        shown = self._store.value(f"select {kind.shown} from {table} where id = ?", (key,))  # noqa: S608 - own names
        return {
            "links": [self.link(kind.tag, key)],
            "id": str(key),
            "refName": str(shown if shown is not None else key),
        }

    def time_lines(self, invoice_id: int) -> list[dict[str, Any]]:
        """The `time` sublist of an invoice (architecture section 9)."""
        return [
            {
                "links": [self.link("invoice", f"{invoice_id}/time/{n}")],
                "apply": True,
                "doc": str(line["doc"]),
                "quantity": round(line["minutes"] / 60, 10),
                "rate": float(line["rate"] or 0),
            }
            for n, line in enumerate(
                self._store.rows("select * from invoice_time where invoice = ? order by doc", (invoice_id,)), start=1
            )
        ]
