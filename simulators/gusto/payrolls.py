"""Payrolls and pay periods, and payroll inputs: prepare, then set absolute values (sheet C1.3, C1.5 path 2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from simulators.gusto.errors import Fault, frozen, invalid, invalid_operation, not_found, refused, stale_version
from simulators.gusto.time_sheets import stamp

if TYPE_CHECKING:
    from simulators.firm.model import Payroll
    from simulators.gusto.company import Company

MAXIMUM_COMPENSATIONS = 100
HALF_YEAR = timedelta(days=183)
YEAR = timedelta(days=366)
QUARTER_AHEAD = timedelta(days=92)
HOURLY = {"Regular": "Regular Hours", "Overtime": "Overtime", "Double overtime": "Double overtime"}
STATUSES = ("unprocessed", "processed")
TYPES = ("regular", "off_cycle", "external")
LATE_RUN = timedelta(days=4)  # how soon people can be paid when the deadline has passed
ITEM_FIELDS = {
    "employee_uuid",
    "version",
    "excluded",
    "payment_method",
    "memo",
    "hourly_compensations",
    "fixed_compensations",
    "paid_time_off",
    "reimbursements",
    "deductions",
}


@dataclass
class Compensation:
    """What one employee gets in one payroll. Hours by (name, job), amounts by name; values are absolute."""

    employee_uuid: str
    version: str
    excluded: bool = False
    payment_method: str = "Direct Deposit"
    memo: str | None = None
    hours: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    amounts: dict[str, Decimal] = field(default_factory=dict)

    def body(self, job_uuid: str) -> dict[str, Any]:
        return {
            "employee_uuid": self.employee_uuid,
            "version": self.version,
            "excluded": self.excluded,
            "payment_method": self.payment_method,
            "memo": self.memo,
            "hourly_compensations": [
                {"name": name, "hours": f"{hours:.3f}", "job_uuid": job} for (name, job), hours in self.hours.items()
            ],
            "fixed_compensations": [
                {"name": name, "amount": f"{amount:.2f}", "job_uuid": job_uuid} for name, amount in self.amounts.items()
            ],
            "paid_time_off": [],
        }


@dataclass
class Payrolls:
    """The payrolls of a company and their inputs."""

    company: Company
    prepared: dict[str, dict[str, Compensation]] = field(default_factory=dict)

    def find(self, payroll_uuid: str) -> Payroll:
        payroll = self.company.world.payrolls.get(payroll_uuid)
        if payroll is None:
            raise not_found()
        return payroll

    def of_period(self, schedule_uuid: str, start: str, end: str) -> Payroll | None:
        return next(
            (
                p
                for p in self.company.world.payrolls.values()
                if p.gusto_schedule_uuid == schedule_uuid
                and (p.period_start.isoformat(), p.period_end.isoformat()) == (start, end)
            ),
            None,
        )

    def refuse_frozen(self, payroll: Payroll) -> None:
        """A processed payroll is frozen for good, one in processing for a while; the text alone tells (C1.9)."""
        if payroll.status != "unprocessed":
            raise frozen(is_running=payroll.status == "processing")

    def find_all(self, query: dict[str, str]) -> list[Payroll]:
        """Payrolls by the list's filters. Defaults: processed, regular, the last six months up to today (C1.3)."""
        statuses = choices(query, "processing_statuses", STATUSES, "processed")
        types = choices(query, "payroll_types", TYPES, "regular")
        by = choices(query, "date_filter_by", ("pay_period", "check_date"), "pay_period")
        order = choices(query, "sort_order", ("asc", "desc"), "asc")
        today = self.company.now().date()
        end = day(query, "end_date", today)
        start = day(query, "start_date", end - HALF_YEAR)
        if end - start > YEAR:
            raise refused(invalid("start_date", "start_date and end_date may be at most one year apart"))
        found = [
            p
            for p in self.company.world.payrolls.values()
            if ("processed" if p.status == "processed" else "unprocessed") in statuses
            and "regular" in types
            and (
                start <= p.check_date <= end if "check_date" in by else start <= p.period_start and p.period_end <= end
            )
        ]
        found.sort(key=lambda p: (p.period_start, p.gusto_payroll_uuid), reverse="desc" in order)
        return found

    def periods(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """Pay periods that touch a window: by default the last six months; at most three months ahead (C1.3)."""
        types = choices(query, "payroll_types", ("regular", "transition"), "regular")
        today = self.company.now().date()
        end = day(query, "end_date", today)
        start = day(query, "start_date", end - HALF_YEAR)
        if end > today + QUARTER_AHEAD:
            raise refused(invalid("end_date", "end_date may be at most three months in the future"))
        payrolls = sorted(self.company.world.payrolls.values(), key=lambda p: p.period_start)
        return [
            {
                "start_date": p.period_start.isoformat(),
                "end_date": p.period_end.isoformat(),
                "pay_schedule_uuid": p.gusto_schedule_uuid,
                "payroll": {
                    "payroll_uuid": p.gusto_payroll_uuid,
                    "check_date": p.check_date.isoformat(),
                    "processed": p.status == "processed",
                    "payroll_deadline": stamp(p.deadline),
                    "payroll_type": "regular",
                },
            }
            for p in payrolls
            if "regular" in types and p.period_start <= end and p.period_end >= start
        ]

    def body(self, payroll: Payroll, include: set[str]) -> dict[str, Any]:
        """A payroll as the API shows it. Totals and status details only when asked for."""
        is_processed = payroll.status == "processed"
        requests = {"processing": "submitting", "processed": "submit_success"}
        body: dict[str, Any] = {
            "uuid": payroll.gusto_payroll_uuid,
            "payroll_uuid": payroll.gusto_payroll_uuid,
            "company_uuid": self.company.uuid,
            "payroll_deadline": stamp(payroll.deadline),
            "check_date": payroll.check_date.isoformat(),
            "processed": is_processed,
            "processed_date": payroll.processed_at.date().isoformat() if payroll.processed_at else None,
            "calculated_at": stamp(payroll.processed_at),
            "off_cycle": False,
            "external": False,
            "auto_pilot": False,
            "pay_period": {
                "start_date": payroll.period_start.isoformat(),
                "end_date": payroll.period_end.isoformat(),
                "pay_schedule_uuid": payroll.gusto_schedule_uuid,
            },
            "processing_request": (
                {"status": requests[payroll.status], "errors": []} if payroll.status in requests else None
            ),
            "created_at": stamp(datetime.combine(payroll.period_start, datetime.min.time(), self.company.now().tzinfo)),
        }
        if is_processed:
            body["submission_blockers"] = []
        if "totals" in include and is_processed:
            body["totals"] = {"gross_pay": "0.00", "net_pay": "0.00", "company_debit": "0.00"}
        if "payroll_status_meta" in include:
            late = not is_processed and self.company.now() > payroll.deadline
            body["payroll_status_meta"] = {
                "cancellable": False,
                "expected_check_date": payroll.check_date.isoformat(),
                "initial_check_date": payroll.check_date.isoformat(),
                "payroll_late": late,
            }
        return body

    def prepare(self, payroll: Payroll) -> dict[str, Compensation]:
        """Bring the inputs up to date: calculated values are dropped, a missed deadline moves, people come and go."""
        self.refuse_frozen(payroll)
        now = self.company.now()
        if now > payroll.deadline:
            payroll.check_date = (now + LATE_RUN).date()
            payroll.deadline = now + timedelta(days=1)
            self.company.world.touch(payroll)
        return self.inputs(payroll)

    def inputs(self, payroll: Payroll) -> dict[str, Compensation]:
        """The inputs of everybody who is paid in a payroll, made on first sight."""
        kept = self.prepared.setdefault(payroll.gusto_payroll_uuid, {})
        present = {
            str(c.gusto_employee_uuid): str(c.gusto_job_uuid)
            for c in self.company.paid()
            if c.termination_date is None or c.termination_date >= payroll.period_start
        }
        for gone in kept.keys() - present.keys():
            del kept[gone]
        for person, job in present.items():
            if person not in kept:
                zero = {(name, job): Decimal(0) for name in HOURLY.values()}
                kept[person] = Compensation(person, self.company.new_version(person), hours=zero)
        return kept

    def update(self, payroll: Payroll, items: Any) -> list[Compensation]:
        """Set inputs: only what is sent changes, values are absolute (C1.5). All items are taken, or none.

        Raises:
            GustoError: frozen payroll, not prepared, too many items, unknown people, wrong values, 409 stale version.
        """
        self.refuse_frozen(payroll)
        if payroll.gusto_payroll_uuid not in self.prepared:
            raise invalid_operation("The payroll has to be prepared before it can be updated.")
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise refused(invalid("employee_compensations", "employee_compensations must be a list of objects"))
        if len(items) > MAXIMUM_COMPENSATIONS:
            most = MAXIMUM_COMPENSATIONS
            raise refused(invalid("employee_compensations", f"at most {most} employee compensations in one call"))
        kept = self.prepared[payroll.gusto_payroll_uuid]
        faults = [
            invalid("employee_uuids", "Invalid employee", {"entity_type": "Employee", "entity_uuid": str(uuid)})
            for uuid in (item.get("employee_uuid") for item in items)
            if uuid not in kept
        ]
        if faults:
            raise refused(*faults)
        if any(item.get("version") != kept[item["employee_uuid"]].version for item in items):
            raise stale_version()
        changes = [(kept[item["employee_uuid"]], _read_item(item, kept[item["employee_uuid"]])) for item in items]
        for compensation, values in changes:
            compensation.hours |= values.pop("hours")
            compensation.amounts |= values.pop("amounts")
            for name, value in values.items():
                setattr(compensation, name, value)
            compensation.version = self.company.new_version(compensation.employee_uuid)
        return [compensation for compensation, _ in changes]


def _read_item(item: dict[str, Any], kept: Compensation) -> dict[str, Any]:
    """One item of a PUT, checked."""
    faults = [
        invalid(name, f"{name} is not an attribute of a compensation") for name in item if name not in ITEM_FIELDS
    ]
    values: dict[str, Any] = {"hours": {}, "amounts": {}}
    for given in item.get("hourly_compensations") or []:
        key = (given.get("name"), given.get("job_uuid"))
        if key not in kept.hours:
            faults.append(invalid("hourly_compensations", f"no hourly compensation {key[0]} for job {key[1]}"))
        else:
            values["hours"][key] = _decimal("hours", given.get("hours"), faults)
    for given in item.get("fixed_compensations") or []:
        values["amounts"][str(given.get("name"))] = _decimal("amount", given.get("amount"), faults)
    for name, kind in (("excluded", bool), ("memo", str), ("payment_method", str)):
        if name in item:
            if not isinstance(item[name], kind):
                faults.append(invalid(name, f"{name} has a wrong type"))
            values[name] = item[name]
    if faults:
        raise refused(
            Fault("employee_compensations", "nested_errors", "compensations are invalid", errors=tuple(faults))
        )
    return values


def _decimal(name: str, given: Any, faults: list[Fault]) -> Decimal:
    """Hours and money are strings here (C1.5)."""
    try:
        value = Decimal(given) if isinstance(given, str) else Decimal("NaN")
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        faults.append(invalid(name, f"{name} must be a decimal number in a string"))
        return Decimal(0)
    return value


def choices(query: dict[str, str], name: str, allowed: tuple[str, ...], default: str) -> set[str]:
    """A comma-separated parameter with a closed set of values."""
    given = [part.strip() for part in query.get(name, default).split(",")]
    if any(part not in allowed for part in given):
        raise refused(invalid(name, f"{name} must be of {', '.join(allowed)}"))
    return set(given)


def day(query: dict[str, str], name: str, default: date) -> date:
    if not query.get(name):
        return default
    try:
        return date.fromisoformat(query[name])
    except ValueError:
        raise refused(invalid(name, f"{name} must be a date like 2026-09-30")) from None
