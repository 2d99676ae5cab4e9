"""The mess of life, at named rates. Each instance bears its name in `traits`, so that the truth can be asked about it.

More of the mess stands in the masters: a consultant whom the ERP does not know and one whom HR does not, numbers that
HR writes otherwise, a role without an ERP item, prices with a gap, projects deleted, archived, closed in the ERP or
needing no approval, a closed accounting period, subcontractors, entities without a payroll."""

from __future__ import annotations

from array import array
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from simulators.firm.approvals import add_trait, remember_approved, resubmit
from simulators.firm.masters import ITEMLESS_ROLE, PRICE_GAP, UNPRICED_ROLE, stamp
from simulators.firm.model import APPROVED, CANCELLED, TIME_AND_MATERIALS, Submission

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from datetime import date, datetime

    from simulators.firm.model import Project, TimeEntry, World

# Shares of the open entries; of each at least one.
RATES = {
    "edited_after_approval": 0.006,
    "approval_withdrawn": 0.003,
    "back_and_forth": 0.003,
    "moved_date": 0.003,
    "moved_project": 0.003,
    "duplicate": 0.004,
    "deleted": 0.006,
    "overlong_day": 0.0005,
}
OVERLONG_MINUTES = 26 * 60


def times(name: str, entries: int) -> int:
    return max(1, round(entries * RATES[name]))


def added_rows(entries: int) -> int:
    """How many rows the mess adds by itself."""
    return min(times("duplicate", entries), entries - 1)


def make(world: World, rng: random.Random) -> None:
    """Disturbs a firm that is in order."""
    ensure_peculiar_work(world, rng)
    for name, act in (
        ("overlong_day", _overlong_day),
        ("edited_after_approval", _edit),
        ("approval_withdrawn", _withdraw),
        ("back_and_forth", _back_and_forth),
        ("moved_date", _move_date),
        ("moved_project", _move_project),
        ("deleted", _delete),
        ("duplicate", _duplicate),
    ):
        wanted = added_rows(world.size) if name == "duplicate" else times(name, world.size)
        for entry in _picks(world, rng):
            if wanted and act(world, entry, rng):
                wanted -= 1
            if not wanted:
                break


def _picks(world: World, rng: random.Random) -> Iterator[TimeEntry]:
    """Approved client hours since go-live, in no order, each once."""
    ids = array("q")
    kept = _ordinary(world)
    for entry_id, workspace_id in world.entries.connection.execute(
        "select entry_id, workspace_id from entries where work_date >= ? and state = ? and submission_id is not null "
        "and traits = '' order by entry_id",
        (world.go_live.isoformat(), APPROVED),
    ):
        if workspace_id in kept:
            ids.append(entry_id)
    rng.shuffle(ids)
    for entry_id in ids:
        entry = world.entries.get(entry_id)
        if entry is not None and not entry.traits and entry.state == APPROVED:
            yield entry


def _ordinary(world: World) -> set[int]:
    return {
        int(p.kantata_workspace_id)
        for p in world.projects.values()
        if p.kind == "client" and not p.is_deleted and p.erp_status == "Open" and not p.is_archived
    }


def _later(world: World, entry: TimeEntry, rng: random.Random) -> datetime:
    """Some moment after the entry was made and before the as-of noon, mostly in the last days."""
    noon = stamp(world.as_of, 12)
    since = max(entry.updated_at + timedelta(minutes=1), noon - timedelta(days=6))
    return since + timedelta(seconds=rng.randrange(max(1, int((noon - since).total_seconds()))))


def _edit(world: World, entry: TimeEntry, rng: random.Random) -> bool:
    remember_approved(world, entry)
    entry.minutes = entry.minutes + 30 if entry.minutes <= 60 else entry.minutes - 30
    add_trait(entry, "edited_after_approval")
    resubmit(world, entry, _later(world, entry, rng), approved=False)
    return True


def _withdraw(world: World, entry: TimeEntry, rng: random.Random) -> bool:
    """Takes back the whole submission, as the PSA does."""
    submission = world.submissions.get(entry.submission_id or 0)
    if submission is None:
        return False
    members = world.entries.select("submission_id = ?", (submission.submission_id,))
    if any(member.traits for member in members):
        return False
    withdraw(world, submission, members, _later(world, entry, rng), CANCELLED)
    return True


def withdraw(world: World, submission: Submission, members: list[TimeEntry], when: datetime, state: str) -> None:
    submission.status = state
    submission.resolution = "Withdrawn: booked on the wrong phase"
    submission.resolved_at = submission.updated_at = when
    world.submissions.save(submission)
    for member in members:
        member.state = state
        member.settled_json = None
        add_trait(member, "approval_withdrawn")
        world.entries.save(member)


def _back_and_forth(world: World, entry: TimeEntry, rng: random.Random) -> bool:
    """Changed, changed back, approved again: as at first but for its stamps."""
    add_trait(entry, "back_and_forth")
    resubmit(world, entry, _later(world, entry, rng), approved=True)
    return True


def _move_date(world: World, entry: TimeEntry, rng: random.Random) -> bool:
    day = entry.work_date + timedelta(days=1)
    if day > world.as_of or day.weekday() >= 5 or not is_free(world, entry, entry.story_id, day):
        return False
    entry.work_date = day
    add_trait(entry, "moved_date")
    resubmit(world, entry, _later(world, entry, rng), approved=True)
    return True


def _move_project(world: World, entry: TimeEntry, rng: random.Random) -> bool:
    target = another_project(world, entry, rng)
    if target is None:
        return False
    put_on(entry, target)
    add_trait(entry, "moved_project")
    resubmit(world, entry, _later(world, entry, rng), approved=True)
    return True


def another_project(world: World, entry: TimeEntry, rng: random.Random) -> Project | None:
    """An ordinary Time and Materials project of the same entity and currency, free for the person on that day."""
    now = world.project_of_workspace(entry.workspace_id)
    if now is None:
        return None
    ordinary = _ordinary(world)
    fitting = [
        p
        for p in world.projects.values()
        if int(p.kantata_workspace_id) in ordinary
        and p is not now
        and (p.entity, p.currency) == (now.entity, now.currency)
        and world.contracts[p.contract_number or ""].billing_type == TIME_AND_MATERIALS
        and is_free(world, entry, int(p.phases[0].kantata_story_id), entry.work_date)
    ]
    return rng.choice(fitting) if fitting else None


def put_on(entry: TimeEntry, project: Project) -> None:
    entry.workspace_id = int(project.kantata_workspace_id)
    entry.story_id = int(project.phases[0].kantata_story_id)
    entry.currency = project.currency


def is_free(world: World, entry: TimeEntry, story_id: int | None, day: date) -> bool:
    """Whether the person has no other entry on that phase and date, and the date room for these hours."""
    others = [
        e
        for e in world.entries.select("user_id = ? and work_date = ?", (entry.user_id, day.isoformat()))
        if e.entry_id != entry.entry_id
    ]
    room = sum(e.minutes for e in others) + entry.minutes <= 20 * 60
    return room and all(e.story_id != story_id for e in others)


def _delete(world: World, entry: TimeEntry, rng: random.Random) -> bool:
    entry.deleted_at = entry.updated_at = _later(world, entry, rng)
    add_trait(entry, "deleted")
    world.entries.save(entry)
    return True


def _duplicate(world: World, entry: TimeEntry, rng: random.Random) -> bool:
    created = entry.created_at + timedelta(seconds=rng.randrange(20, 300))
    if created > stamp(world.as_of, 12):
        return False
    twin = replace(entry, entry_id=world.entries.next_key(), created_at=created, updated_at=created, traits="duplicate")
    add_trait(entry, "duplicated")
    world.entries.save(entry)
    world.entries.save(twin)
    return True


def _overlong_day(world: World, entry: TimeEntry, rng: random.Random) -> bool:
    """26 hours on one date, in two entries or more, of somebody who is paid and billed."""
    person = world.consultant_of_user(entry.user_id)
    if person is None or person.gusto_employee_uuid is None or person.netsuite_employee_id is None:
        return False
    day = world.entries.select("user_id = ? and work_date = ?", (entry.user_id, entry.work_date.isoformat()))
    others = sum(other.minutes for other in day) - entry.minutes
    if len(day) < 2 or others < 120 or any(other.state != APPROVED or other.traits for other in day):
        return False
    entry.minutes = OVERLONG_MINUTES - others
    for other in day:
        if other.entry_id != entry.entry_id:
            add_trait(other, "overlong_day")
            world.entries.save(other)
    add_trait(entry, "overlong_day")
    resubmit(world, entry, _later(world, entry, rng), approved=True)
    return True


def ensure_peculiar_work(world: World, rng: random.Random) -> None:
    """Small firms too have at least one approved hour of each peculiar kind that the masters hold."""
    for project in world.projects.values():
        peculiar = project.is_deleted or project.is_archived or project.erp_status == "Closed"
        if (peculiar or (project.kind == "client" and not project.requires_approval)) and not world.entries.count(
            "workspace_id = ? and work_date >= ? and state = ? and billable",
            (int(project.kantata_workspace_id), world.go_live.isoformat(), APPROVED),
        ):
            _give_work(world, rng, project)
    first, last = (world.go_live + span for span in PRICE_GAP)
    _ensure_role(world, rng, UNPRICED_ROLE, first, last)
    _ensure_role(world, rng, ITEMLESS_ROLE, first, last)


def _give_work(world: World, rng: random.Random, project: Project) -> None:
    """Moves somebody's open hour to the project."""
    for entry in _picks(world, rng):
        person = world.consultant_of_user(entry.user_id)
        if person is None or person.entity != project.entity or person.netsuite_employee_id is None:
            continue
        if person.hr_id and is_free(world, entry, int(project.phases[0].kantata_story_id), entry.work_date):
            put_on(entry, project)
            entry.billable = True
            resubmit(world, entry, _later(world, entry, rng), approved=True)
            return


def _ensure_role(world: World, rng: random.Random, name: str, first: date, last: date) -> None:
    """At least one billable hour of the role between the dates, on a project whose client has a price book."""
    role_id = next(int(r.kantata_role_id) for r in world.roles.values() if r.name == name)
    ordinary = _ordinary(world)
    priced = {
        int(p.kantata_workspace_id)
        for p in world.projects.values()
        if int(p.kantata_workspace_id) in ordinary
        and world.contracts[p.contract_number or ""].salesforce_pricebook_id is not None
    }
    condition = "role_id = ? and work_date between ? and ? and state = ? and billable"
    span = (role_id, first.isoformat(), last.isoformat(), APPROVED)
    if any(entry.workspace_id in priced for entry in world.entries.iterate(condition, span)):
        return
    for entry in _picks(world, rng):
        person = world.consultant_of_user(entry.user_id)
        if person is None or person.netsuite_employee_id is None or person.hr_id is None:
            continue
        if any(rate.person_number == person.number for rate in world.rate_entries.values()):
            continue
        travel = {p.kantata_story_id for q in world.projects.values() for p in q.phases if p.title == "Travel"}
        if entry.workspace_id in priced and first <= entry.work_date <= last and str(entry.story_id) not in travel:
            entry.role_id, entry.billable = role_id, True
            world.entries.save(entry)
            return
