"""Verbs on what the firm stands on: projects, people, work types, prices, periods, payrolls."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from simulators.firm import masters
from simulators.firm.hours import Hours
from simulators.firm.life import Changed
from simulators.firm.model import Item, RateCardRole, Role

if TYPE_CHECKING:
    pass


class Standing(Hours):
    """What accounting, HR and payroll do; `new_work_type` enters hours too."""

    def close_phase(self, project: str | None = None, title: str | None = None) -> Changed:
        """Closes a phase of a project in the ERP, open as it stays in the PSA."""
        return self._set_phase("Closed", project, title)

    def open_phase(self, project: str, title: str | None = None) -> Changed:
        """Opens a phase (or every phase) of a project in the ERP again."""
        return self._set_phase("Open", project, title)

    def close_project(self, project: str | None = None) -> Changed:
        """Closes a project in the ERP."""
        return self._set_project("Closed", project)

    def open_project(self, project: str | None = None) -> Changed:
        """Opens a project in the ERP again; without a code the first that is closed."""
        return self._set_project("Open", project)

    def delete_project(self, project: str) -> Changed:
        """Deletes a project from the PSA; its hours stay listed."""
        found = self._project(project)
        found.is_deleted = True
        self._world.touch(found)
        return {"projects": [found.code]}

    def archive_project(self, project: str) -> Changed:
        """Archives a project in the PSA: its time leaves the default lists."""
        found = self._project(project)
        found.is_archived = True
        self._world.touch(found)
        return {"projects": [found.code]}

    def new_work_type(self, count: int = 3) -> Changed:
        """A new role in the PSA, priced there and planned in the firm's rules, with approved hours on it; the ERP has
        no item for it until `create_item`."""
        name = masters.PLANNED_ROLE
        role = next((r for r in self._world.roles.values() if r.name == name), None)
        if role is None:
            role = Role(self._ids.number("role", 60_000), name, masters.PLANNED_ITEM, True, 4, self._now())
            self._world.roles[role.kantata_role_id] = role
            self._price_role(role)
        hours = self.add_hours(count, role=name)
        return {"roles": [role.kantata_role_id], "item": masters.PLANNED_ITEM, **hours}

    def create_item(self, code: str | None = None) -> Changed:
        """Creates the service item that the ERP lacks; without a code the one that most held hours wait for."""
        missing = self._missing_items()
        chosen = code or next(iter(missing), None)
        if chosen is None:
            return {"items": []}
        item = Item(self._ids.number("item", 70), chosen, f"{chosen} services", False, self._now())
        self._world.items[chosen] = item
        return {"items": [chosen], "ids": [item.netsuite_item_id]}

    def add_employee(self, number: str | None = None) -> Changed:
        """Makes a person known to the ERP; without a number the first it lacks."""
        person = self._person(number, lambda c: c.netsuite_employee_id is None)
        if person is None:
            return {"employees": []}
        person.netsuite_employee_id = self._ids.number("employee", 900)
        self._world.touch(person)
        return {"employees": [person.number], "ids": [person.netsuite_employee_id]}

    def enter_in_hr(self, number: str | None = None) -> Changed:
        """HR learns of a person it lacked, and payroll with it."""
        person = self._person(number, lambda c: c.hr_id is None)
        if person is None:
            return {"employees": []}
        person.hr_id = person.number
        if self._world.entities[person.entity].has_payroll and not person.is_subcontractor:
            person.gusto_employee_uuid = self._ids.uuid("employee", person.number)
            person.gusto_job_uuid = self._ids.uuid("job", person.number)
        self._world.touch(person)
        return {"employees": [person.number]}

    def rename(self, count: int = 1) -> Changed:
        """People change their last names; their ids and addresses stay."""
        people = self._draw().sample(sorted(self._world.consultants), min(count, len(self._world.consultants)))
        for number in people:
            person = self._world.consultants[number]
            person.last_name = f"{person.last_name}-Ångström"
            self._world.touch(person)
        return {"employees": people}

    def fill_price_gap(self) -> Changed:
        """Prices the dates between two prices of one role and client that nobody priced."""
        made: list[str] = []
        rates = list(self._world.rate_entries.values())
        for earlier in rates:
            later = [
                r
                for r in rates
                if r.salesforce_pricebook_id == earlier.salesforce_pricebook_id
                and (r.role_name, r.person_number, r.project_code)
                == (earlier.role_name, earlier.person_number, earlier.project_code)
                and earlier.effective_to is not None
                and r.effective_from > earlier.effective_to + timedelta(days=1)
            ]
            if later and earlier.effective_to is not None:
                earlier.effective_to = min(r.effective_from for r in later) - timedelta(days=1)
                self._world.touch(earlier)
                made.append(earlier.salesforce_entry_id)
        return {"rates": made}

    def reopen_period(self, name: str | None = None) -> Changed:
        """Opens a closed month of the ERP; without a name the latest."""
        return self._set_period(name, closed=False)

    def close_period(self, name: str | None = None) -> Changed:
        """Closes a month of the ERP; without a name the earliest open one."""
        return self._set_period(name, closed=True)

    def process_payroll(self, period_start: str | None = None) -> Changed:
        """Runs a payroll; without a start date the earliest that waits."""
        waiting = sorted(
            (p for p in self._world.payrolls.values() if p.status != "processed"), key=lambda p: p.period_start
        )
        if period_start is not None:
            waiting = [p for p in waiting if p.period_start == date.fromisoformat(period_start)]
        if not waiting:
            return {"payrolls": []}
        payroll = waiting[0]
        payroll.status, payroll.processed_at = "processed", self._now()
        self._world.touch(payroll)
        return {"payrolls": [payroll.gusto_payroll_uuid], "period_start": payroll.period_start.isoformat()}

    def _set_phase(self, status: str, project: str | None, title: str | None) -> Changed:
        found = self._project(project) if project else self._project_with_hours()
        if found is None:
            return {"phases": []}
        phases = [p for p in found.phases if title in {None, p.title}]
        if status == "Closed" and title is None:
            phases = phases[:1]
        for phase in phases:
            phase.erp_status = status
            self._world.touch(phase)
        return {"project": found.code, "phases": [p.title for p in phases]}

    def _set_project(self, status: str, project: str | None) -> Changed:
        if project is None and status == "Open":
            closed = [p for p in self._world.projects.values() if p.erp_status == "Closed"]
            found = closed[0] if closed else None
        else:
            found = self._project(project) if project else self._project_with_hours()
        if found is None:
            return {"projects": []}
        found.erp_status = status
        self._world.touch(found)
        return {"projects": [found.code]}

    def _set_period(self, name: str | None, *, closed: bool) -> Changed:
        months = sorted(
            (p for p in self._world.periods.values() if p.kind == "month" and p.is_closed != closed),
            key=lambda p: p.start,
            reverse=not closed,
        )
        if name is not None:
            months = [p for p in months if p.name == name]
        if not months:
            return {"periods": []}
        months[0].is_closed = closed
        self._world.touch(months[0])
        return {"periods": [months[0].name]}

    def _price_role(self, role: Role) -> None:
        """The new role's row on every version of the standard card."""
        cards = {row.kantata_card_version_id: row for row in self._world.rate_card}
        for row in cards.values():
            cents = int(masters.base_rate(role.name, row.currency) * 100)
            new: RateCardRole = replace(
                row,
                kantata_rate_card_role_id=self._ids.number("rate_card_role", 5_000),
                kantata_role_id=role.kantata_role_id,
                cents_per_hour=cents,
                modified_at=self._now(),
            )
            self._world.rate_card.append(new)

    def _missing_items(self) -> list[str]:
        """Item codes that the rules name and the ERP lacks, the one with most hours first."""
        codes = {
            rule.match_value: rule.erp_item_code
            for rule in self._world.work_type_map
            if rule.match_on == "role_name" and rule.erp_item_code and rule.erp_item_code not in self._world.items
        }
        counted = [
            (self._world.entries.count("role_id = ?", (int(role.kantata_role_id),)), codes[role.name])
            for role in self._world.roles.values()
            if role.name in codes
        ]
        return [code for _count, code in sorted(counted, reverse=True)]
