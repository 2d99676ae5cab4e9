"""A person's day to a time sheet, and a time sheet back to what it means for us. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plumbing.errors import Refused
from reverse_etl.fieldmap import MINUTES_PER_HOUR, FieldMap, FieldRule
from reverse_etl.writer import Found, Operation, Outcome, Record, Result

KEY = "dw_key"
REQUEST = "dw_request"
MARKER = "dw_marker"
THOUSANDTH = Decimal("0.001")
COLUMNS = (
    "employee_ref",
    "job_ref",
    "work_date",
    "time_zone",
    "entries",
    "shift_started_at",
    "shift_ended_at",
    "sheet_entries",
    "record_key",
    "request_key",
    "marker",
)
DEFAULT_FIELDS = (
    FieldRule("entity_uuid", "column", "employee_ref", "text"),
    FieldRule("entity_type", "constant", "Employee", "text"),
    FieldRule("job_uuid", "column", "job_ref", "text"),
    FieldRule("time_zone", "column", "time_zone", "text"),
    FieldRule("shift_started_at", "column", "shift_started_at", "text"),
    FieldRule("shift_ended_at", "column", "shift_ended_at", "text"),
    FieldRule(f"metadata.{KEY}", "column", "record_key", "text"),
    FieldRule(f"metadata.{REQUEST}", "column", "request_key", "text"),
    FieldRule(f"metadata.{MARKER}", "column", "marker", "text"),
    FieldRule("entries", "column", "sheet_entries", "as_is"),
)
REQUIRED = ("employee_ref", "job_ref", "work_date", "time_zone", "entries")


def body(record: Record, field_map: FieldMap, start_hour: int) -> dict[str, Any]:
    """The sheet.

    Raises:
        Refused: a field that a sheet can't be without is empty, the zone is unknown, or there is no time in it.
    """
    fields = record.fields
    lacking = [name for name in REQUIRED if not fields.get(name)]
    if lacking:
        raise Refused(f"The day has no {', '.join(lacking)}.", field=lacking[0], category="invalid_reference")
    is_adjustment = record.operation is Operation.ADJUST
    day = _adjustment_day(record) if is_adjustment else fields["work_date"]
    classes = _difference(record) if is_adjustment else [(e["classification"], _minutes(e)) for e in fields["entries"]]
    started = shift_start(date.fromisoformat(day), start_hour, fields["time_zone"])
    minutes = sum((each for _, each in classes), Decimal(0))
    if minutes <= 0:
        raise Refused("The day has no time in it.", field="entries", category="validation")
    ended = started + timedelta(seconds=int((minutes * 60).quantize(Decimal(1), rounding=ROUND_HALF_UP)))
    columns = {
        **fields,
        "shift_started_at": _instant(started),
        "shift_ended_at": _instant(ended),
        "sheet_entries": [
            {"hours_worked": hours_of(each), "pay_classification": classification} for classification, each in classes
        ],
        "record_key": record.record_key,
        "request_key": record.request_key,
        "marker": record.marker,
    }
    return field_map.build(columns)


def _minutes(entry: Mapping[str, Any]) -> Decimal:
    return Decimal(str(entry["minutes"]))


def _adjustment_day(record: Record) -> str:
    day = record.context.get("correction_date")
    if not day:
        raise Refused("No open pay period takes the adjustment.", field="correction_date", category="closed_period")
    return str(day)


def _difference(record: Record) -> list[tuple[str, Decimal]]:
    """What the day lacks there, by class of pay.

    Raises:
        Refused: some class would shrink: paid money is not taken back by a sheet.
    """
    classes: dict[str, Decimal] = {}
    for sign, fields in ((1, record.fields), (-1, record.previous or {})):
        for entry in fields.get("entries") or ():
            name = str(entry["classification"])
            classes[name] = classes.get(name, Decimal(0)) + sign * _minutes(entry)
    if any(minutes < 0 for minutes in classes.values()):
        raise Refused("An adjustment would take back paid hours.", field="entries", category="takes_back_pay")
    return [(name, minutes) for name, minutes in sorted(classes.items()) if minutes]


def shift_start(work_date: date, hour: int, time_zone: str) -> datetime:
    """The instant, in UTC, of a local hour of a work date.

    An hour that the clocks skip is the one after it; of an hour that they repeat it is the first.
    """
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise Refused(f"There is no time zone {time_zone!r}.", field="time_zone", category="validation") from None
    return datetime.combine(work_date, time(hour), tzinfo=zone).astimezone(UTC)


def hours_of(minutes: Decimal) -> Decimal:
    """Hours as the vendor keeps them."""
    return (minutes / MINUTES_PER_HOUR).quantize(THOUSANDTH, rounding=ROUND_HALF_UP)


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(value: Any) -> datetime | None:
    """An instant as the vendor writes it."""
    return datetime.fromisoformat(value) if isinstance(value, str) and value else None


def key_of(sheet: Mapping[str, Any]) -> str | None:
    """Our key on a sheet; None on a foreign one."""
    key = (sheet.get("metadata") or {}).get(KEY)
    return None if key is None else str(key)


def detail_of(sheet: Mapping[str, Any]) -> dict[str, Any]:
    """What later calls on the sheet need."""
    return {name: sheet.get(name) for name in ("version", "status", "updated_at", "synced_to_payroll_at")}


def found(sheet: Mapping[str, Any]) -> Found:
    """A sheet as a look-up's answer."""
    synced, written = moment(sheet.get("synced_to_payroll_at")), moment(sheet.get("updated_at"))
    is_synced_since = synced is not None and (written is None or synced >= written)
    return Found(str(sheet["uuid"]), sheet, detail_of(sheet), is_in_effect=is_synced_since)


def pick(sheets: Iterable[Mapping[str, Any]], record: Record) -> Mapping[str, Any] | None:
    """The record's sheet among a person's: by its id, else by our key."""
    for sheet in sheets:
        if (
            sheet.get("uuid") == record.vendor_id
            if record.vendor_id is not None
            else key_of(sheet) == record.record_key
        ):
            return sheet
    return None


def says_the_same(payload: Mapping[str, Any], sheet: Mapping[str, Any]) -> bool:
    """Whether a sheet holds what the payload would have set: who, which job, when, and each class of hours."""
    if any(payload.get(name) != sheet.get(name) for name in ("entity_uuid", "entity_type", "job_uuid", "time_zone")):
        return False
    if any(moment(payload.get(name)) != moment(sheet.get(name)) for name in ("shift_started_at", "shift_ended_at")):
        return False
    return _classes(payload) == _classes(sheet)


def _classes(sheet: Mapping[str, Any]) -> dict[str, Decimal]:
    classes: dict[str, Decimal] = {}
    for entry in sheet.get("entries") or ():
        name = str(entry["pay_classification"])
        classes[name] = classes.get(name, Decimal(0)) + Decimal(str(entry["hours_worked"]))
    return {name: hours for name, hours in classes.items() if hours}


@dataclass(frozen=True)
class Period:
    """A pay period, as the payroll sync names it."""

    pay_schedule: str
    start: str
    end: str

    @classmethod
    def of(cls, record: Record) -> Period | None:
        """The period that the plan fixed on the intent, of an adjustment the one that takes it; None when it knew none."""
        start, end = (
            ("correction_date", "correction_period_end")
            if record.operation is Operation.ADJUST
            else ("pay_period_start", "pay_period_end")
        )
        named = [record.context.get(name) for name in ("pay_schedule_ref", start, end)]
        return cls(*map(str, named)) if all(named) else None

    @property
    def body(self) -> dict[str, str]:
        """The body of a payroll sync."""
        return {
            "kind": "regular",
            "pay_schedule_uuid": self.pay_schedule,
            "pay_period_start_date": self.start,
            "pay_period_end_date": self.end,
        }


def standing(record: Record, sheet: Mapping[str, Any] | None, *, is_all_synced: bool = False) -> Outcome | None:
    """Where an accepted sheet stands; None: approved there, and the payroll sync is what it waits for.

    Args:
        is_all_synced: its period's sync has just ended without complaint, or found nothing left to take over.
    """
    if sheet is None:
        return Outcome(Result.GONE, category="gone_by_hand", message="The time sheet isn't there any more.")
    common: dict[str, Any] = {
        "vendor_id": str(sheet["uuid"]),
        "vendor_detail": {**(record.vendor_detail or {}), "status": sheet.get("status")},
    }
    if sheet.get("status") == "rejected":
        return Outcome(
            Result.REFUSED, category="rejected_there", message="The time sheet was rejected in Gusto.", **common
        )
    if is_synced(record, sheet) or (is_all_synced and sheet.get("synced_to_payroll_at") is not None):
        return Outcome(Result.ACKNOWLEDGED, **common)
    if sheet.get("status") != "approved":
        return Outcome(Result.ACCEPTED, message="awaiting approval there", **common)
    return None


def is_synced(record: Record, sheet: Mapping[str, Any]) -> bool:
    """Whether the payroll holds the sheet as we last wrote it: synced since, for a sync that it had then doesn't count."""
    detail = record.vendor_detail or {}
    synced, before = moment(sheet.get("synced_to_payroll_at")), moment(detail.get("synced_to_payroll_at"))
    written = moment(detail.get("updated_at"))
    return synced is not None and (synced != before or (written is not None and synced > written))
