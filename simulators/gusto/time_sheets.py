"""Time sheets: what a body may hold, and the sheet that is kept (sheet sections C1.3, C1.5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from simulators.gusto.errors import Fault, invalid, refused

CLASSIFICATIONS = ("Regular", "Overtime", "Double overtime")
MINIMUM_HOURS = Decimal("0.001")
MAXIMUM_PAIRS, MAXIMUM_KEY, MAXIMUM_VALUE = 50, 40, 500
FIELDS = {
    "entity_uuid",
    "entity_type",
    "job_uuid",
    "time_zone",
    "shift_started_at",
    "shift_ended_at",
    "metadata",
    "entries",
}
REQUIRED = ("entity_uuid", "entity_type", "time_zone", "shift_started_at")
ZONES = frozenset(available_timezones())


@dataclass(frozen=True, slots=True)
class Entry:
    uuid: str
    hours_worked: Decimal
    pay_classification: str

    def body(self) -> dict[str, Any]:
        return {
            "uuid": self.uuid,
            "hours_worked": f"{self.hours_worked:.3f}",
            "pay_classification": self.pay_classification,
        }


@dataclass(slots=True)
class TimeSheet:
    """One shift of one person. `serial` orders sheets of equal stamps."""

    uuid: str
    serial: int
    entity_uuid: str
    entity_type: str
    time_zone: str
    shift_started_at: datetime
    created_at: datetime
    updated_at: datetime
    version: str
    status: str = "pending"
    job_uuid: str | None = None
    shift_ended_at: datetime | None = None
    synced_to_payroll_at: datetime | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()

    @property
    def hours(self) -> Decimal:
        return sum((entry.hours_worked for entry in self.entries), Decimal(0))

    def body(self, company_uuid: str) -> dict[str, Any]:
        return {
            "uuid": self.uuid,
            "status": self.status,
            "company_uuid": company_uuid,
            "time_zone": self.time_zone,
            "entity_type": self.entity_type,
            "entity_uuid": self.entity_uuid,
            "job_uuid": self.job_uuid,
            "version": self.version,
            "shift_started_at": stamp(self.shift_started_at),
            "shift_ended_at": stamp(self.shift_ended_at),
            "synced_to_payroll_at": stamp(self.synced_to_payroll_at),
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
            "metadata": dict(self.metadata),
            "entries": [entry.body() for entry in self.entries],
        }


def stamp(at: datetime | None) -> str | None:
    """An instant as the API writes it: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def local_date_in(zone: str, at: datetime) -> str:
    """The date of an instant in a zone, ISO: pay periods are dates in the company's terms (C1.4)."""
    return at.astimezone(ZoneInfo(zone)).date().isoformat()


@dataclass(frozen=True, slots=True)
class Known:
    """What a sheet may refer to: employees with their jobs."""

    jobs_of_employee: dict[str, tuple[str, ...]]


def read_attributes(body: dict[str, Any], known: Known, *, is_update: bool) -> dict[str, Any]:
    """The attributes of a sheet from a JSON body, in Python types; `entries` as (hours, classification) pairs.

    Raises:
        GustoError: 422 with one entry for each attribute that is unknown, missing, of a wrong type or out of range.
    """
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    allowed = FIELDS | ({"version"} if is_update else set())
    faults += [invalid(name, f"{name} is not an attribute of a time sheet") for name in body if name not in allowed]
    if not is_update:
        faults += [invalid(name, f"{name} is required") for name in REQUIRED if body.get(name) in (None, "")]
    for name in sorted(FIELDS & body.keys()):
        if body[name] is None and name in {"job_uuid", "shift_ended_at"}:
            values[name] = None
        elif body[name] not in (None, "") or name not in REQUIRED:
            values[name] = READERS[name](name, body[name], faults)
        elif is_update:
            faults.append(invalid(name, f"{name} can't be blank"))
    if not faults:
        faults += _reference_faults(values, known)
    if faults:
        raise refused(*faults)
    return values


def _text(name: str, given: Any, faults: list[Fault]) -> str:
    if not isinstance(given, str):
        faults.append(invalid(name, f"{name} must be a string"))
        return ""
    return given


def _entity_type(name: str, given: Any, faults: list[Fault]) -> str:
    if given not in ("Employee", "Contractor"):
        faults.append(invalid(name, "entity_type must be Employee or Contractor"))
        return ""
    return str(given)


def _zone(name: str, given: Any, faults: list[Fault]) -> str:
    if not isinstance(given, str) or given not in ZONES:
        faults.append(invalid(name, "time_zone must be a name of the IANA time zone database"))
        return ""
    return given


def _instant(name: str, given: Any, faults: list[Fault]) -> datetime | None:
    if isinstance(given, str):
        try:
            at = datetime.fromisoformat(given)
        except ValueError:
            at = None
        if at is not None and at.tzinfo is not None:
            return at.astimezone(UTC)
    faults.append(invalid(name, f"{name} must be an ISO 8601 instant with its offset"))
    return None


def _metadata(name: str, given: Any, faults: list[Fault]) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(v, str) for v in given.values()):
        faults.append(invalid(name, "metadata must hold strings only"))
        return {}
    if len(given) > MAXIMUM_PAIRS:
        faults.append(invalid(name, f"metadata may hold at most {MAXIMUM_PAIRS} pairs"))
    if any(len(key) > MAXIMUM_KEY for key in given):
        faults.append(invalid(name, f"a metadata key may have at most {MAXIMUM_KEY} characters"))
    if any(len(value) > MAXIMUM_VALUE for value in given.values()):
        faults.append(invalid(name, f"a metadata value may have at most {MAXIMUM_VALUE} characters"))
    return given


def _entries(name: str, given: Any, faults: list[Fault]) -> list[tuple[Decimal, str]]:
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        faults.append(invalid(name, "entries must be a list of objects"))
        return []
    inner: list[Fault] = []
    pairs = [_entry(item, inner) for item in given]
    if inner:
        faults.append(Fault(name, "nested_errors", "entries are invalid", errors=tuple(inner)))
    return pairs


def _entry(item: dict[str, Any], faults: list[Fault]) -> tuple[Decimal, str]:
    """One entry. Hours are a JSON number of at least 0.001 with at most three decimals."""
    faults += [
        invalid(name, f"{name} is not an attribute of an entry")
        for name in item
        if name not in {"hours_worked", "pay_classification"}
    ]
    hours = item.get("hours_worked")
    if isinstance(hours, bool) or not isinstance(hours, (int, Decimal)):
        faults.append(invalid("hours_worked", "hours_worked must be a number"))
        hours = MINIMUM_HOURS
    hours = Decimal(hours)
    if hours < MINIMUM_HOURS:
        faults.append(invalid("hours_worked", f"hours_worked must be at least {MINIMUM_HOURS}"))
    elif hours != hours.quantize(Decimal("0.001")):
        faults.append(invalid("hours_worked", "hours_worked may have at most 3 decimals"))
    classification = item.get("pay_classification")
    if classification not in CLASSIFICATIONS:
        faults.append(invalid("pay_classification", f"pay_classification must be one of {', '.join(CLASSIFICATIONS)}"))
        classification = CLASSIFICATIONS[0]
    return hours, str(classification)


def _reference_faults(values: dict[str, Any], known: Known) -> list[Fault]:
    """Whether person, job and times fit each other."""
    faults = []
    person = values.get("entity_uuid")
    if person is not None and (
        person not in known.jobs_of_employee or values.get("entity_type", "Employee") != "Employee"
    ):
        kind = values.get("entity_type", "Employee")
        faults.append(invalid("entity_uuid", f"{kind} not found", {"entity_type": kind, "entity_uuid": person}))
    job = values.get("job_uuid")
    jobs = known.jobs_of_employee.get(person, ()) if person else None
    if job is not None and jobs is not None and job not in jobs and not faults:
        faults.append(invalid("job_uuid", "Job not found", {"entity_type": "Job", "entity_uuid": job}))
    started, ended = values.get("shift_started_at"), values.get("shift_ended_at")
    if started and ended and ended <= started:
        faults.append(invalid("shift_ended_at", "shift_ended_at must be after shift_started_at"))
    return faults


READERS: dict[str, Any] = {
    "entity_uuid": _text,
    "entity_type": _entity_type,
    "job_uuid": _text,
    "time_zone": _zone,
    "shift_started_at": _instant,
    "shift_ended_at": _instant,
    "metadata": _metadata,
    "entries": _entries,
}
