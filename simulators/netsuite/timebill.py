"""Writing time rows: what a body may say, what it must refer to, and when a row is out of reach (sheet A5, A8).

Order of checks: property names, value types, references, then the books (period, invoice). Wording of refusals that
the sheet does not give is this simulator's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simulators.netsuite.errors import (
    Refusal,
    closed_period,
    duplicate,
    invalid_content,
    invalid_parameter,
    invalid_value,
    nonexistent_field,
    user_error,
)
from simulators.netsuite.records import APPROVAL, RECORD_TYPES, TIME_TYPE
from simulators.netsuite.store import APPROVED, day_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from simulators.netsuite.store import Store

TIME_BILL = RECORD_TYPES["timebill"]
EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_DURATION = re.compile(r"(-?)(\d{1,5}):([0-5]\d)")
_READ_ONLY = frozenset({"id", "createdDate", "lastModifiedDate", "posted", "displayField", "links", "timeModified"})
# Properties of the record that this account does not use: named by the REST browser, refused with a value.
_UNUSED = frozenset(
    {
        "billingClass", "class", "customForm", "department", "isExempt", "isProductive", "isUtilized", "location",
        "nextApprover", "paidExternally", "payrollItem", "price", "rejectionNote", "resourceAllocation",
        "supervisorApproval", "timeOffType", "timesheet",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Validation:
    """The two validation headers: `error` refuses, `warning` drops and warns, `ignore` drops."""

    names: str = "warning"
    values: str = "error"


@dataclass
class Body:
    """A body read: columns to set, and what was dropped with a warning."""

    columns: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def check_external_id(key: str) -> None:
    """Sheet A5: letters, digits, `_` and `-` only. Raises Refusal(400)."""
    if not EXTERNAL_ID.fullmatch(key):
        raise invalid_parameter(f"External id '{key}' holds characters that are not accepted.", url=f"eid:{key}")


class TimeBills:
    """The time rows of the account. `allow_negative` admits negative durations (unconfirmed)."""

    def __init__(self, store: Store, *, allow_negative: bool = False) -> None:
        self._store = store
        self._allow_negative = allow_negative

    # -- verbs ----------------------------------------------------------------------------------------------------

    def create(self, given: Any, validation: Validation, external_id: str | None = None) -> tuple[int, list[str]]:
        """A new row; its id and warnings. Raises Refusal."""
        body = self._read(given, validation)
        if external_id is not None:
            self._same_key(body, external_id)
            body.columns["externalid"] = external_id
        elif (key := body.columns.get("externalid")) and self._by_key(key):
            raise duplicate()
        for name, column in (("employee", "employee"), ("hours", "minutes")):
            if body.columns.get(column) is None:
                raise user_error(f"Please enter value(s) for: {name}", path=name)
        columns = self._defaults() | body.columns
        self._check_task(columns)
        self._check_date(columns["trandate"])
        columns["subsidiary"] = self._subsidiary(columns)
        self._settle_rate(columns)
        stamp = self._store.stamp()
        columns |= {"id": self._store.next_id("timebill"), "createddate": stamp, "lastmodifieddate": stamp}
        names = ", ".join(columns)
        marks = ", ".join(f":{name}" for name in columns)
        self._store.write(f"insert into timebill ({names}) values ({marks})", columns)  # noqa: S608 - own names
        return int(columns["id"]), body.warnings

    def upsert(self, key: str, given: Any, validation: Validation) -> tuple[int, bool, list[str]]:
        """By external id: id, whether it was created, warnings."""
        check_external_id(key)
        row = self._by_key(key)
        if row is None:
            new, warnings = self.create(given, validation, key)
            return new, True, warnings
        return int(row["id"]), False, self.update(row, given, validation, key)

    def update(self, row: sqlite3.Row, given: Any, validation: Validation, key: str | None = None) -> list[str]:
        """Sets what the body names; warnings. Raises Refusal."""
        body = self._read(given, validation)
        if key is not None:
            self._same_key(body, key)
        self._check_in_reach(row, "changed")
        columns = dict(row) | body.columns
        taken = body.columns.get("externalid")
        if taken and (other := self._by_key(taken)) is not None and other["id"] != row["id"]:
            raise duplicate()
        for name, column in (("employee", "employee"), ("hours", "minutes"), ("tranDate", "trandate")):
            if columns[column] is None:
                raise user_error(f"Please enter value(s) for: {name}", path=name)
        if body.columns.keys() & {"customer", "casetaskevent"}:
            self._check_task(columns)
        self._check_date(columns["trandate"])
        columns["subsidiary"] = self._subsidiary(columns)
        self._settle_rate(columns)
        columns["lastmodifieddate"] = self._store.stamp()
        sets = ", ".join(f"{name} = :{name}" for name in columns)
        self._store.write(f"update timebill set {sets} where id = :id", columns)  # noqa: S608 - own names
        return body.warnings

    def delete(self, row: sqlite3.Row) -> None:
        """Takes the row away for good. Raises Refusal when it is billed, posted or in a closed period."""
        self._check_in_reach(row, "deleted")
        self.remove(int(row["id"]))

    def remove(self, time_id: int) -> None:
        """Deletes without asking: what `delete` ends in, and what a person's override does."""
        stamp = self._store.stamp()
        self._store.write("delete from timebill where id = ?", (time_id,))
        self._store.write("insert into deletedrecord values (?, 'timebill', ?)", (time_id, stamp))

    # -- reading a body -------------------------------------------------------------------------------------------

    def _read(self, given: Any, validation: Validation) -> Body:
        if not isinstance(given, dict):
            raise invalid_content("", "The request body must be a JSON object.")
        body = Body()
        readers = self._readers()
        for name, value in given.items():
            if name not in readers and name not in _READ_ONLY and name not in _UNUSED:
                if validation.names == "error":
                    raise nonexistent_field(name, TIME_BILL.tag)
                if validation.names == "warning":
                    body.warnings.append(f"Property '{name}' does not exist and was ignored")
                continue
            try:
                if name not in readers:
                    raise invalid_content(name, f"The field {name} cannot be set.")
                column, read = readers[name]
                body.columns[column] = None if value is None else read(name, value)
            except Refusal:
                if validation.values == "error":
                    raise
                if validation.values == "warning":
                    body.warnings.append(f"Value of '{name}' is invalid and was ignored")
        return body

    def _readers(self) -> dict[str, tuple[str, Callable[[str, Any], Any]]]:
        return {
            "externalId": ("externalid", _text),
            "employee": ("employee", self._employee),
            "customer": ("customer", self._customer),
            "caseTaskEvent": ("casetaskevent", self._task),
            "item": ("item", self._item),
            "subsidiary": ("subsidiary", self._subsidiary_reference),
            "tranDate": ("trandate", _day),
            "hours": ("minutes", self._duration),
            "isBillable": ("isbillable", _flag),
            "overrideRate": ("overriderate", _flag),
            "rate": ("rate", _money),
            "memo": ("memo", _text),
            "timeType": ("timetype", lambda name, value: _enum(name, value, TIME_TYPE)),
            "approvalStatus": ("approvalstatus", lambda name, value: int(_enum(name, value, APPROVAL))),
        }

    def _duration(self, name: str, value: Any) -> int:
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None or (match[1] and not self._allow_negative):
            raise invalid_content(name, f"Invalid duration {value!r} for the field {name}; expected h:mm.")
        minutes = int(match[2]) * 60 + int(match[3])
        return -minutes if match[1] else minutes

    def _employee(self, name: str, value: Any) -> int:
        return self._eligible(name, value, "select 1 from employee where id = ? and isinactive = 'F'")

    def _item(self, name: str, value: Any) -> int:
        return self._eligible(name, value, "select 1 from item where id = ? and isinactive = 'F'")

    def _task(self, name: str, value: Any) -> int:
        return self._eligible(name, value, "select 1 from projecttask where id = ? and status <> 'Closed'")

    def _subsidiary_reference(self, name: str, value: Any) -> int:
        return self._eligible(name, value, "select 1 from subsidiary where id = ?")

    def _customer(self, name: str, value: Any) -> int:
        return self._eligible(
            name,
            value,
            "select 1 from job where id = ?1 and entitystatus <> 'Closed' and isinactive = 'F'"
            " union all select 1 from customer where id = ?1 and id not in (select id from job)",
        )

    def _eligible(self, name: str, value: Any, query: str) -> int:
        key = _reference(name, value)
        if not key.isdigit() or self._store.value(query, (int(key),)) is None:
            raise invalid_value(name, key)
        return int(key)

    # -- rules ----------------------------------------------------------------------------------------------------

    def _by_key(self, key: str) -> sqlite3.Row | None:
        return self._store.row("select * from timebill where externalid = ?", (key,))

    @staticmethod
    def _same_key(body: Body, key: str) -> None:
        if body.columns.get("externalid", key) != key:
            raise invalid_content("externalId", "The external id of the body is not that of the URL.")

    def _defaults(self) -> dict[str, Any]:
        return {
            "customer": None,
            "casetaskevent": None,
            "item": None,
            "rate": None,
            "overriderate": "F",
            "isbillable": "F",
            "trandate": day_text(self._store.world.clock.now().date()),
            "timetype": "A",
            "memo": None,
            "externalid": None,
            "approvalstatus": APPROVED,
            "posted": "F",
        }

    def _check_task(self, columns: dict[str, Any]) -> None:
        task = columns["casetaskevent"]
        if task is None:
            return
        project = self._store.value("select project from projecttask where id = ?", (task,))
        if project != columns["customer"]:
            raise invalid_value("caseTaskEvent", task)

    def _check_date(self, trandate: str) -> None:
        if self._store.is_closed(trandate):
            raise closed_period()

    def _check_in_reach(self, row: sqlite3.Row, verb: str) -> None:
        if (invoice := self._store.invoice_of(int(row["id"]))) is not None:
            raise user_error(f"This record cannot be {verb} because it is on invoice {invoice['tranid']}.")
        if row["posted"] == "T":
            raise user_error(f"This record cannot be {verb} because it has been posted.")
        self._check_date(row["trandate"])

    def _subsidiary(self, columns: dict[str, Any]) -> int:
        own = self._store.value("select subsidiary from employee where id = ?", (columns["employee"],))
        if columns.get("subsidiary") not in (None, own):
            raise invalid_value("subsidiary", columns["subsidiary"])
        return int(own) if own is not None else int(columns["subsidiary"] or 0)

    @staticmethod
    def _settle_rate(columns: dict[str, Any]) -> None:
        if columns["overriderate"] != "T":
            columns["rate"] = None  # without overrideRate the price level decides, and this account has none


def _reference(name: str, value: Any) -> str:
    if not isinstance(value, dict) or set(value) - {"id", "refName", "links"} or not isinstance(value.get("id"), str):
        raise invalid_content(name, f"Invalid reference for the field {name}; expected an object with id.")
    return str(value["id"])


def _enum(name: str, value: Any, names: dict[str, str]) -> str:
    key = _reference(name, value) if isinstance(value, dict) else value
    if not isinstance(key, str) or key not in names:
        raise invalid_value(name, key)
    return key


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise invalid_content(name, f"Invalid value for the field {name}; expected text.")
    return value


def _flag(name: str, value: Any) -> str:
    if not isinstance(value, bool):
        raise invalid_content(name, f"Invalid value for the field {name}; expected true or false.")
    return "T" if value else "F"


def _money(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid_content(name, f"Invalid value for the field {name}; expected a number.")
    return str(Decimal(str(value)))


def _day(name: str, value: Any) -> str:
    try:
        return day_text(date.fromisoformat(value if isinstance(value, str) and len(value) == 10 else ""))
    except ValueError:
        raise invalid_content(name, f"Invalid date {value!r} for the field {name}; expected YYYY-MM-DD.") from None
