"""Time entries week by week: what people worked, put up for approval, and what became of that.

Rows go to the store in batches of a week, so that memory does not grow with the number of entries."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zlib import crc32
from zoneinfo import ZoneInfo

from simulators.firm import names
from simulators.firm.model import APPROVED, CANCELLED, DRAFT, REJECTED, SUBMITTED, Submission, TimeEntry
from simulators.firm.projects import INTERNAL, LEAVE_KINDS, TIME_OFF, Assignment

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from simulators.firm.model import Consultant, Project, World

Shares = tuple[tuple[str, float], ...]
# What became of a week that was put up: shares for older weeks, and for the week that ended a day ago.
OLDER: Shares = ((APPROVED, 0.955), (SUBMITTED, 0.02), (REJECTED, 0.01), (CANCELLED, 0.005), (DRAFT, 0.01))
LATEST: Shares = ((APPROVED, 0.5), (SUBMITTED, 0.42), (REJECTED, 0.02), (CANCELLED, 0.01), (DRAFT, 0.05))
STATUS = {APPROVED: "approved", SUBMITTED: "pending", REJECTED: "rejected", CANCELLED: "cancelled"}
BATCH = 20_000
SATURDAY = 5


@dataclass
class Diary:
    """Writes entries and their submissions; gives out ids in the order of creation."""

    world: World
    next_entry: int
    next_submission: int
    noon: datetime
    entries: list[TimeEntry] = field(default_factory=list)
    submissions: dict[tuple[int, int, date], Submission | None] = field(default_factory=dict)
    approver: dict[int, int] = field(default_factory=dict)

    def put(self, entry: TimeEntry) -> None:
        self.entries.append(entry)
        if len(self.entries) >= BATCH:
            self._write_entries()

    def _write_entries(self) -> None:
        self.world.entries.save_many(self.entries)
        self.entries.clear()

    def end_week(self) -> None:
        self._write_entries()
        self.world.submissions.save_many(s for s in self.submissions.values() if s is not None)
        self.submissions.clear()

    def submission(
        self, user_id: int, workspace_id: int, monday: date, shares: Shares, rng: random.Random
    ) -> Submission | None:
        """The week's submission of a person on a project; None while it is a draft."""
        key = (user_id, workspace_id, monday)
        if key not in self.submissions:
            state = rng.choices([s for s, _ in shares], [w for _, w in shares])[0]
            self.submissions[key] = None if state == DRAFT else self._new(key, state, rng)
        return self.submissions[key]

    def _new(self, key: tuple[int, int, date], state: str, rng: random.Random) -> Submission:
        user_id, workspace_id, monday = key
        created = at(monday + timedelta(days=6), 19, rng)
        resolved = None if state == SUBMITTED else at(monday + timedelta(days=7), rng.randrange(7, 11), rng)
        created, resolved = min(created, self.noon), min(resolved, self.noon) if resolved else None
        self.next_submission += 1
        return Submission(
            submission_id=self.next_submission,
            user_id=user_id,
            workspace_id=workspace_id,
            start_date=monday,
            end_date=monday + timedelta(days=6),
            status=STATUS[state],
            title=f"Week of {monday.isoformat()}",
            resolved_at=resolved,
            resolver_user_id=None if resolved is None else self.approver.get(workspace_id, user_id),
            resolution="" if state in {APPROVED, SUBMITTED} else "Please check the phase and send it again",
            created_at=created,
            updated_at=resolved or created,
        )


STATE_OF = {status: state for state, status in STATUS.items()}


def at(day: date, hour: int, rng: random.Random) -> datetime:
    return datetime(day.year, day.month, day.day, hour, rng.randrange(60), rng.randrange(60), tzinfo=UTC)


class Calendar:
    """Which days a person works, is on leave, or works though it is weekend: the same on every ask."""

    def __init__(self, seed: int, world: World) -> None:
        self._seed = seed
        self._nights = {key: set(clock_changes(e.time_zone, world.as_of)) for key, e in world.entities.items()}

    def kind(self, person: Consultant, day: date) -> str:
        """`work`, `weekend_work`, `leave`, `off`; `dst` is work on the day the clocks change."""
        if day < person.hire_date or (person.termination_date is not None and day > person.termination_date):
            return "off"
        monday = day.toordinal() - day.weekday()
        chance = crc32(f"{self._seed}:{person.number}:{monday}".encode())  # as good as drawn, and always the same
        on_leave, free_day, works_saturday = chance % 100 < 6, chance // 100 % 40, chance // 4_000 % 50 == 0
        if day.weekday() >= SATURDAY:
            if day in self._nights[person.entity] and int(person.number[1:]) % 3 == 0:
                return "dst"
            return "weekend_work" if works_saturday and day.weekday() == SATURDAY else "off"
        return "leave" if on_leave or free_day == day.weekday() else "work"


def clock_changes(zone: str, around: date) -> Iterator[date]:
    """Local dates of the year before `around` on which the zone's offset changes."""
    info = ZoneInfo(zone)
    for back in range(400):
        day = around - timedelta(days=back)
        start = datetime(day.year, day.month, day.day, tzinfo=info)
        tomorrow = day + timedelta(days=1)
        end = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=info)
        if start.utcoffset() != end.utcoffset():
            yield day


class Worker:
    """Fills one span of weeks with a given number of entries, spread evenly over the person-days that are worked."""

    def __init__(self, world: World, diary: Diary, staffing: dict[str, list[Assignment]], rng: random.Random) -> None:
        self._world = world
        self._diary = diary
        self._staffing = staffing
        self._rng = rng
        self._calendar = Calendar(world.seed, world)
        self._cards = sorted(world.rate_card, key=lambda row: row.effective_date)

    def fill(self, first_monday: date, last_day: date, total: int, *, is_history: bool) -> None:
        """Exactly `total` entries between the two dates, unless nobody works then."""
        people = list(self._world.consultants.values())
        days = [first_monday + timedelta(days=n) for n in range((last_day - first_monday).days + 1)]
        left_slots = sum(self._calendar.kind(p, d) not in {"off", "leave"} for d in days for p in people)
        left = total
        for day in days:
            for person in people:
                kind = self._calendar.kind(person, day)
                if kind == "off":
                    continue
                if kind == "leave":
                    wanted = 1 if left > left_slots // 2 and not (is_history and self._rng.random() < 0.7) else 0
                else:
                    mean = left / max(1, left_slots)
                    wanted = int(mean) + (self._rng.random() < mean - int(mean))
                    left_slots -= 1
                wanted = min(wanted, left)
                if wanted:
                    left -= self._day(person, day, kind, wanted, is_history=is_history)
            if day.weekday() == 6 or day == last_day:
                self._diary.end_week()

    def _day(self, person: Consultant, day: date, kind: str, wanted: int, *, is_history: bool) -> int:
        """Writes a person's day; tells how many entries it took."""
        rng, monday = self._rng, day - timedelta(days=day.weekday())
        if kind == "leave":
            project = self._world.projects[TIME_OFF]
            phase = project.phases[LEAVE_KINDS.index(rng.choices(LEAVE_KINDS, (6, 3, 1))[0])]
            spots = [(project, phase.kantata_story_id, person.kantata_role_id, False)]
            minutes = [person.weekly_hours * 60 // 5]
        else:
            spots = self._spots(person, wanted)
            minutes = split_day(len(spots), 180 if kind == "weekend_work" else 480, rng)
        state_shares: Shares = LATEST if monday + timedelta(days=7) >= self._world.as_of - timedelta(days=1) else OLDER
        if is_history:
            state_shares = ((APPROVED, 1.0),)
        elif monday + timedelta(days=6) >= self._world.as_of:
            state_shares = ((DRAFT, 1.0),)
        for (project, story, role, billable), span in zip(spots, minutes, strict=True):
            self._entry(person, day, project, story, role, billable, span, state_shares, "dst_day" * (kind == "dst"))
        return len(spots)

    def _spots(self, person: Consultant, wanted: int) -> list[tuple[Project, str, str, bool]]:
        """Distinct phases of the day: nobody has two honest entries on one phase and date."""
        rng, own = self._rng, self._staffing[person.number]
        found: dict[str, tuple[Project, str, str, bool]] = {}
        for _ in range(wanted * 6):
            if len(found) == wanted:
                break
            if rng.random() < 0.09 or not own:
                project, role = self._world.projects[INTERNAL], person.kantata_role_id
            else:
                chosen = rng.choices(own, [a.weight for a in own])[0]
                project, role = chosen.project, chosen.role_id
            phase = rng.choice(project.phases)
            hourly = project.kind == "client" and self._is_hourly(project)
            billable = project.kind == "client" and not (hourly and rng.random() < 0.04)
            found.setdefault(phase.kantata_story_id, (project, phase.kantata_story_id, role, billable))
        return list(found.values())

    def _is_hourly(self, project: Project) -> bool:
        return self._world.contracts[project.contract_number or ""].billing_type == "Time and Materials"

    def _entry(
        self, person: Consultant, day: date, project: Project, story: str, role: str, billable: bool, minutes: int,
        shares: Shares, trait: str,
    ) -> None:  # fmt: skip
        diary, rng = self._diary, self._rng
        user, workspace = int(person.kantata_user_id), int(project.kantata_workspace_id)
        created = min(at(day, 17, rng), diary.noon - timedelta(minutes=1))
        state, submission = APPROVED, None
        if project.requires_approval:
            submission = diary.submission(user, workspace, day - timedelta(days=day.weekday()), shares, rng)
            state = DRAFT if submission is None else STATE_OF[submission.status]
        diary.next_entry += 1
        diary.put(
            TimeEntry(
                entry_id=diary.next_entry,
                user_id=user,
                workspace_id=workspace,
                story_id=int(story),
                role_id=int(role),
                work_date=day,
                minutes=minutes,
                billable=billable,
                notes=rng.choice(names.NOTES),
                rate_cents=self._card_rate(role, project.currency, day) if billable else None,
                currency=project.currency,
                state=state,
                submission_id=submission.submission_id if submission else None,
                created_at=created,
                updated_at=created,
                deleted_at=None,
                traits=trait,
                settled_json=None,
            )
        )

    def _card_rate(self, role_id: str, currency: str, day: date) -> int | None:
        rate = None
        for row in self._cards:
            if row.effective_date > day:
                break
            if row.kantata_role_id == role_id and row.currency == currency:
                rate = row.cents_per_hour
        return rate


def split_day(parts: int, about: int, rng: random.Random) -> list[int]:
    """Minutes that sum to a plausible day; most in quarters of an hour, some odd."""
    total = about + 15 * rng.randrange(-4, 5)
    cuts = sorted(rng.sample(range(1, max(parts + 1, total // 15)), parts - 1)) if parts > 1 else []
    edges = [0, *cuts, total // 15]
    minutes = [15 * (b - a) for a, b in itertools.pairwise(edges)]
    return [m + rng.choice((-5, 5, 10, 2, 7)) if rng.random() < 0.1 and m > 15 else max(m, 15) for m in minutes]
