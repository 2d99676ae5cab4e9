"""What the verbs of a day of life share: the firm, its clock, a draw that the seed decides."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from simulators.firm.mess import is_free
from simulators.firm.model import APPROVED
from simulators.firm.truth import Judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from simulators.firm.ids import Ids
    from simulators.firm.model import Project, Role, TimeEntry, World

Changed = dict[str, Any]


class Life:
    """`_posted` draws among the hours that ought to stand in the ERP now: a change must be noticed on those."""

    def __init__(self, world: World, ids: Ids) -> None:
        self._world = world
        self._ids = ids
        self._turn = 0

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

    def _is_free(self, entry: TimeEntry, day: date) -> bool:
        return day.weekday() < 5 and is_free(self._world, entry, entry.story_id, day)

    def _entity_of(self, entry: TimeEntry) -> str | None:
        person = self._world.consultant_of_user(entry.user_id)
        return person.entity if person else None

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


def entries_of(rows: Sequence[TimeEntry]) -> Changed:
    return {"entries": [str(row.entry_id) for row in rows]}
