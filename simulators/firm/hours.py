"""Verbs on hours and approvals. `entry_ids` are Kantata ids, as numbers or text; without any, hours are drawn."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulators.firm.approvals import add_trait, remember_approved, resubmit
from simulators.firm.life import Changed, Life, entries_of
from simulators.firm.mess import another_project, put_on, withdraw
from simulators.firm.model import APPROVED, CANCELLED, DRAFT, REJECTED, SUBMITTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulators.firm.model import Project, TimeEntry

BUMPS_ENTRIES = "kantata_approval_bumps_entries"


class Hours(Life):
    """What people and their approvers do in the PSA."""

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
        return entries_of(drafts)

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
        return entries_of(changed)

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
        return entries_of(changed)

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
        return entries_of(changed)

    def delete(self, count: int = 1, entry_ids: Sequence[int | str] = ()) -> Changed:
        """Deletes hours from the PSA for good."""
        changed = self._chosen(count, entry_ids)
        for entry in changed:
            entry.deleted_at = entry.updated_at = self._now()
            add_trait(entry, "deleted")
            self._world.entries.save(entry)
        return entries_of(changed)

    def duplicate(self, count: int = 1, entry_ids: Sequence[int | str] = ()) -> Changed:
        """Enters the same hour again, as a client that sends twice does."""
        twins: list[TimeEntry] = []
        for entry in self._chosen(count, entry_ids):
            created = entry.created_at + timedelta(seconds=90)
            key = self._world.entries.next_key()
            twin = replace(entry, entry_id=key, created_at=created, updated_at=self._now(), traits="duplicate")
            self._world.entries.save(twin)
            twins.append(twin)
        return entries_of(twins)

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
        return entries_of(made)

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
