"""An hour to a time row's body, and a time row back to the question whether it says the same. Pure.

Fields: NetSuite's record `timeBill`. `customer` takes the project, `caseTaskEvent` the project task. A rate is ours only with
`overrideRate`; without one NetSuite prices the row itself. `memo` tells originals, amendments, reversals and their hour apart for
a person there; it is outside the fingerprint and no part of a comparison. A reversing row is the row that it takes back with its
hours negated; it and what is posted again are dated in the next open period where the hour's own is closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from plumbing.errors import Refused
from reverse_etl.fieldmap import MINUTES_PER_HOUR, FieldMap, FieldRule
from reverse_etl.writer import Operation, Record

RECORD = "record/v1/timeBill"
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
    "has_rate",
    "marker",
    "record_key",
)
DEFAULT_FIELDS = (
    FieldRule("employee", "column", "employee_ref", "reference"),
    FieldRule("customer", "column", "project_ref", "reference"),
    FieldRule("caseTaskEvent", "column", "task_ref", "reference"),
    FieldRule("item", "column", "item_ref", "reference"),
    FieldRule("tranDate", "column", "work_date", "date"),
    FieldRule("hours", "column", "minutes", "duration"),
    FieldRule("isBillable", "column", "is_billable", "boolean"),
    FieldRule("overrideRate", "column", "has_rate", "boolean"),
    FieldRule("rate", "column", "rate", "decimal"),
    FieldRule("timeType", "constant", "A", "reference"),
    FieldRule("memo", "column", "marker", "text"),
)
REQUIRED = ("employee_ref", "project_ref", "work_date", "minutes")


def body(record: Record, field_map: FieldMap) -> dict[str, Any]:
    """The row's fields; an amend says null for what was there before and is no more.

    Raises:
        Refused: a field that a time row can't be without is empty, or doesn't fit.
    """
    lacking = [name for name in REQUIRED if record.fields.get(name) in (None, "")]
    if lacking:
        raise Refused(f"The hour has no {', '.join(lacking)}.", field=lacking[0], category="invalid_reference")
    made = field_map.build(_columns(record, record.fields))
    if record.operation is Operation.AMEND and record.previous is not None:
        before = field_map.build(_columns(record, record.previous))
        made |= {name: None for name in before if name not in made}
    return made


def _columns(record: Record, fields: Mapping[str, Any]) -> dict[str, Any]:
    is_reversal = record.operation is Operation.REVERSE
    return {
        **fields,
        "minutes": -Decimal(str(fields["minutes"])) if is_reversal else fields["minutes"],
        "work_date": _posting_date(record, fields),
        "has_rate": fields.get("rate") is not None,
        "marker": record.marker,
        "record_key": record.record_key,
    }


def _posting_date(record: Record, fields: Mapping[str, Any]) -> Any:
    """The work date; of a correction into a closed period the date that the plan fixed on the intent."""
    is_correction = record.operation is Operation.REVERSE or record.corrects_key is not None
    later = record.context.get("correction_date") if record.context.get("period_closed") else None
    return later if is_correction and later else fields["work_date"]


def says_the_same(payload: Mapping[str, Any], row: Mapping[str, Any], ignored: frozenset[str]) -> bool:
    """Whether a time row holds what the payload would have set."""
    return all(_equal(value, row.get(name)) for name, value in payload.items() if name not in ignored)


def marker_fields(field_map: FieldMap) -> frozenset[str]:
    """Vendor fields that carry the marker: another revision's words there change nothing."""
    return frozenset(row.vendor_field for row in field_map.rows if row.value == "marker")


def _equal(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, Mapping):
        return isinstance(theirs, Mapping) and str(theirs.get("id")) == str(ours.get("id"))
    if ours is None or theirs is None:
        return ours is theirs
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    if isinstance(ours, Decimal | int):
        return _number(theirs) == ours
    if (duration := minutes_of(ours)) is not None:
        return minutes_of(theirs) == duration
    return str(ours) == str(theirs)


def _number(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def minutes_of(duration: Any) -> int | None:
    """Minutes of an ``h:mm``; None when it is none."""
    hours, colon, minutes = str(duration).partition(":")
    if not colon or not hours.lstrip("-").isdigit() or not minutes.isdigit():
        return None
    whole = int(hours.lstrip("-")) * MINUTES_PER_HOUR + int(minutes)
    return -whole if hours.startswith("-") else whole


def id_of_location(location: str | None) -> str | None:
    """The row's id from a ``Location`` header; None when it names the external id, or nothing."""
    last = (location or "").rstrip("/").rpartition("/")[2]
    return last if last.isdigit() else None
