"""An hour to a timesheet line's values, and a line back to the question whether it says the same. Pure.

Fields: Tryton's model `timesheet.line`, values as `plumbing.vendors.tryton.wire` writes them, so that what the ledger keeps is
what was sent. ``description`` holds the marker, which tells originals, amendments and their hour apart for a person there, and
is what a look-up finds where the server takes no key; it is outside the fingerprint and no part of a comparison.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from plumbing.errors import Misconfigured, Refused
from plumbing.vendors.tryton.wire import decode, encode
from reverse_etl import fieldmap
from reverse_etl.fieldmap import FieldMap, FieldRule
from reverse_etl.writer import Operation, Record

MODEL = "timesheet.line"
COLUMNS = (
    "employee_ref",
    "project_ref",
    "task_ref",
    "item_ref",
    "work_date",
    "minutes",
    "is_billable",
    "rate",
    "currency",
    "marker",
    "record_key",
)
DEFAULT_FIELDS = (
    FieldRule("employee", "column", "employee_ref", "reference"),
    FieldRule("work", "column", "task_ref", "reference"),
    FieldRule("date", "column", "work_date", "date"),
    FieldRule("duration", "column", "minutes", "duration"),
    FieldRule("description", "column", "marker", "text"),
)
REQUIRED = ("employee_ref", "task_ref", "work_date", "minutes")
KEYS = uuid.UUID("5f3a3f6e-6a53-5c0e-9d0b-3c1f2f4f8a11")  # the namespace of our lines' uuids
MICROSECONDS_PER_MINUTE = 60_000_000
_MARKER = re.compile(r"^hourline (?P<key>[A-Za-z0-9_-]+-g\d+)-r\d+-[a-z](\s|$)")


def _duration(minutes: Any) -> Any:
    exact = Decimal(str(minutes)) * MICROSECONDS_PER_MINUTE
    return encode(timedelta(microseconds=int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))))


TYPES: Mapping[str, Callable[[Any], Any]] = {
    **fieldmap.TYPES,
    "date": lambda value: encode(date.fromisoformat(str(value))),
    "decimal": lambda value: encode(fieldmap.TYPES["decimal"](value)),
    "hours": lambda value: encode(fieldmap.TYPES["hours"](value)),
    "reference": fieldmap.TYPES["integer"],
    "duration": lambda value: _duration(fieldmap.TYPES["decimal"](value)),
}


def values(record: Record, field_map: FieldMap) -> dict[str, Any]:
    """The line's values; an amend says null for what was there before and is no more.

    Raises:
        Refused: a field that a line can't be without is empty, or doesn't fit, or the hours are negative.
    """
    lacking = [name for name in REQUIRED if record.fields.get(name) in (None, "")]
    if lacking:
        raise Refused(f"The hour has no {', '.join(lacking)}.", field=lacking[0], category="invalid_reference")
    made = field_map.build(_columns(record, record.fields))
    if Decimal(str(record.fields["minutes"])) < 0:
        raise Refused("Tryton takes no negative hours.", field="minutes", category="validation")
    if record.operation is Operation.AMEND and record.previous is not None:
        before = field_map.build(_columns(record, record.previous))
        made |= {name: None for name in before if name not in made}
    return made


def _columns(record: Record, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {**fields, "marker": record.marker, "record_key": record.record_key}


def key(record_key: str) -> str:
    """The line's uuid: the same for the same record key, for ever."""
    return str(uuid.uuid5(KEYS, record_key))


def marker_field(field_map: FieldMap) -> str:
    """The vendor field that carries the marker.

    Raises:
        Misconfigured: none does, so a lost answer could not be looked up on a server that takes no key.
    """
    found = [row.vendor_field for row in field_map.rows if row.value == "marker" and row.value_type == "text"]
    if not found:
        raise Misconfigured(
            f"The field map of {field_map.destination} ({field_map.entity}) puts the marker in no field.",
            remedy="Map the column marker to a text field, such as description: without it a lost answer can't be looked up.",
        )
    return found[0]


def marker_pattern(record_key: str) -> str:
    """What the marker of any revision of the record is like, for a search; the wildcards of ``like`` taken literally."""
    escaped = re.sub(r"([\\%_])", r"\\\1", record_key)
    return f"hourline {escaped}-r%"


def record_key_of(marker: Any) -> str | None:
    """The record key in a marker; None where the text is none of ours."""
    found = _MARKER.match(str(marker or ""))
    return found["key"] if found else None


def says_the_same(payload: Mapping[str, Any], row: Mapping[str, Any], ignored: frozenset[str]) -> bool:
    """Whether a line holds what the payload would have set."""
    return all(_equal(decode(value), row.get(name)) for name, value in payload.items() if name not in ignored)


def _equal(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, str) and isinstance(theirs, str):
        return ours.strip() == theirs.strip()  # Tryton strips text
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    return bool(ours == theirs)
