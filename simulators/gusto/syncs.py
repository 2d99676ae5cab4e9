"""Payroll syncs: approved time sheets of one pay period carried over to its payroll (sheet C1.5 path 1).

A sync is answered 202 and runs on: `pending`, `in_progress`, then `success`, `failure` or `partial_success`. It moves
one step each time it is looked at, and is done in any case `sync_seconds` of the firm's clock after it began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simulators.gusto.errors import Fault, invalid, invalid_operation, not_found, refused
from simulators.gusto.payrolls import HOURLY
from simulators.gusto.time_sheets import stamp

if TYPE_CHECKING:
    from datetime import datetime

    from simulators.firm.model import Payroll
    from simulators.gusto.company import Company
    from simulators.gusto.payrolls import Payrolls
    from simulators.gusto.time_sheets import TimeSheet

FIELDS = ("kind", "pay_schedule_uuid", "pay_period_start_date", "pay_period_end_date")
OPEN = ("pending", "in_progress")


@dataclass
class PayrollSync:
    uuid: str
    payroll: Payroll
    created_at: datetime
    updated_at: datetime
    status: str = "pending"
    errors: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)

    def body(self, company_uuid: str) -> dict[str, Any]:
        return {
            "uuid": self.uuid,
            "status": self.status,
            "company_uuid": company_uuid,
            "kind": "regular",
            "pay_schedule_uuid": self.payroll.gusto_schedule_uuid,
            "pay_period_start_date": self.payroll.period_start.isoformat(),
            "pay_period_end_date": self.payroll.period_end.isoformat(),
            "errors": self.errors,
            "warnings": self.warnings,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
        }


@dataclass
class Syncs:
    """All syncs of a company. `refused_people`: employees whose sheets cannot be carried over."""

    company: Company
    payrolls: Payrolls
    sync_seconds: float = 20.0
    refused_people: set[str] = field(default_factory=set)
    known: dict[str, PayrollSync] = field(default_factory=dict)

    def start(self, body: dict[str, Any]) -> PayrollSync:
        """Begin a sync.

        Raises:
            GustoError: 422 for bad attributes, a frozen payroll, nobody or nothing to carry over, a sync still running.
        """
        payroll = self._payroll_of(body)
        if self.company.blocker:
            blocker = self.company.blocker
            raise refused(Fault("base", "payroll_blocker", "The company cannot run payroll.", {"key": blocker}))
        self.payrolls.refuse_frozen(payroll)
        if not self.company.paid():
            raise invalid_operation("There are no employees on this pay schedule to sync.")
        if any(s.payroll is payroll and s.status in OPEN for s in self.known.values()):
            raise refused(Fault("request", "duplicate_operation", "A sync of this pay period is already running."))
        if not self._fresh(payroll) and payroll.gusto_payroll_uuid not in self.company.removed_from:
            raise invalid_operation("There are no hours to sync for this pay period.")
        now = self.company.now()
        sync = PayrollSync(self.company.derive_uuid(f"sync {self.company.new_serial()}"), payroll, now, now)
        self.known[sync.uuid] = sync
        return sync

    def look(self, sync_uuid: str) -> PayrollSync:
        """The sync as it is now, one step on."""
        sync = self.known.get(sync_uuid)
        if sync is None:
            raise not_found()
        self._step(sync)
        return sync

    def catch_up(self) -> None:
        """Finish what has run long enough by the firm's clock, as of the moment when it was due.

        Whoever looks first, and when, makes no difference: what happens here is told again when a run is gone on with.
        """
        now = self.company.now()
        for sync in self.known.values():
            due = sync.created_at + timedelta(seconds=self.sync_seconds)
            if sync.status in OPEN and due <= now:
                self._finish(sync, due)

    def _payroll_of(self, body: dict[str, Any]) -> Payroll:
        faults = [invalid(name, f"{name} is not an attribute of a payroll sync") for name in body if name not in FIELDS]
        faults += [invalid(name, f"{name} is required") for name in FIELDS if not isinstance(body.get(name), str)]
        if faults:
            raise refused(*faults)
        if body["kind"] != "regular":
            raise refused(invalid("kind", "kind must be regular"))
        schedule, start, end = (body[name] for name in FIELDS[1:])
        if schedule not in {s.gusto_schedule_uuid for s in self.company.schedules()}:
            raise refused(invalid("pay_schedule_uuid", "Pay schedule not found"))
        payroll = self.payrolls.of_period(schedule, start, end)
        if payroll is None:
            raise refused(invalid("pay_period_start_date", f"{start} to {end} is no pay period of this schedule"))
        return payroll

    def _approved(self, payroll: Payroll) -> list[TimeSheet]:
        return self.company.sheets_between(payroll.period_start.isoformat(), payroll.period_end.isoformat())

    def _fresh(self, payroll: Payroll) -> list[TimeSheet]:
        """Approved sheets of the period that are not carried over as they are now."""
        return [sheet for sheet in self._approved(payroll) if sheet.uuid not in self.company.carried_in]

    def _step(self, sync: PayrollSync) -> None:
        if sync.status == "pending":
            sync.status = "in_progress"
            sync.updated_at = self.company.now()
        elif sync.status == "in_progress":
            self._finish(sync, self.company.now())

    def _finish(self, sync: PayrollSync, at: datetime) -> None:
        """Carry hours over. A payroll that was run by then takes none."""
        company, payroll = self.company, sync.payroll
        sync.updated_at = at
        if payroll.status != "unprocessed" and payroll.modified_at <= at:
            sync.status = "failure"
            sync.errors = [Fault("base", "invalid_operation", "This payroll has already been processed.").body()]
            return
        people = self.payrolls.inputs(payroll)
        good: list[TimeSheet] = []
        bad: set[str] = set()
        for sheet in self._approved(payroll):
            if sheet.entity_uuid in people and sheet.entity_uuid not in self.refused_people:
                good.append(sheet)
            else:
                bad.add(sheet.entity_uuid)
        sync.errors = [
            invalid(
                "employee_uuids",
                "The hours of this employee can't be synced",
                {"entity_type": "Employee", "entity_uuid": e},
            ).body()
            for e in sorted(bad)
        ]
        sync.status = "success" if not bad else ("partial_success" if good else "failure")
        if sync.status == "failure":
            return
        self._write_hours(payroll, good, bad)
        for sheet in (s for s in good if s.uuid not in company.carried_in):
            company.carried_in[sheet.uuid] = payroll.gusto_payroll_uuid
            sheet.synced_to_payroll_at = at
            company.stamp_sheet(sheet, at)
        company.removed_from.discard(payroll.gusto_payroll_uuid)

    def _write_hours(self, payroll: Payroll, sheets: list[TimeSheet], left_out: set[str]) -> None:
        """The payroll's hours become the sum of the period's sheets, absolute."""
        primary = {str(c.gusto_employee_uuid): str(c.gusto_job_uuid) for c in self.company.paid()}
        for person, compensation in self.payrolls.inputs(payroll).items():
            if person in left_out:
                continue
            hours = {key: Decimal(0) for key in compensation.hours}
            for sheet in (s for s in sheets if s.entity_uuid == person):
                for entry in sheet.entries:
                    key = (HOURLY[entry.pay_classification], sheet.job_uuid or primary[person])
                    hours[key] = hours.get(key, Decimal(0)) + entry.hours_worked
            if hours != compensation.hours:
                compensation.hours = hours
                compensation.version = self.company.new_version(person)
