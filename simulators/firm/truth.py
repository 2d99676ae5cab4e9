"""Where each hour ought to be, and why not: the firm's own knowledge, shared with nobody's SQL.

The order of the rules is docs/architecture.md section 5. Some are known by construction (who is whom, what the ERP
lacks), the rest by the rows as they stand now.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulators.firm.model import APPROVED, CANCELLED, DRAFT, REJECTED, SUBMITTED
from simulators.firm.rates import RateBook
from simulators.firm.workmap import WorkMap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from simulators.firm.model import Consultant, ErpHistoryRow, Project, TimeEntry, World

MAX_MINUTES_PER_DAY = 1440
DUPLICATE_WITHIN = timedelta(minutes=10)
PSA_STATE = {
    APPROVED: "approved", SUBMITTED: "pending", DRAFT: "draft", REJECTED: "rejected", CANCELLED: "cancelled",
}  # fmt: skip
SAME_HOUR = "user_id, workspace_id, story_id, role_id, work_date, minutes, notes"
Verdict = dict[str, Any]


def rows(world: World) -> Iterator[dict[str, Any]]:
    """One row per time entry of the PSA, by entry id:

    `source_id`, `legal_entity` (null: unassigned), `work_date`, `period` (first of its month), `minutes`, `psa_state`
    (approved, pending, draft, rejected, cancelled, deleted, duplicate), `employee`, `project`, `traits` (the mess it is
    part of), `erp` and `payroll`. Each of the two: `state` (`present`, `held`, `not_due`, `not_approved`, `void`) and
    `reason` (the rule); `erp` of present hours also `billable`, `rate`, `amount`, `currency`, `rate_rule`, `adopted`;
    `payroll` of present hours the aggregate it is part of (`employee`, `job`). An hour edited after approval carries
    `last_approved`, the version that stays in effect wherever it was posted before.
    """
    judge = Judge(world)
    for entry in world.entries.iterate(order="entry_id"):
        yield judge.row(entry)


class Judge:
    """Judges entries by the firm as it stands when this is made."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rates = RateBook(world)
        self._work = WorkMap(world)
        self._duplicates = find_duplicates(world)
        self._long_days = find_long_days(world, self._duplicates)
        self._closed_months = {
            (p.start.year, p.start.month) for p in world.periods.values() if p.kind == "month" and p.is_closed
        }
        self._closed_pay = [
            (p.period_start, p.period_end) for p in world.payrolls.values() if p.status != "unprocessed"
        ]
        self._pay_entities = {key for key, entity in world.entities.items() if entity.has_payroll}

    def row(self, entry: TimeEntry) -> dict[str, Any]:
        person = self._world.consultant_of_user(entry.user_id)
        project = self._world.project_of_workspace(entry.workspace_id)
        entity = person.entity if person is not None and person.hr_id is not None else None
        state = self._psa_state(entry)
        row: dict[str, Any] = {
            "source_id": str(entry.entry_id),
            "legal_entity": entity,
            "work_date": entry.work_date.isoformat(),
            "period": entry.work_date.replace(day=1).isoformat(),
            "minutes": entry.minutes,
            "psa_state": state,
            "employee": person.number if person else None,
            "project": project.code if project else None,
            "traits": [trait for trait in entry.traits.split(",") if trait],
        }
        if state != "approved":
            row["erp"] = row["payroll"] = _unapproved(state)
            if entry.settled_json is not None and state in {"pending", "draft"}:
                row["last_approved"] = json.loads(entry.settled_json)
        elif entity is None or person is None:
            row["erp"] = row["payroll"] = {"state": "held", "reason": "legal entity unresolved"}
        else:
            row["erp"] = self._erp(entry, person, project)
            row["payroll"] = self._payroll(entry, person, project)
        return row

    def _psa_state(self, entry: TimeEntry) -> str:
        if entry.deleted_at is not None:
            return "deleted"
        return "duplicate" if entry.entry_id in self._duplicates else PSA_STATE[entry.state]

    def _erp(self, entry: TimeEntry, person: Consultant, project: Project | None) -> Verdict:
        known = project if project is not None and not project.is_deleted else None
        if known is not None and known.kind == "leave":
            return _not_due("leave")
        if not entry.billable or (known is not None and known.kind == "internal"):
            return _not_due("non_billable")
        adopted = False
        if entry.work_date < self._world.entities[person.entity].go_live:
            adopted = self._is_adopted(entry)
            if not adopted:
                return _not_due("before_go_live")
        contract = self._world.contracts.get(known.contract_number or "") if known else None
        price = None
        if known is not None and contract is not None and self._rates.is_hourly(contract):
            price = self._rates.price(contract, known, person, str(entry.role_id), entry.work_date)
        hourly = self._rates.is_hourly(contract)
        if not adopted:
            reason = self._erp_obstacle(entry, person, known, is_priced=price is not None or not hourly)
            if reason is not None:
                return {"state": "held", "reason": reason}
        return {
            "state": "present",
            "reason": None,
            "adopted": adopted,
            "billable": hourly,
            "rate": str(price.rate) if price else None,
            "amount": str(price.amount(entry.minutes)) if price else None,
            "currency": price.currency if price else None,
            "rate_rule": price.rule if price else None,
        }

    def _erp_obstacle(
        self, entry: TimeEntry, person: Consultant, project: Project | None, *, is_priced: bool
    ) -> str | None:
        phase = None
        if project is not None:
            phase = next((p for p in project.phases if p.kantata_story_id == str(entry.story_id)), None)
        closed = project is not None and (
            project.erp_status == "Closed" or (phase is not None and phase.erp_status == "Closed")
        )
        obstacles = (
            ("day total over limit", (entry.user_id, entry.work_date) in self._long_days),
            ("unknown employee", person.netsuite_employee_id is None),
            ("project deleted", project is None),
            ("unknown project", project is not None and project.netsuite_job_id is None),
            ("unknown work type", self._work.item(entry, project) is None),
            ("rate missing", not is_priced),
            ("period closed", (entry.work_date.year, entry.work_date.month) in self._closed_months),
            ("project closed", closed),
        )
        return next((reason for reason, there in obstacles if there), None)

    def _payroll(self, entry: TimeEntry, person: Consultant, project: Project | None) -> Verdict:
        known = project if project is not None and not project.is_deleted else None
        entity = self._world.entities[person.entity]
        for rule, applies in (
            ("leave", known is not None and known.kind == "leave"),
            ("subcontractor", person.is_subcontractor),
            ("no_destination", person.entity not in self._pay_entities),
            ("before_go_live", entry.work_date < entity.go_live),
        ):
            if applies:
                return _not_due(rule)
        for reason, there in (
            ("day total over limit", (entry.user_id, entry.work_date) in self._long_days),
            ("unknown employee", person.gusto_employee_uuid is None),
            ("no pay period", not self._has_pay_period(entry.work_date)),
            ("period closed", self._is_paid(entry.work_date)),
        ):
            if there:
                return {"state": "held", "reason": reason}
        return {
            "state": "present",
            "reason": None,
            "employee": person.gusto_employee_uuid,
            "job": person.gusto_job_uuid,
        }

    def _is_paid(self, day: date) -> bool:
        return any(start <= day <= end for start, end in self._closed_pay)

    def _has_pay_period(self, day: date) -> bool:
        return any(one.period_start <= day <= one.period_end for one in self._world.payrolls.values())

    def _is_adopted(self, entry: TimeEntry) -> bool:
        """Whether the ERP holds a row that agrees with the entry as it now stands."""
        found: list[ErpHistoryRow] = self._world.erp_history.select("entry_id = ?", (entry.entry_id,))
        return any(row.minutes == entry.minutes and row.work_date == entry.work_date for row in found)


def _unapproved(state: str) -> Verdict:
    if state in {"pending", "draft"}:
        return {"state": "not_approved", "reason": "re-approval"}
    return {"state": "void", "reason": state}


def _not_due(rule: str) -> Verdict:
    return {"state": "not_due", "reason": rule}


def find_duplicates(world: World) -> set[int]:
    """Ids of entries that repeat an earlier one, created within ten minutes of it."""
    groups = world.entries.connection.execute(
        f"select group_concat(entry_id) from entries where deleted_at is null group by {SAME_HOUR} having count(*) > 1"  # noqa: S608
    ).fetchall()
    found: set[int] = set()
    for (joined,) in groups:
        ids = sorted(int(one) for one in joined.split(","))
        same = [entry for one in ids if (entry := world.entries.get(one)) is not None]
        for place, entry in enumerate(same):
            if any(abs(entry.created_at - earlier.created_at) <= DUPLICATE_WITHIN for earlier in same[:place]):
                found.add(entry.entry_id)
    return found


def find_long_days(world: World, duplicates: set[int]) -> set[tuple[int, date]]:
    """Person-days whose minutes exceed a day; deleted, duplicate, rejected and cancelled entries left out."""
    suspects = world.entries.connection.execute(
        "select user_id, work_date from entries where deleted_at is null and state not in (?, ?) "
        "group by user_id, work_date having sum(minutes) > ?",
        (REJECTED, CANCELLED, MAX_MINUTES_PER_DAY),
    ).fetchall()
    found: set[tuple[int, date]] = set()
    for user_id, day in suspects:
        standing = [
            entry
            for entry in world.entries.select("user_id = ? and work_date = ? and deleted_at is null", (user_id, day))
            if entry.entry_id not in duplicates and entry.state not in {REJECTED, CANCELLED}
        ]
        if sum(entry.minutes for entry in standing) > MAX_MINUTES_PER_DAY:
            found.add((user_id, standing[0].work_date))
    return found
