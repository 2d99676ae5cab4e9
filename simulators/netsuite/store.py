"""The account's books: master data mirrored from the firm, time rows and invoices kept here.

One private on-disk SQLite database, so that SuiteQL has tables to read and a million rows cost no memory. Master data is
mirrored whenever the firm changed since the last call; last year's time rows are copied once. Dates are text
`YYYY-MM-DD HH:MM:SS`, time is whole minutes, flags are `T`/`F`. Every change of a time row or invoice is stamped with
the firm's clock, and stamps never run backwards, unless `backdate` says so.
"""

from __future__ import annotations

import sqlite3
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulators.firm.model import World

ACTUAL, PLANNED = "A", "B"
APPROVED = 3
_STAMP = "%Y-%m-%d %H:%M:%S"
_PAGE_CACHE_KIB = 32_768
CURRENCIES = ("USD", "GBP", "EUR", "CHF", "JPY")

_MASTERS = {
    "currency": "id integer primary key, symbol text",
    "subsidiary": "id integer primary key, name text, currency integer",
    "employee": "id integer primary key, entityid text, email text, subsidiary integer, isinactive text,"
    " firstname text, lastname text, lastmodifieddate text",
    "customer": "id integer primary key, entityid text, companyname text, parent integer, subsidiary integer,"
    " currency integer, lastmodifieddate text",
    "job": "id integer primary key, entityid text, companyname text, customer integer, subsidiary integer,"
    " currency integer, entitystatus text, isinactive text, lastmodifieddate text",
    "projecttask": "id integer primary key, project integer, title text, status text, lastmodifieddate text",
    "item": "id integer primary key, itemid text, isinactive text, lastmodifieddate text",
    "accountingperiod": "id integer primary key, periodname text, startdate text, enddate text, closed text,"
    " isquarter text, isyear text, lastmodifieddate text",
}
_OWN = """
create table timebill (
  id integer primary key, employee integer, customer integer, casetaskevent integer, item integer, minutes integer,
  rate numeric, overriderate text, isbillable text, trandate text, timetype text, memo text, externalid text,
  subsidiary integer, approvalstatus integer, posted text, createddate text, lastmodifieddate text);
create unique index timebill_externalid on timebill (externalid) where externalid is not null;
create index timebill_trandate on timebill (trandate);
create index timebill_modified on timebill (lastmodifieddate, id);
create table invoice (
  id integer primary key, tranid text, trandate text, status text, approvalstatus integer, entity integer,
  subsidiary integer, currency integer, foreigntotal numeric, foreignamountunpaid numeric, voided text, memo text,
  externalid text, createddate text, lastmodifieddate text);
create index invoice_modified on invoice (lastmodifieddate, id);
create table invoice_time (invoice integer, doc integer, minutes integer, rate numeric, primary key (invoice, doc));
create index invoice_time_doc on invoice_time (doc);
create table deletedrecord (recordid integer, recordtype text, deleteddate text);
"""
TIME_COLUMNS = (
    "id, employee, customer, casetaskevent, item, minutes, rate, overriderate, isbillable, trandate, timetype, memo,"
    " externalid, subsidiary, approvalstatus, posted, createddate, lastmodifieddate"
)


def day_text(day: date) -> str:
    """A date as the store keeps it."""
    return f"{day.isoformat()} 00:00:00"


def instant_text(instant: datetime) -> str:
    """A UTC instant as the store keeps it, to the second."""
    return instant.strftime(_STAMP)


def _stored(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A mirrored row with its dates as the store keeps them."""
    return tuple(
        instant_text(value) if isinstance(value, datetime) else day_text(value) if isinstance(value, date) else value
        for value in row
    )


class Store:
    """All tables of one account. `version` moves with every change, for caches."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.version = 0
        self.backdate: list[timedelta] = []  # one entry is used up by each of the next changes
        self._latest = ""
        self._mirrored: dict[str, list[tuple[Any, ...]]] = {}
        self.db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self.db.row_factory = sqlite3.Row
        for pragma in ("journal_mode = off", "synchronous = off", f"cache_size = -{_PAGE_CACHE_KIB}"):
            self.db.execute(f"pragma {pragma}")
        self.db.execute("pragma case_sensitive_like = on")
        for name, columns in _MASTERS.items():
            self.db.execute(f"create table {name} ({columns})")
        self.db.executescript(_OWN)
        self.refresh()
        self._copy_history()

    # -- reading and stamping -----------------------------------------------------------------------------------

    def rows(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        return self.db.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        found: sqlite3.Row | None = self.db.execute(sql, parameters).fetchone()
        return found

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None."""
        found = self.row(sql, parameters)
        return found[0] if found else None

    def write(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> None:
        """One change."""
        self.version += 1
        self.db.execute(sql, parameters)

    def stamp(self) -> str:
        """The next change's stamp: never earlier than the last one, save for a back-dated change."""
        now = self.world.clock.now()
        if self.backdate:
            return instant_text(now - self.backdate.pop(0))
        self._latest = max(self._latest, instant_text(now))
        return self._latest

    def next_id(self, table: str) -> int:
        """The next internal id; ids of deleted rows are not given again."""
        highest = int(self.value(f"select coalesce(max(id), 0) from {table}"))  # noqa: S608 - own names
        gone = self.value("select max(recordid) from deletedrecord where recordtype = ?", (table,))
        return max(highest, int(gone or 0)) + 1

    # -- the firm's master data ---------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Mirror what changed in the firm's master data since the last call.

        Runs before every call, so rows are compared as they come and written as text only when they changed."""
        for table, make in (
            ("currency", self._currencies),
            ("subsidiary", self._subsidiaries),
            ("employee", self._employees),
            ("customer", self._customers),
            ("job", self._jobs),
            ("projecttask", self._tasks),
            ("item", self._items),
            ("accountingperiod", self._periods),
        ):
            rows = list(make())
            if rows == self._mirrored.get(table):
                continue
            self._mirrored[table] = rows
            self.version += 1
            marks = ", ".join("?" * (_MASTERS[table].count(",") + 1))
            self.db.execute("begin")
            self.db.execute(f"delete from {table}")  # noqa: S608 - own names
            self.db.executemany(f"insert into {table} values ({marks})", map(_stored, rows))  # noqa: S608
            self.db.execute("commit")

    def currency_id(self, code: str) -> int:
        """The account's internal id of an ISO code."""
        return CURRENCIES.index(code) + 1

    def _currencies(self) -> Iterator[tuple[Any, ...]]:
        yield from enumerate(CURRENCIES, start=1)

    def _subsidiaries(self) -> Iterator[tuple[Any, ...]]:
        for e in self.world.entities.values():
            yield int(e.netsuite_subsidiary_id), e.subsidiary_name, self.currency_id(e.currency)

    def _subsidiary_of(self, entity: str) -> int:
        return int(self.world.entities[entity].netsuite_subsidiary_id)

    def _employees(self) -> Iterator[tuple[Any, ...]]:
        for c in self.world.consultants.values():
            if c.netsuite_employee_id is not None:
                yield (
                    int(c.netsuite_employee_id), c.number, c.email, self._subsidiary_of(c.entity), "F", c.first_name,
                    c.last_name, c.modified_at,
                )  # fmt: skip

    def _customers(self) -> Iterator[tuple[Any, ...]]:
        for c in self.world.customers.values():
            if c.netsuite_customer_id is None:
                continue
            parent = self.world.customers.get(c.parent_number or "")
            parent_id = int(parent.netsuite_customer_id) if parent and parent.netsuite_customer_id else None
            yield (
                int(c.netsuite_customer_id), c.number, c.name, parent_id, self._subsidiary_of(c.entity),
                self.currency_id(c.currency), c.modified_at,
            )  # fmt: skip

    def _jobs(self) -> Iterator[tuple[Any, ...]]:
        for p in self.world.projects.values():
            if p.netsuite_job_id is None:
                continue
            customer = self.world.customers.get(p.customer_number or "")
            customer_id = int(customer.netsuite_customer_id) if customer and customer.netsuite_customer_id else None
            yield (
                int(p.netsuite_job_id), p.code, p.name, customer_id, self._subsidiary_of(p.entity),
                self.currency_id(p.currency), p.erp_status, "F", p.modified_at,
            )  # fmt: skip

    def _tasks(self) -> Iterator[tuple[Any, ...]]:
        for p in self.world.projects.values():
            for phase in p.phases:
                if p.netsuite_job_id is not None and phase.netsuite_task_id is not None:
                    yield (
                        int(phase.netsuite_task_id), int(p.netsuite_job_id), phase.title, phase.erp_status,
                        phase.modified_at,
                    )  # fmt: skip

    def _items(self) -> Iterator[tuple[Any, ...]]:
        for i in self.world.items.values():
            yield int(i.netsuite_item_id), i.code, "T" if i.is_inactive else "F", i.modified_at

    def _periods(self) -> Iterator[tuple[Any, ...]]:
        for p in self.world.periods.values():
            yield (
                int(p.netsuite_period_id), p.name, p.start, p.end, "T" if p.is_closed else "F",
                "T" if p.kind == "quarter" else "F", "T" if p.kind == "year" else "F", p.modified_at,
            )  # fmt: skip

    def _copy_history(self) -> None:
        def history() -> Iterator[tuple[Any, ...]]:
            for r in self.world.erp_history.iterate():
                yield (
                    r.netsuite_time_id, int(r.netsuite_employee_id), int(r.netsuite_job_id or r.netsuite_customer_id),
                    int(r.netsuite_task_id) if r.netsuite_task_id else None, int(r.netsuite_item_id), r.minutes,
                    str(r.rate) if r.rate is not None else None, "T" if r.rate is not None else "F",
                    "T" if r.is_billable else "F", day_text(r.work_date), ACTUAL, r.memo, None, int(r.subsidiary_id),
                    APPROVED, "F", instant_text(r.created_at), instant_text(r.modified_at),
                )  # fmt: skip

        marks = ", ".join("?" * (TIME_COLUMNS.count(",") + 1))
        self.db.execute("begin")
        self.db.executemany(f"insert into timebill ({TIME_COLUMNS}) values ({marks})", history())  # noqa: S608
        self.db.execute("commit")

    # -- rules that need the books -------------------------------------------------------------------------------

    def is_closed(self, trandate: str) -> bool:
        """Whether the month of a stored date is a closed accounting period; a day of no period counts as closed."""
        closed = self.value(
            "select closed from accountingperiod where startdate <= ? and enddate >= ?"
            " and isquarter = 'F' and isyear = 'F'",
            (trandate, trandate),
        )
        return closed is None or closed == "T"

    def invoice_of(self, time_id: int) -> sqlite3.Row | None:
        """The invoice that holds a time row and is not voided."""
        return self.row(
            "select i.* from invoice_time t join invoice i on i.id = t.invoice where t.doc = ? and i.voided = 'F'",
            (time_id,),
        )
