"""Tryton's writer: create many by our key where the server takes one, amend and delete by id under its optimistic lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from plumbing.errors import Conflict, Forbidden, Misconfigured, NotFound, Refused, UnexpectedAnswer
from plumbing.vendors import tryton
from reverse_etl.erp.tryton import payloads
from reverse_etl.writer import Capabilities, Found, Operation, Outcome, Record, Result

if TYPE_CHECKING:
    from plumbing.http import Exchange
    from plumbing.settings import Connection
    from reverse_etl.fieldmap import FieldMap

BATCH_SIZE = 50  # lines in one call: a quarter of a second there, and few to send again when one is bad
VISIBILITY_SECONDS = 1.0  # a line is seen once its transaction has ended
KEYED_SERIES = frozenset(
    {"8.0"}
)  # where the API takes `uuid`; tried. Of any other series only the look-up is relied on
TRIED_SERIES = KEYED_SERIES | {"8.2"}
INVOICED = "The line is on an invoice there; it takes a credit note to change it."
SEVERAL = 2  # rows of a look-up: one more than there may be

_CALL = f"model.{payloads.MODEL}."
_RIGHTS = ("read", "create", "write", "delete")


class Writer:
    """Timesheet lines of one company.

    `capabilities` of the class are what every series can do, which is all that a plan asks for; those of an instance tell
    ``has_key`` too, once the server has said its series.
    """

    capabilities = Capabilities(
        has_key=False,
        has_lookup=True,
        batch_size=BATCH_SIZE,
        visibility_seconds=VISIBILITY_SECONDS,
    )

    def __init__(self, connection: Connection, entity: str, field_map: FieldMap) -> None:
        self._field_map = field_map.over(payloads.DEFAULT_FIELDS, payloads.COLUMNS, payloads.TYPES)
        self._marker_field = payloads.marker_field(self._field_map)
        self._client = tryton.client(connection)
        self._entity = entity
        self.capabilities = replace(
            type(self).capabilities, processing_seconds=float(self._client.options.request_limit_seconds)
        )
        self.timeout_seconds = self._client.timeout.whole_call_seconds
        self.concurrency = self._client.allowance.concurrency

    def observe(self, on_request: Callable[[Exchange], None], before_send: Callable[[], None]) -> None:
        """See `reverse_etl.writer.Writer`."""
        self._client.on_request = on_request
        self._client.before_send = before_send

    def close(self) -> None:
        """Let connections go."""
        self._client.close()

    @cached_property
    def _takes_key(self) -> bool:
        """Whether the server takes a line's uuid; asked once."""
        takes = self._client.series in KEYED_SERIES
        self.capabilities = replace(self.capabilities, has_key=takes)
        return takes

    @cached_property
    def _fields(self) -> list[str]:
        """What is read of a line: what the map fills, and what tells its state; not every server has an invoice line."""
        wanted = {row.vendor_field for row in self._field_map.rows} | {self._marker_field, "uuid", "invoice_line"}
        there = self._client.call(f"{_CALL}fields_get", sorted(wanted))
        lacking = {row.vendor_field for row in self._field_map.rows} - set(there)
        if lacking:
            raise Misconfigured(
                f"Timesheet lines of {self._field_map.destination} have no field {', '.join(sorted(lacking))}.",
                remedy="Correct rule field_map, or give the user the right to read these fields.",
            )
        return [*sorted(there), "_timestamp"]

    def check(self) -> str:
        """Prove that lines of the company can be read and written, by reading the user's rights."""
        client = self._client
        own = client.call("model.res.user.get_preferences", True)
        companies = {own.get("company"), *(own.get("companies") or ())}
        if client.company not in companies:
            raise self._lacks(f"does not work for company {client.company}", "Give the user that company in Tryton.")
        access = client.call("model.ir.model.access.get_access", [payloads.MODEL])[payloads.MODEL]
        lacking = [right for right in _RIGHTS if not access.get(right)]
        if lacking:
            raise self._lacks(
                f"may not {', '.join(lacking)} timesheet lines", "Put the user in the group Timesheet Administration."
            )
        there = client.call(f"{_CALL}search_count", [["company", "=", client.company]], 0, None)
        key = "keeps our key unique" if self._takes_key else "takes no key of ours, so a lost answer is looked up"
        tried = "" if client.series in TRIED_SERIES else ", a series we were not tried with"
        fields = f"fields {', '.join(name for name in self._fields if name != '_timestamp')}"
        return f"timesheet lines can be read; {there} there. Tryton {client.series}{tried}, {key}; {fields}"

    def _lacks(self, what: str, remedy: str) -> Forbidden:
        connection = self._client.connection
        return Forbidden(
            f"Connection {connection.name}: its user {what}.",
            system=connection.system,
            connection=connection.name,
            remedy=remedy,
        )

    def payload(self, record: Record) -> Mapping[str, Any]:
        """The values of a line; the key is added when it is sent, as it is derived and not every server takes it."""
        return payloads.values(record, self._field_map)

    def matches(self, payload: Mapping[str, Any], found: Found) -> bool:
        """Whether the line there says what the payload says; markers aside. Several under one key say nothing."""
        return "several" not in found.row and payloads.says_the_same(
            payload, found.row, frozenset({self._marker_field})
        )

    def find(self, record: Record) -> Found | None:
        """The line by its id, else by our key, else by the marker among its employee's lines."""
        if record.vendor_id is not None and not (record.vendor_id.isascii() and record.vendor_id.isdigit()):
            return None  # lines have numbers; a person named something else, a credit note say
        rows = self._rows(self._domain(record), limit=None if self._is_by_marker(record) else SEVERAL)
        if self._is_by_marker(record):
            rows = [row for row in rows if payloads.record_key_of(row[self._marker_field]) == record.record_key]
        if not rows:
            return None
        row = rows[0] if len(rows) == 1 else {"several": [row["id"] for row in rows]}
        return Found(str(rows[0]["id"]), row, vendor_detail={"timestamp": rows[0]["_timestamp"]})

    def _is_by_marker(self, record: Record) -> bool:
        return record.vendor_id is None and not self._takes_key

    def _domain(self, record: Record) -> list[Any]:
        if record.vendor_id is not None:
            return [["id", "=", int(record.vendor_id)]]
        if self._takes_key:
            return [["uuid", "=", payloads.key(record.record_key)]]
        people = sorted(
            {
                int(given["employee_ref"])
                for given in (record.fields, record.previous)
                if given and given["employee_ref"]
            }
        )
        like = [self._marker_field, "like", payloads.marker_pattern(record.record_key)]
        return [["company", "=", self._client.company], ["employee", "in", people], like]

    def _rows(self, domain: list[Any], limit: int | None) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = self._client.call(
            f"{_CALL}search_read", domain, 0, limit, [["id", "ASC"]], self._fields
        )
        return rows

    def send(self, records: Sequence[Record]) -> Sequence[Outcome]:
        """One call for all of them, which share an operation; all are stored, or none."""
        operation = records[0].operation
        if operation in {Operation.REVERSE, Operation.ADJUST}:
            raise Refused(
                "Tryton takes no reversing or adjusting line; a credit note is for a person.", category="validation"
            )
        return self._create(records) if operation is Operation.CREATE else self._change(records)

    def _create(self, records: Sequence[Record]) -> list[Outcome]:
        lines = [dict(record.payload or {}) for record in records]
        if self._takes_key:
            lines = [{**line, "uuid": payloads.key(r.record_key)} for line, r in zip(lines, records, strict=True)]
        ids = self._client.call(f"{_CALL}create", lines)
        if not isinstance(ids, list) or len(ids) != len(records):
            raise UnexpectedAnswer(f"Tryton was given {len(records)} lines and named {ids}.", system="tryton")
        return [Outcome(Result.ACKNOWLEDGED, vendor_id=str(made)) for made in ids]

    def _change(self, records: Sequence[Record]) -> list[Outcome]:
        """Read what is there, then write or delete it as it was read."""
        ids = [int(record.vendor_id or 0) for record in records]
        there = {row["id"]: row for row in self._rows([["id", "in", ids]], limit=None)}
        free = [record for record, number in zip(records, ids, strict=True) if _is_free(there.get(number))]
        stamps = {number: row["_timestamp"] for number, row in there.items()}
        if free:
            self._write(free, {f"{payloads.MODEL},{number}": stamp for number, stamp in stamps.items()})
        return [
            _changed(record, there.get(number), stamps.get(number)) for record, number in zip(records, ids, strict=True)
        ]

    def _write(self, records: Sequence[Record], stamps: Mapping[str, str]) -> None:
        try:
            self._write_under(records, {"_timestamp": dict(stamps)})
        except (
            NotFound
        ) as error:  # gone since it was read, which the next reading says; or something that it names is hidden
            raise Conflict(error.message, category="stale_version", **_told(error)) from error

    def _write_under(self, records: Sequence[Record], lock: Mapping[str, Any]) -> None:
        numbers = [int(record.vendor_id or 0) for record in records]
        if records[0].operation is Operation.DELETE:
            self._client.call(f"{_CALL}delete", numbers, context=lock)
            return
        pairs = [part for number, r in zip(numbers, records, strict=True) for part in ([number], dict(r.payload or {}))]
        self._client.call(f"{_CALL}write", *pairs, context=lock)

    def follow_up(self, _records: Sequence[Record]) -> Iterable[tuple[int, Outcome]]:
        """A line is in effect once written."""
        return []


def _told(error: NotFound) -> dict[str, Any]:
    names = ("system", "connection", "status", "code", "detail", "path")
    return {name: getattr(error, name) for name in names}


def _is_free(row: Mapping[str, Any] | None) -> bool:
    return row is not None and not row.get("invoice_line")


def _changed(record: Record, row: Mapping[str, Any] | None, stamp: str | None) -> Outcome:
    if row is None:
        return Outcome(
            Result.GONE, vendor_id=record.vendor_id, category="gone_by_hand", message="The line isn't there any more."
        )
    if not _is_free(row):
        return Outcome(Result.REFUSED, vendor_id=record.vendor_id, category="billed", message=INVOICED)
    return Outcome(Result.ACKNOWLEDGED, vendor_id=record.vendor_id, vendor_detail={"changed_from": stamp})
