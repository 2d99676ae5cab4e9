"""Invoices of the PSA and payments made elsewhere (sheet B1.3, B1.5)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simulators.kantata.body import only
from simulators.kantata.errors import invalid, not_found
from simulators.kantata.query import day
from simulators.kantata.references import LIST_FILTERS, References, stamp_conditions
from simulators.kantata.resource import STAMPS, Document, Include, stamp_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulators.kantata.masters import Firm
    from simulators.kantata.query import ListQuery
    from simulators.kantata.state import State

FIRST_INVOICE_ID = 7_000_001
_CREATABLE = frozenset(
    {
        "payment_schedule", "workspace_id", "time_entry_ids", "invoice_date", "due_date", "user_invoice_number",
        "draft", "suppress_emails", "message", "title", "purchase_order",
    }
)  # fmt: skip
_CHANGEABLE = frozenset({"draft", "due_date", "title", "invoice_date", "user_invoice_number", "suppress_emails"})


class Invoices:
    """The resource `invoices`. Invoicing is what sets an entry's `is_invoiced`."""

    key = "invoices"
    filters = frozenset(STAMPS) | LIST_FILTERS | {"workspace_id"}
    orders = frozenset({"id", "created_at", "updated_at", "invoice_date"})
    includes: Mapping[str, Include] = {
        "time_entries": Include("time_entry_ids", "time_entries", many=True),
        "external_references": Include("external_reference_ids", "external_references", many=True),
    }
    optional: frozenset[str] = frozenset()

    def __init__(self, state: State, firm: Firm, references: References, *, numbers_are_unique: bool) -> None:
        self._state = state
        self._firm = firm
        self._references = references
        self._numbers_are_unique = numbers_are_unique

    def find(self, asked: ListQuery) -> tuple[list[str], int]:
        """By id unless asked otherwise."""
        where, values = ["1"], list[Any]()
        if asked.only is not None:
            where.append(f"id in ({', '.join(asked.only) or 'null'})")
        if (ids := asked.ids("workspace_id")) is not None:
            where.append(f"workspace_id in ({', '.join(map(str, ids)) or 'null'})")
        stamp_conditions(asked, where, values)
        self._references.conditions(asked, "Invoice", "id", where, values)
        order, direction = asked.order or ("id", "asc")
        condition = " and ".join(where)
        total = int(self._state.value(f"select count(*) from kantata_invoice where {condition}", values))  # noqa: S608
        rows = self._state.rows(
            f"select id from kantata_invoice where {condition} order by {order} {direction}, id limit ? offset ?",  # noqa: S608
            [*values, asked.window.size, asked.window.start],
        )
        return [str(row[0]) for row in rows], total

    def documents(self, ids: Iterable[str]) -> dict[str, Document]:
        """Those that exist."""
        keys = [int(key) for key in ids]
        wanted = ", ".join(map(str, keys)) or "null"
        references = self._references.ids_of("Invoice", keys)
        entries: dict[int, list[str]] = {}
        for entry, invoice in self._state.rows(
            f"select entry_id, invoice_id from kantata_invoiced where invoice_id in ({wanted}) order by entry_id"  # noqa: S608
        ):
            entries.setdefault(invoice, []).append(str(entry))
        return {
            str(row["id"]): {
                **row,
                "id": str(row["id"]),
                "workspace_id": str(row["workspace_id"]),
                "draft": bool(row["draft"]),
                "user_invoice_number": None if row["user_invoice_number"] is None else str(row["user_invoice_number"]),
                "created_at": stamp_text(row["created_at"]),
                "updated_at": stamp_text(row["updated_at"]),
                "time_entry_ids": entries.get(row["id"], []),
                "external_reference_ids": references.get(row["id"], []),
            }
            for row in self._state.named(f"select * from kantata_invoice where id in ({wanted})")  # noqa: S608
        }

    def next_number(self) -> int:
        """The number after the highest."""
        return int(self._state.value("select coalesce(max(user_invoice_number), 1000) from kantata_invoice")) + 1

    def create(self, given: Mapping[str, Any]) -> str:
        """A new invoice over entries of one project. Raises Refusal(422)."""
        only(given, _CREATABLE, "an invoice")
        for name in ("payment_schedule", "workspace_id"):
            if given.get(name) in (None, ""):
                raise invalid(name, f"{name} can't be blank")
        workspace = str(given["workspace_id"])
        project = self._firm.workspaces().get(workspace)
        if project is None:
            raise invalid("workspace_id", "workspace is invalid")
        entries = self._billable(given.get("time_entry_ids", []), workspace)
        stamp = int(self._state.now().timestamp())
        key = self._state.next_id("kantata_invoice", FIRST_INVOICE_ID)
        row = {
            "id": key, "workspace_id": int(workspace), "status": "new", "draft": int(bool(given.get("draft", False))),
            "title": given.get("title"), "currency": project.currency, "due_date": self._date(given, "due_date"),
            "invoice_date": self._date(given, "invoice_date") or self._state.now().date().isoformat(),
            "user_invoice_number": self._number(given), "balance_in_cents": sum(cents for _, cents in entries),
            "payment_schedule": str(given["payment_schedule"]), "created_at": stamp, "updated_at": stamp,
        }  # fmt: skip
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        self._state.run(f"insert into kantata_invoice ({names}) values ({marks})", list(row.values()))  # noqa: S608
        for entry, _ in entries:
            self._state.run("insert into kantata_invoiced values (?, ?)", (entry, key))
        self._state.event("invoice:created", ("Invoice", key), json.dumps({"status": "new"}))
        return str(key)

    def update(self, key: str, given: Mapping[str, Any]) -> None:
        """Changes what may change of an invoice that is new. Raises Refusal."""
        row = self._row(key)
        only(given, _CHANGEABLE, "an invoice")
        if row["status"] != "new":
            raise invalid("status", f"an invoice that is {row['status']} can't be changed")
        sets = {
            name: (
                int(bool(given[name]))
                if name == "draft"
                else self._date(given, name)
                if name.endswith("_date")
                else self._number(given)
                if name == "user_invoice_number"
                else given[name]
            )
            for name in given
            if name != "suppress_emails"
        }
        self._set(int(key), sets)

    def cancel(self, key: str) -> None:
        """Cancels an invoice; its entries are uninvoiced again. Raises Refusal."""
        if self._row(key)["status"] == "cancelled":
            raise invalid("status", "the invoice is cancelled already")
        self._state.run("delete from kantata_invoiced where invoice_id = ?", (int(key),))
        self._set(int(key), {"status": "cancelled", "balance_in_cents": 0})

    def delete(self, key: str) -> None:
        """Deletes an invoice for good; its entries are uninvoiced again. Raises Refusal."""
        self._row(key)
        self._state.run("delete from kantata_invoiced where invoice_id = ?", (int(key),))
        self._state.run("delete from kantata_invoice where id = ?", (int(key),))
        self._state.event("invoice:deleted", ("Invoice", int(key)), None)

    def pay(self, given: Mapping[str, Any]) -> Document:
        """A payment made elsewhere: marks a pending, non-draft invoice as paid. Raises Refusal(422)."""
        only(given, frozenset({"workspace_id", "invoice_id", "amount_in_cents", "message"}), "an external payment")
        if given.get("invoice_id") is None and given.get("amount_in_cents") is None:
            raise invalid("invoice_id", "invoice_id or amount_in_cents is required")
        if len(str(given.get("message") or "")) > 255:
            raise invalid("message", "message is too long (at most 255 characters)")
        invoice_id = str(given.get("invoice_id") or "")
        document = {
            "id": str(self._state.db.total_changes),
            "message": given.get("message"),
            "invoice_id": invoice_id or None,
        }
        if invoice_id:
            rows = self.documents([invoice_id]) if invoice_id.isdigit() else {}
            row = rows.get(invoice_id)
            if row is None or row["workspace_id"] != str(given.get("workspace_id")):
                raise invalid("invoice_id", "invoice is invalid")
            if row["status"] != "new" or row["draft"]:
                raise invalid("invoice_id", "only a pending invoice that is no draft can be paid")
            self._set(int(invoice_id), {"status": "accepted payment", "balance_in_cents": 0})
        return document

    def _set(self, key: int, sets: Mapping[str, Any]) -> None:
        columns = dict(sets) | {"updated_at": int(self._state.now().timestamp())}
        text = ", ".join(f"{name} = ?" for name in columns)
        self._state.run(f"update kantata_invoice set {text} where id = ?", [*columns.values(), key])  # noqa: S608
        self._state.event("invoice:updated", ("Invoice", key), json.dumps(dict(sets)))

    def _row(self, key: str) -> Document:
        found = self.documents([key]) if key.isdigit() else {}
        if key not in found:
            raise not_found("Invoice")
        return found[key]

    def _billable(self, given: Any, workspace: str) -> list[tuple[int, int]]:
        if not isinstance(given, list):
            raise invalid("time_entry_ids", "time_entry_ids must be a list")
        chosen = []
        for key in given:
            entry = self._state.world.entries.get(int(key)) if str(key).isdigit() else None
            if entry is None or entry.deleted_at is not None or str(entry.workspace_id) != workspace:
                raise invalid("time_entry_ids", f"time entry {key} is invalid")
            if self._state.value("select 1 from kantata_invoiced where entry_id = ?", (entry.entry_id,)):
                raise invalid("time_entry_ids", f"time entry {key} is invoiced already")
            chosen.append((entry.entry_id, (entry.rate_cents or 0) * entry.minutes // 60))
        return chosen

    def _number(self, given: Mapping[str, Any]) -> int | None:
        number = given.get("user_invoice_number")
        if number is None:
            return None
        if not str(number).isdigit():
            raise invalid("user_invoice_number", "user_invoice_number must be a number")
        taken = self._state.value("select 1 from kantata_invoice where user_invoice_number = ?", (int(number),))
        if taken and self._numbers_are_unique:
            raise invalid("user_invoice_number", "user_invoice_number has been taken")
        return int(number)

    @staticmethod
    def _date(given: Mapping[str, Any], name: str) -> str | None:
        return None if given.get(name) is None else day(name, given[name]).isoformat()
