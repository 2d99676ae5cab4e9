"""Reads Tryton over its JSON-RPC, by `search_read` alone.

Paging: by key: each page begins after the last (last_modified_at, id) of the one before, since a whole batch shares one
stamp. The stamp is the start of the transaction that wrote, not its end: rows of a long transaction appear later under
an older stamp than rows that are here already. So every read goes back by `OVERLAP`, which is longer than Tryton lets a
transaction run; what is read again and did not change lands nothing. What changed only in a record beside (the name of
an employee's party, an invoice's payment) is asked for by that record's stamp.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from ingest.answers import instant_of
from ingest.checks import probe
from ingest.quiet_dlt import dlt
from ingest.sources import Absence, Finding, Hints, Landed, Page, Total
from ingest.sources.tryton import decode
from ingest.stage import Batches, stage_resources
from plumbing.errors import NotFound, Terminal, UnexpectedAnswer

if TYPE_CHECKING:
    from dlt.extract import DltResource

    from ingest.declaration import Resource
    from plumbing.http import Client
    from plumbing.settings import Connection
    from plumbing.vendors.tryton import Rpc

PAGE = 1000
OVERLAP = timedelta(minutes=35)  # Tryton's own limit of a transaction ([database] timeout) is 30
_ALL = {"active_test": False}  # what is not active is there, and said to be so


@dlt.source(name="tryton", section="tryton", max_table_nesting=0)
def source(batches: Batches) -> Iterator[DltResource]:
    """One lazy resource per model that is read of Tryton."""
    return stage_resources(decode.RESOURCES, batches)


def open_source(connection: Connection, client: Client) -> TrytonSource:
    """The source of a connection; nothing is sent yet."""
    return TrytonSource(connection, cast("Rpc", client))


class TrytonSource:
    """See `ingest.sources.Source`."""

    resources = decode.RESOURCES

    def __init__(self, connection: Connection, client: Rpc) -> None:
        self._connection = connection
        self._client = client

    def read(self, resource: Resource, cursor: str | None, landed: Landed) -> Iterator[Page]:  # noqa: ARG002
        """Records changed since the cursor, less the overlap, then those that a record beside them changed."""
        since = instant_of(cursor)
        bound = (since - OVERLAP).astimezone(UTC).replace(tzinfo=None) if since else None
        newest = cursor
        for values in self._changed(resource, bound):
            page = self._shown(resource, values)
            stamp = page[-1].get(decode.STAMP) if isinstance(page[-1], dict) else None
            newest = max(newest, stamp) if newest and stamp else stamp or newest
            yield Page(page, newest)
        if bound is not None:
            for values in self._touched(resource, bound):
                yield Page(self._shown(resource, values))

    def read_window(self, resource: Resource, period: date | None) -> Iterator[Page]:
        """Every record of a work-date month, or of the resource, in the order of ids."""
        month = _month(resource, period) if period else []
        for values in self._by_id(resource, month):
            yield Page(self._shown(resource, values))

    def find(self, resource: Resource, source_id: str) -> Any | Absence:
        """By a search, which finds nothing rather than fails. Gone is what Tryton, asked to read it, says doesn't exist,
        or what it has and no longer counts to the resource; what a rule hides is neither."""
        if not source_id.isdigit():
            return Absence.UNKNOWN
        number = int(source_id)
        found = self._search_read(resource, self._domain(resource, ("id", "=", number)), order=None)
        if found:
            return self._shown(resource, found)[0]
        model = decode.MODELS[resource.name].name
        try:
            self._client.call(f"model.{model}.read", [number], ["id"], context=_ALL)
        except NotFound:
            return Absence.GONE
        except Terminal:
            return Absence.UNKNOWN
        return Absence.GONE

    def totals(self, resource: Resource, periods: Sequence[date]) -> Sequence[Total]:
        """``search_count``; of timesheet lines by month, and the rest of them under no month. Tryton sums no hours."""
        everything = self._count(resource, [])
        if resource.work_date is None:
            return [Total(None, everything)]
        months = [Total(period, self._count(resource, _month(resource, period))) for period in periods]
        return [*months, Total(None, max(0, everything - sum(month.count for month in months)))]

    def hints(self, resource: Resource, cursor: str | None) -> Hints | None:  # noqa: ARG002
        """None: the audit log does not say which row a deletion was about; deletions show by counting."""
        return None

    def check(self) -> list[Finding]:
        """Counts each model and reads one of its records with the fields that are asked for."""

        def ask(resource: Resource) -> int:
            self._search_read(resource, self._domain(resource), limit=1, order=None)
            return self._count(resource, [])

        return [probe(self._connection, r.name, lambda r=r: ask(r)) for r in self.resources]  # type: ignore[misc]

    def _changed(self, resource: Resource, since: datetime | None) -> Iterator[list[Any]]:
        order = [[decode.STAMP, "ASC"], ["id", "ASC"]]
        beyond: list[Any] = [(decode.STAMP, ">=", since)] if since else []
        while True:
            values = self._search_read(resource, self._domain(resource, *beyond), order=order)
            if values:
                yield values
            if len(values) < PAGE:
                return
            stamp, key = values[-1].get(decode.STAMP), self._key(values)
            beyond = [["OR", (decode.STAMP, ">", stamp), [(decode.STAMP, "=", stamp), ("id", ">", key)]]]

    def _touched(self, resource: Resource, since: datetime) -> Iterator[list[Any]]:
        beside = [(f"{relation}.{decode.STAMP}", ">=", since) for relation in decode.MODELS[resource.name].touched_by]
        if beside:
            yield from self._by_id(resource, [(decode.STAMP, "<", since), ["OR", *beside]])

    def _by_id(self, resource: Resource, clauses: Sequence[Any]) -> Iterator[list[Any]]:
        last = 0
        while True:
            domain = self._domain(resource, *clauses, ("id", ">", last))
            values = self._search_read(resource, domain, order=[["id", "ASC"]])
            if values:
                yield values
            if len(values) < PAGE:
                return
            last = self._key(values)

    def _shown(self, resource: Resource, values: Sequence[Any]) -> list[Any]:
        records = [decode.record(resource, one) for one in values]
        if resource is decode.INVOICES:
            self._complete(records)
        return records

    def _complete(self, invoices: Sequence[Any]) -> None:
        """Adds the timesheet lines that each invoice bills, and the credit notes that take it back."""
        ids = [int(one["id"]) for one in invoices]
        time = self._beside("timesheet.line", ("invoice_line.invoice", "in", ids), ["invoice_line.invoice"])
        notes = self._beside(
            "account.invoice", ("origin_invoices", "in", ids), ["origin_invoices", "state", "total_amount"]
        )
        for invoice in invoices:
            number = int(invoice["id"])
            invoice["time"] = [
                {"line": str(line["id"]), "invoice_line": line["invoice_line."]["id"]}
                for line in time
                if line["invoice_line."]["invoice"] == number
            ]
            invoice["credited_by"] = [
                {"invoice": note["id"], "state": note["state"], "total_amount": decode.amount(note["total_amount"])}
                for note in notes
                if number in note["origin_invoices"]
            ]

    def _beside(self, model: str, clause: Any, fields: list[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            domain = [clause, ("id", ">", found[-1]["id"] if found else 0)]
            page = self._call(model, "search_read", domain, 0, PAGE, [["id", "ASC"]], fields)
            found += page
            if len(page) < PAGE:
                return found

    def _domain(self, resource: Resource, *more: Any) -> list[Any]:
        return decode.domain(resource, self._client.company, *more)

    def _count(self, resource: Resource, clauses: Sequence[Any]) -> int:
        model = decode.MODELS[resource.name].name
        counted = self._client.call(
            f"model.{model}.search_count", self._domain(resource, *clauses), 0, None, context=_ALL
        )
        if isinstance(counted, int):
            return counted
        raise self._odd(f"{model} counts no number")

    def _search_read(
        self, resource: Resource, domain: list[Any], *, order: list[Any] | None, limit: int = PAGE
    ) -> list[Any]:
        model = decode.MODELS[resource.name].name
        return self._call(model, "search_read", domain, 0, limit, order, decode.asked(resource))

    def _call(self, model: str, method: str, *params: Any) -> list[Any]:
        answer = self._client.call(f"model.{model}.{method}", *params, context=_ALL)
        if isinstance(answer, list) and all(isinstance(one, Mapping) for one in answer):
            return answer
        raise self._odd(f"{model} gives no list of records")

    def _key(self, values: Sequence[Any]) -> int:
        key = values[-1].get("id")
        if isinstance(key, int):
            return key
        raise self._odd("a record has no id, so that it cannot be read on from there")

    def _odd(self, what: str) -> UnexpectedAnswer:
        return UnexpectedAnswer(
            f"Connection {self._connection.name}: Tryton's answer is not as documented: {what}.",
            system=self._connection.system,
            connection=self._connection.name,
            remedy="Run again; if it stays so, the source must be adapted.",
        )


def _month(resource: Resource, period: date) -> list[Any]:
    following = (period.replace(day=28) + timedelta(days=4)).replace(day=1)
    return [(resource.work_date, ">=", period), (resource.work_date, "<", following)]
