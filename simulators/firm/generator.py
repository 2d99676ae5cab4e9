"""Makes the firm from a seed and a size: the same arguments give the same firm, to the last id."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from simulators.firm import day, masters, mess
from simulators.firm.history import add_erp_history
from simulators.firm.ids import Ids
from simulators.firm.model import World
from simulators.firm.projects import add_projects, staff
from simulators.firm.weeks import Diary, Worker
from simulators.kit.clock import SimClock

if TYPE_CHECKING:
    from datetime import date, datetime

OPEN_WEEKS = 12
HISTORY_WEEKS = 26
HISTORY_SHARE = 0.3
ENTRIES_PER_PERSON = 125
LEAST_PEOPLE = 16


def build(seed: int, entries: int, as_of: date, unconfirmed: frozenset[str] = frozenset()) -> World:
    """The firm at noon UTC of `as_of`.

    `entries` counts the time entries of the twelve weeks up to `as_of` and of its own begun week, the mess included (a
    firm of a few dozen may fall short by one or two); some 30 % as many lie before go-live. Memory is bounded: rows are
    kept in the store.
    """
    if entries < 1:
        raise ValueError(f"a firm needs at least one time entry, not {entries}")
    go_live = as_of - timedelta(days=as_of.weekday() + 7 * OPEN_WEEKS)
    world = World(seed, entries, as_of, go_live, SimClock(as_of), unconfirmed=unconfirmed)
    ids = Ids(seed)

    def rng(topic: str) -> random.Random:
        return random.Random(f"{seed}:{topic}")

    people = max(LEAST_PEOPLE, round(entries / ENTRIES_PER_PERSON))
    masters.add_entities(world)
    masters.add_roles_and_items(world, ids)
    masters.add_rate_card(world, ids)
    masters.add_people(world, ids, rng("people"), people)
    masters.add_customers(world, ids, rng("customers"), max(9, people // 3))
    add_projects(world, ids, rng("projects"), max(24, round(people * 0.7)))
    masters.add_periods(world, ids)
    masters.add_payrolls(world, ids)
    staffing = staff(world, ids, rng("staff"))

    diary = Diary(world, int(ids.number("entry", 900_000_000)), int(ids.number("submission", 3_000_000)), noon(world))
    diary.approver = approvers(world)
    first = go_live - timedelta(weeks=HISTORY_WEEKS)
    worker = Worker(world, diary, staffing, rng("work"))
    worker.fill(first, go_live - timedelta(days=1), round(entries * HISTORY_SHARE), is_history=True)
    worker.fill(go_live, as_of, entries - mess.added_rows(entries), is_history=False)
    add_erp_history(world, ids, rng("history"), go_live)
    mess.make(world, rng("mess"))
    day.register(world, ids)
    return world


def noon(world: World) -> datetime:
    return masters.stamp(world.as_of, 12)


def approvers(world: World) -> dict[int, int]:
    """The Kantata user who approves time on each workspace."""
    seniors = sorted(world.consultants.values(), key=lambda c: (-world.roles[c.kantata_role_id].level, c.number))
    chosen: dict[int, int] = {}
    for project in world.projects.values():
        senior = next(c for c in seniors if c.entity == project.entity)
        chosen[int(project.kantata_workspace_id)] = int(senior.kantata_user_id)
    return chosen
