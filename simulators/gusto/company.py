"""The company's state: who is paid, its pay schedules and payrolls from the firm, its time sheets and syncs by calls.

Employees, schedules and payrolls are read live from the world. Time sheets, payroll syncs and payroll inputs exist only
here, in memory. Stamps are the firm's clock in whole seconds; a version changes with each write.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simulators.gusto.errors import not_found, stale_sheet
from simulators.gusto.time_sheets import Entry, Known, TimeSheet, local_date_in, stamp

if TYPE_CHECKING:
    from datetime import datetime

    from simulators.firm.model import Consultant, PaySchedule, World

NAMESPACE = uuid.UUID("6f1a3c52-61b5-4a9e-9f0e-5b1d9a3a7c10")
FULL_TIME_HOURS = 35


@dataclass
class Company:
    """One company. `auto_approve`: sheets are approved as they are created, as the demo firm's account is set up;
    without it they stay pending until somebody approves them."""

    world: World
    auto_approve: bool = True
    keeps_sync_stamp: bool = False
    refuses_processed_dates: bool = False
    blocker: str = ""
    sheets: dict[str, TimeSheet] = field(default_factory=dict)
    revision: int = 0  # moves with each change of a sheet, so that sorted lists can be kept
    removed_from: set[str] = field(default_factory=set)  # payrolls from which a carried-over sheet went away
    carried_in: dict[str, str] = field(default_factory=dict)  # sheet -> payroll that carries its hours
    _serial: int = 0
    _listed: dict[str, tuple[int, list[TimeSheet]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.entity = next(e for e in self.world.entities.values() if e.has_payroll)
        self.uuid = self.derive_uuid(f"company {self.entity.key}")
        self.other_company_uuid = self.derive_uuid("another firm's company")

    def derive_uuid(self, name: str) -> str:
        return str(uuid.uuid5(NAMESPACE, f"{self.world.seed} {name}"))

    def now(self) -> datetime:
        return self.world.clock.now().replace(microsecond=0)

    def new_serial(self) -> int:
        self._serial += 1
        return self._serial

    def new_version(self, name: str) -> str:
        """A version string of the kind the API gives: 32 hex digits, another one at each write."""
        return hashlib.md5(f"{name} {self.new_serial()}".encode(), usedforsecurity=False).hexdigest()

    # --- from the firm

    def paid(self) -> list[Consultant]:
        """Those on this payroll, by number."""
        return [c for c in self.world.consultants.values() if c.gusto_employee_uuid]

    def known(self) -> Known:
        return Known({str(c.gusto_employee_uuid): (str(c.gusto_job_uuid),) for c in self.paid()})

    def schedules(self) -> list[PaySchedule]:
        return [s for s in self.world.pay_schedules if s.entity == self.entity.key]

    def employee(self, person: Consultant) -> dict[str, Any]:
        """An employee as the API shows one (C1.3)."""
        today = self.world.clock.now().date()
        employee_uuid, job_uuid = str(person.gusto_employee_uuid), str(person.gusto_job_uuid)
        version = hashlib.md5(f"{person}".encode(), usedforsecurity=False).hexdigest()
        compensation = {
            "uuid": self.derive_uuid(f"compensation {job_uuid}"),
            "version": version,
            "rate": "96000.00",
            "payment_unit": "Year",
            "flsa_status": "Exempt",
            "effective_date": person.hire_date.isoformat(),
        }
        job = {
            "uuid": job_uuid,
            "version": version,
            "employee_uuid": employee_uuid,
            "hire_date": person.hire_date.isoformat(),
            "title": self._title(person),
            "primary": True,
            "rate": compensation["rate"],
            "payment_unit": compensation["payment_unit"],
            "current_compensation_uuid": compensation["uuid"],
            "compensations": [compensation],
        }
        return {
            "uuid": employee_uuid,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": person.email,
            "work_email": person.email,
            "company_uuid": self.uuid,
            "version": version,
            "employee_code": person.number,
            "department": person.cost_center,
            "terminated": person.termination_date is not None and person.termination_date < today,
            "onboarded": True,
            "current_employment_status": (
                "full_time" if person.weekly_hours >= FULL_TIME_HOURS else "part_time_twenty_plus_hours"
            ),
            "jobs": [job],
        }

    def _title(self, person: Consultant) -> str:
        role = self.world.roles.get(person.kantata_role_id)
        return role.name if role else "Consultant"

    def schedule_body(self, schedule: PaySchedule) -> dict[str, Any]:
        days = {"day_1": 15, "day_2": 31} if schedule.frequency == "Twice per month" else {}
        return {
            "uuid": schedule.gusto_schedule_uuid,
            "version": schedule.version,
            "frequency": schedule.frequency,
            "anchor_pay_date": schedule.anchor_pay_date.isoformat(),
            "anchor_end_of_pay_period": schedule.anchor_end_of_pay_period.isoformat(),
            "name": schedule.name,
            "auto_pilot": False,
            "active": True,
            **days,
        }

    # --- time sheets

    def sheet(self, sheet_uuid: str) -> TimeSheet:
        found = self.sheets.get(sheet_uuid)
        if found is None:
            raise not_found()
        return found

    def add_sheet(self, values: dict[str, Any]) -> TimeSheet:
        """A new sheet from checked attributes."""
        now, serial = self.now(), self.new_serial()
        sheet = TimeSheet(
            uuid=self.derive_uuid(f"sheet {serial}"),
            serial=serial,
            entity_uuid=values["entity_uuid"],
            entity_type=values["entity_type"],
            time_zone=values["time_zone"],
            shift_started_at=values["shift_started_at"],
            created_at=now,
            updated_at=now,
            version="",
        )
        if self.auto_approve:
            sheet.status = "approved"
        self.sheets[sheet.uuid] = sheet
        self.set_attributes(sheet, values)
        return sheet

    def set_attributes(self, sheet: TimeSheet, values: dict[str, Any]) -> None:
        """Write checked attributes; `entries` replace all there were. A changed sheet is not yet carried over again."""
        for name, value in values.items():
            if name == "entries":
                sheet.entries = tuple(
                    Entry(self.derive_uuid(f"entry {self.new_serial()}"), hours, kind) for hours, kind in value
                )
            else:
                setattr(sheet, name, value)
        self._unsync(sheet)
        self.stamp_sheet(sheet)

    def stamp_sheet(self, sheet: TimeSheet, at: datetime | None = None) -> None:
        sheet.updated_at = at or self.now()
        sheet.version = self.new_version(sheet.uuid)
        self.revision += 1

    def remove_sheet(self, sheet: TimeSheet, *, version: str | None = None) -> None:
        """Deleted sheets disappear (C1.4).

        Raises:
            GustoError: 422 when a version is given that is not the sheet's.
        """
        if version is not None and version != sheet.version:
            raise stale_sheet()
        self._unsync(sheet)
        del self.sheets[sheet.uuid]
        self.revision += 1

    def _unsync(self, sheet: TimeSheet) -> None:
        payroll = self.carried_in.pop(sheet.uuid, None)
        if payroll is not None:
            self.removed_from.add(payroll)
            if not self.keeps_sync_stamp:
                sheet.synced_to_payroll_at = None

    def sheets_between(self, start: str, end: str) -> list[TimeSheet]:
        """Approved sheets of a pay period. Its dates are the company's, whatever zone a sheet was written in (C1.4)."""
        zone = self.entity.time_zone
        return [
            sheet
            for sheet in self.sheets.values()
            if sheet.status == "approved" and start <= local_date_in(zone, sheet.shift_started_at) <= end
        ]

    def sorted_sheets(self, key: str, chosen: Any, sort_by: str, *, descending: bool) -> list[TimeSheet]:
        """Sheets that `chosen` takes, in order; kept under `key` as long as no sheet changed."""
        kept = self._listed.get(key)
        if kept is not None and kept[0] == self.revision:
            return kept[1]
        found = [sheet for sheet in self.sheets.values() if chosen(sheet)]
        found.sort(key=lambda s: (stamp(getattr(s, sort_by)) or "", s.serial), reverse=descending)
        self._listed = {key: (self.revision, found)}
        return found

    def holdings(self) -> dict[str, Any]:
        """What the company's staff would see: each sheet with person, local date and hours."""
        codes = {c.gusto_employee_uuid: c.number for c in self.paid()}
        rows = [
            {
                "uuid": sheet.uuid,
                "employee_code": codes.get(sheet.entity_uuid),
                "work_date": local_date_in(sheet.time_zone, sheet.shift_started_at),
                "hours": f"{sheet.hours:.3f}",
                "status": sheet.status,
                "is_synced": sheet.uuid in self.carried_in,
                "metadata": sheet.metadata,
                "entries": [entry.body() for entry in sheet.entries],
            }
            for sheet in self.sheets.values()
        ]
        total = sum((sheet.hours for sheet in self.sheets.values()), Decimal(0))
        return {"sheets": len(rows), "hours": f"{total:.3f}", "rows": rows}
