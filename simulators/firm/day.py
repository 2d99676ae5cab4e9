"""A day of life: the verbs by which a test or the demo changes the firm while it is being watched.

Every verb takes whole counts or explicit ids, works on the seed's own draw, stamps what it changes with the firm's
clock, and returns the ids of what it changed, `{}`-empty lists when nothing fits. Where no ids are given, hours are
drawn among those that ought to stand in the ERP now, since those are what a change must be noticed on."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from simulators.firm import masters
from simulators.firm.approvals import add_trait, remember_approved, resubmit
from simulators.firm.mess import another_project, is_free, put_on, withdraw
from simulators.firm.model import (
    APPROVED,
    CANCELLED,
    DRAFT,
    REJECTED,
    SUBMITTED,
    Item,
    RateCardRole,
    Role,
)
from simulators.firm.truth import Judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulators.firm.ids import Ids
    from simulators.firm.model import Project, TimeEntry, World

Changed = dict[str, Any]
BUMPS_ENTRIES = "kantata_approval_bumps_entries"


def register(world: World, ids: Ids) -> None:
    """Makes the firm's own verbs known."""
    life = Life(world, ids)
    for name in dir(Life):
        if not name.startswith("_"):
            world.changes.register(name, getattr(life, name))


class Life:
    """The verbs. `entry_ids` are Kantata ids, as numbers or text."""

    def __init__(self, world: World, ids: Ids) -> None:
        self._world = world
        self._ids = ids
        self._turn = 0

    # -- hours and approvals

    def approve(self, count: int | None = None, submission_ids: Sequence[int | str] = ()) -> Changed:
        """Approves pending submissions, oldest first; without a count all of them."""
        entries: list[str] = []
        submissions = self._submissions(("pending",), count, submission_ids)
        for submission in submissions:
            submission.status, submission.resolved_at = "approved", self._now()
            submission.updated_at = self._now()
            self._world.submissions.save(submission)
            entries += self._follow(submission.submission_id, SUBMITTED, APPROVED)
        return {"submissions": [str(s.submission_id) for s in submissions], "entries": entries}

    def submit(self, count: int = 1) -> Changed:
        """Puts drafts up for approval, each in a submission of its own."""
        drafts = self._world.entries.select("state = ? and deleted_at is null", (DRAFT,), "entry_id", count)
        for entry in drafts:
            resubmit(self._world, entry, self._now(), approved=False)
        return _entries(drafts)

    def withdraw(self, count: int = 1, status: str = CANCELLED, submission_ids: Sequence[int | str] = ()) -> Changed:
        """Takes approvals back: whole submissions become cancelled or rejected, with all their hours."""
        if status not in {CANCELLED, REJECTED}:
            raise ValueError(f"an approval is taken back as cancelled or rejected, not {status!r}")
        found = self._submissions(("approved",), count, submission_ids) if submission_ids else []
        if not submission_ids:
            for entry in self._posted():
                submission = self._world.submissions.get(entry.submission_id or 0)
                if submission is not None and submission.submission_id not in {s.submission_id for s in found}:
                    found.append(submission)
                if len(found) >= count:
                    break
        members: list[str] = []
        for submission in found:
            rows = self._members(submission.submission_id)
            withdraw(self._world, submission, rows, self._now(), status)
            if BUMPS_ENTRIES in self._world.unconfirmed:
                self._bump(rows)
            members += [str(row.entry_id) for row in rows]
        return {"submissions": [str(s.submission_id) for s in found], "entries": members}

    def edit(
        self, count: int = 1, minutes: int | None = None, entry_ids: Sequence[int | str] = (), approved: bool = False
    ) -> Changed:
        """Changes the minutes of approved hours: pending again, or at once approved anew. 8 -> 6 -> 8 is two calls."""
        changed = self._chosen(count, entry_ids)
        for entry in changed:
            remember_approved(self._world, entry)
            entry.minutes = minutes or (entry.minutes + 30 if entry.minutes <= 60 else entry.minutes - 30)
            add_trait(entry, "edited")
            resubmit(self._world, entry, self._now(), approved=approved)
        return _entries(changed)

    def move_date(
        self, count: int = 1, days: int = 1, entry_ids: Sequence[int | str] = (), approved: bool = True
    ) -> Changed:
        """Moves hours to another date, a free one of the same month, approved anew unless told otherwise."""
        changed: list[TimeEntry] = []
        for entry in self._candidates(entry_ids):
            day = entry.work_date + timedelta(days=days)
            same_month = (day.year, day.month) == (entry.work_date.year, entry.work_date.month)
            if entry_ids or (same_month and day <= self._world.as_of and self._is_free(entry, day)):
                remember_approved(self._world, entry)
                entry.work_date = day
                add_trait(entry, "moved_date")
                resubmit(self._world, entry, self._now(), approved=approved)
                changed.append(entry)
            if len(changed) >= (len(entry_ids) or count):
                break
        return _entries(changed)

    def move_project(self, count: int = 1, entry_ids: Sequence[int | str] = (), approved: bool = True) -> Changed:
        """Moves hours to another project of the same entity, approved anew unless told otherwise."""
        changed: list[TimeEntry] = []
        for entry in self._candidates(entry_ids):
            target = another_project(self._world, entry, self._draw())
            if target is not None:
                remember_approved(self._world, entry)
                put_on(entry, target)
                add_trait(entry, "moved_project")
                resubmit(self._world, entry, self._now(), approved=approved)
                changed.append(entry)
            if len(changed) >= (len(entry_ids) or count):
                break
        return _entries(changed)

    def delete(self, count: int = 1, entry_ids: Sequence[int | str] = ()) -> Changed:
        """Deletes hours from the PSA for good."""
        changed = self._chosen(count, entry_ids)
        for entry in changed:
            entry.deleted_at = entry.updated_at = self._now()
            add_trait(entry, "deleted")
            self._world.entries.save(entry)
        return _entries(changed)

    def duplicate(self, count: int = 1, entry_ids: Sequence[int | str] = ()) -> Changed:
        """Enters the same hour again, as a client that sends twice does."""
        twins: list[TimeEntry] = []
        for entry in self._chosen(count, entry_ids):
            created = entry.created_at + timedelta(seconds=90)
            key = self._world.entries.next_key()
            twin = replace(entry, entry_id=key, created_at=created, updated_at=self._now(), traits="duplicate")
            self._world.entries.save(twin)
            twins.append(twin)
        return _entries(twins)

    def add_hours(
        self, count: int = 1, project: str | None = None, minutes: int = 60, role: str | None = None
    ) -> Changed:
        """Enters new approved hours beside existing ones, by default on projects where hours stand already."""
        role_id = self._role(role).kantata_role_id if role else None
        made: list[TimeEntry] = []
        target = self._project(project) if project else None
        for entry in self._posted():
            own = target or self._world.project_of_workspace(entry.workspace_id)
            if own is None or (target is not None and own.entity != self._entity_of(entry)):
                continue
            made.append(self._enter(entry, own, minutes, role_id))
            if len(made) >= count:
                break
        return _entries(made)

    # -- projects, people, work types, prices

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

    # -- periods and payrolls

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

    # -- all of it

    def day(self, scale: int = 1) -> Changed:
        """A seeded mix of what happens in a firm in a day, what vendors do by themselves included."""
        script: list[tuple[str, dict[str, Any]]] = [
            ("approve", {"count": 12 * scale}),
            ("edit", {"count": 4 * scale}),
            ("edit", {"count": 2 * scale, "approved": True}),
            ("withdraw", {"count": scale}),
            ("delete", {"count": 2 * scale}),
            ("move_date", {"count": 2 * scale}),
            ("move_project", {"count": scale}),
            ("new_work_type", {"count": 3 * scale}),
            ("rename", {"count": 1}),
            ("approve_sheets", {}),
            ("erp_invoice_draft", {"count": 20 * scale}),
            ("erp_invoice_post", {}),
            ("erp_invoice_pay", {}),
            ("close_phase", {}),
        ]
        known = [(verb, given) for verb, given in script if self._world.changes.knows(verb)]
        return {"day": [{"verb": verb, **self._world.changes.perform(verb, given)} for verb, given in known]}

    # -- how

    def _now(self) -> datetime:
        return self._world.clock.now().replace(microsecond=0)

    def _draw(self) -> random.Random:
        self._turn += 1
        return random.Random(f"{self._world.seed}:day:{self._turn}")

    def _posted(self) -> Iterator[TimeEntry]:
        """Hours that ought to stand in the ERP now and whose approval can be taken back, in drawn order."""
        judge, world = Judge(self._world), self._world
        last = int(world.entries.value("select max(entry_id) from entries") or 0)
        first = int(
            world.entries.value("select min(entry_id) from entries where work_date >= ?", (world.go_live.isoformat(),))
            or 0
        )
        draw, seen = self._draw(), set[int]()
        for _ in range(40 * max(1, last - first)):
            drawn = draw.randint(first, last)
            if drawn in seen:
                if len(seen) > last - first:
                    return
                continue
            seen.add(drawn)
            entry = world.entries.get(drawn)
            if entry is None or entry.submission_id is None or entry.state != APPROVED or entry.traits:
                continue
            verdict = judge.row(entry)["erp"]
            if verdict["state"] == "present" and not verdict["adopted"]:
                yield entry

    def _candidates(self, entry_ids: Sequence[int | str]) -> Iterator[TimeEntry]:
        if not entry_ids:
            yield from self._posted()
            return
        for given in entry_ids:
            entry = self._world.entries.get(int(given))
            if entry is None or entry.deleted_at is not None:
                raise ValueError(f"the PSA has no time entry {given}")
            yield entry

    def _chosen(self, count: int, entry_ids: Sequence[int | str]) -> list[TimeEntry]:
        chosen: list[TimeEntry] = []
        for entry in self._candidates(entry_ids):
            chosen.append(entry)
            if len(chosen) >= (len(entry_ids) or count):
                break
        return chosen

    def _submissions(self, statuses: Sequence[str], count: int | None, given: Sequence[int | str]) -> list[Any]:
        if given:
            found = [self._world.submissions.get(int(one)) for one in given]
            if None in found:
                raise ValueError(f"the PSA has no submission {given[found.index(None)]}")
            return found
        marks = ", ".join("?" * len(statuses))
        return self._world.submissions.select(f"status in ({marks})", tuple(statuses), "submission_id", count)

    def _members(self, submission_id: int) -> list[TimeEntry]:
        return self._world.entries.select("submission_id = ? and deleted_at is null", (submission_id,), "entry_id")

    def _follow(self, submission_id: int, before: str, after: str) -> list[str]:
        members = [m for m in self._members(submission_id) if m.state == before]
        for member in members:
            member.state, member.settled_json = after, None
        if BUMPS_ENTRIES in self._world.unconfirmed:
            self._bump(members)
        self._world.entries.save_many(members)
        return [str(member.entry_id) for member in members]

    def _bump(self, members: list[TimeEntry]) -> None:
        for member in members:
            member.updated_at = self._now()
        self._world.entries.save_many(members)

    def _is_free(self, entry: TimeEntry, day: date) -> bool:
        return day.weekday() < 5 and is_free(self._world, entry, entry.story_id, day)

    def _entity_of(self, entry: TimeEntry) -> str | None:
        person = self._world.consultant_of_user(entry.user_id)
        return person.entity if person else None

    def _enter(self, beside: TimeEntry, project: Project, minutes: int, role_id: str | None) -> TimeEntry:
        key = self._world.entries.next_key()
        phase = next((p for p in project.phases if p.erp_status == "Open" and p.title != "Travel"), project.phases[0])
        entry = replace(
            beside,
            entry_id=key,
            workspace_id=int(project.kantata_workspace_id),
            story_id=int(phase.kantata_story_id),
            role_id=int(role_id) if role_id else beside.role_id,
            minutes=minutes,
            billable=True,
            currency=project.currency,
            notes=f"Added later, {key}",
            created_at=self._now(),
            traits="added",
            settled_json=None,
        )
        resubmit(self._world, entry, self._now(), approved=True)
        return entry

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

    def _project(self, code: str) -> Project:
        if code not in self._world.projects:
            raise ValueError(f"the firm has no project {code}")
        return self._world.projects[code]

    def _project_with_hours(self) -> Project | None:
        entry = next(self._posted(), None)
        return None if entry is None else self._world.project_of_workspace(entry.workspace_id)

    def _role(self, name: str) -> Role:
        role = next((r for r in self._world.roles.values() if r.name == name), None)
        if role is None:
            raise ValueError(f"the firm has no role {name}")
        return role

    def _person(self, number: str | None, lacks: Any) -> Any:
        if number is None:
            return next((c for c in self._world.consultants.values() if lacks(c)), None)
        if number not in self._world.consultants:
            raise ValueError(f"the firm has no consultant {number}")
        return self._world.consultants[number]

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


def _entries(rows: Sequence[TimeEntry]) -> Changed:
    return {"entries": [str(row.entry_id) for row in rows]}
