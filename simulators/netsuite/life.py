"""What the account's own people do: invoices, posting, rows changed or deleted by hand, rows that are not ours.

Each verb is registered with the firm's changes under its `erp_` name. "Ours" is a row with an external id. Hands pass
by period locks, as an administrator's do. A verb that finds nothing to change returns empty lists.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from simulators.netsuite.store import day_text

if TYPE_CHECKING:
    import sqlite3

    from simulators.firm.model import World
    from simulators.netsuite.store import Store
    from simulators.netsuite.timebill import TimeBills

_CENT = Decimal("0.01")
_UNBILLED = (
    "not exists (select 1 from invoice_time l join invoice i on i.id = l.invoice where l.doc = t.id and i.voided = 'F')"
)
# The account's own date of a customer: a row is booked on a project or on the customer itself.
_CUSTOMER = "coalesce((select j.customer from job j where j.id = t.customer), t.customer)"


class Life:
    """The verbs, over one account's books."""

    def __init__(self, store: Store, time_bills: TimeBills) -> None:
        self._store = store
        self._time_bills = time_bills

    def register(self, world: World) -> None:
        """Make the verbs known to the control path."""
        for verb in (
            self.erp_invoice_draft,
            self.erp_invoice_post,
            self.erp_invoice_pay,
            self.erp_invoice_cancel,
            self.erp_change_hours,
            self.erp_change_amount,
            self.erp_delete_row,
            self.erp_foreign_row,
            self.erp_post_time,
            self.erp_backdate,
        ):
            world.changes.register(verb.__name__, verb)

    # -- invoices -------------------------------------------------------------------------------------------------

    def erp_invoice_draft(self, count: int = 20) -> dict[str, Any]:
        """Put up to `count` of our billable unbilled rows on draft invoices, one a customer."""
        rows = self._store.rows(
            f"select t.*, {_CUSTOMER} as payer from timebill t where t.externalid is not null"  # noqa: S608 - own text
            f" and t.isbillable = 'T' and {_UNBILLED} order by payer, t.trandate, t.id limit ?",
            (count,),
        )
        by_payer: dict[int, list[sqlite3.Row]] = {}
        for row in rows:
            by_payer.setdefault(int(row["payer"] or 0), []).append(row)
        invoices = [str(self._draft(payer, lines)) for payer, lines in by_payer.items()]
        return {"invoices": invoices, "rows": [str(row["id"]) for row in rows]}

    def _draft(self, payer: int, lines: list[sqlite3.Row]) -> int:
        customer = self._store.row("select * from customer where id = ?", (payer,))
        number, stamp = self._store.next_id("invoice"), self._store.stamp()
        total = sum((_amount(line) for line in lines), Decimal(0))
        today = day_text(self._store.world.clock.now().date())
        self._store.write(
            "insert into invoice (id, tranid, trandate, status, approvalstatus, entity, subsidiary, currency,"
            " foreigntotal, foreignamountunpaid, voided, createddate, lastmodifieddate)"
            " values (?, ?, ?, 'D', 1, ?, ?, ?, ?, ?, 'F', ?, ?)",
            (
                number, f"INV{1000 + number}", today, payer, customer["subsidiary"] if customer else None,
                customer["currency"] if customer else 1, str(total), str(total), stamp, stamp,
            ),
        )  # fmt: skip
        for line in lines:
            self._store.write(
                "insert into invoice_time values (?, ?, ?, ?)", (number, line["id"], line["minutes"], line["rate"])
            )
        return number

    def erp_invoice_post(self, invoice_id: str | None = None) -> dict[str, Any]:
        """Approve a draft invoice: it is open from now on."""
        return self._move(invoice_id, ("D",), "status = 'A', approvalstatus = 2")

    def erp_invoice_pay(self, invoice_id: str | None = None) -> dict[str, Any]:
        """Pay an open invoice in full."""
        return self._move(invoice_id, ("A",), "status = 'B', foreignamountunpaid = 0")

    def erp_invoice_cancel(self, invoice_id: str | None = None) -> dict[str, Any]:
        """Void a draft or open invoice: its hours are unbilled again."""
        return self._move(
            invoice_id, ("D", "A"), "status = 'V', voided = 'T', foreigntotal = 0, foreignamountunpaid = 0"
        )

    def _move(self, invoice_id: str | None, states: tuple[str, ...], sets: str) -> dict[str, Any]:
        wanted = ", ".join(f"'{state}'" for state in states)
        found = self._store.rows(
            f"select id from invoice where status in ({wanted}) and (? is null or id = ?) order by id limit 1",  # noqa: S608
            (invoice_id, invoice_id),
        )
        if not found:
            return {"invoices": [], "rows": []}
        number = found[0]["id"]
        stamp = self._store.stamp()
        self._store.write(
            f"update invoice set {sets}, lastmodifieddate = ? where id = ?",  # noqa: S608 - own text
            (stamp, number),
        )
        lines = self._store.rows("select doc from invoice_time where invoice = ? order by doc", (number,))
        return {"invoices": [str(number)], "rows": [str(line["doc"]) for line in lines]}

    # -- rows changed by hand ---------------------------------------------------------------------------------------

    def erp_change_hours(self, row_id: str | None = None, minutes: int | None = None) -> dict[str, Any]:
        """Change a row's duration by hand (default: half an hour more)."""
        return self._set(row_id, "minutes", lambda row: row["minutes"] + 30 if minutes is None else minutes)

    def erp_change_amount(self, row_id: str | None = None, rate: str | None = None) -> dict[str, Any]:
        """Change a row's rate by hand (default: ten more)."""
        return self._set(row_id, "rate", lambda row: str(Decimal(str(row["rate"] or 0)) + 10) if rate is None else rate)

    def erp_post_time(self, row_id: str | None = None) -> dict[str, Any]:
        """Post a row to the ledger: it can't be deleted any more."""
        return self._set(row_id, "posted", lambda _row: "T")

    def erp_delete_row(self, row_id: str | None = None) -> dict[str, Any]:
        """Delete a row by hand."""
        row = self._pick(row_id)
        if row is None:
            return {"rows": []}
        self._time_bills.remove(int(row["id"]))
        return {"rows": [str(row["id"])], "external_ids": [row["externalid"]], "minutes": row["minutes"]}

    def erp_foreign_row(self, minutes: int = 60) -> dict[str, Any]:
        """Enter a row by hand that carries no key, on the person, project and day of a row that is there."""
        like = self._pick(None) or self._store.row("select * from timebill order by trandate desc, id desc limit 1")
        if like is None:
            return {"rows": []}
        stamp = self._store.stamp()
        columns = dict(like) | {
            "id": self._store.next_id("timebill"), "externalid": None, "memo": "entered by hand", "minutes": minutes,
            "posted": "F", "createddate": stamp, "lastmodifieddate": stamp,
        }  # fmt: skip
        names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        self._store.write(f"insert into timebill ({names}) values ({marks})", columns)  # noqa: S608 - own names
        return {"rows": [str(columns["id"])], "minutes": minutes}

    def erp_backdate(self, seconds: int = 600, times: int = 1) -> dict[str, Any]:
        """Stamp the next changes earlier than the clock, as rows that commit late are."""
        self._store.backdate += [timedelta(seconds=seconds)] * times
        return {"pending": len(self._store.backdate)}

    def _pick(self, row_id: str | None) -> sqlite3.Row | None:
        if row_id is not None:
            return self._store.row("select * from timebill where id = ?", (row_id,))
        return self._store.row(
            f"select t.* from timebill t where t.externalid is not null and {_UNBILLED} order by t.id limit 1"  # noqa: S608
        )

    def _set(self, row_id: str | None, column: str, value: Any) -> dict[str, Any]:
        row = self._pick(row_id)
        if row is None:
            return {"rows": []}
        new, stamp = value(row), self._store.stamp()
        self._store.write(
            f"update timebill set {column} = ?, lastmodifieddate = ? where id = ?",  # noqa: S608 - own names
            (new, stamp, row["id"]),
        )
        return {"rows": [str(row["id"])], "external_ids": [row["externalid"]], "before": row[column], "after": new}


def _amount(line: sqlite3.Row) -> Decimal:
    """Money of one line, rounded once."""
    exact: Decimal = Decimal(str(line["rate"] or 0)) * int(line["minutes"]) / 60
    return exact.quantize(_CENT, ROUND_HALF_UP)
