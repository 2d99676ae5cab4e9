"""What the PSA does when an hour changes after it was put up: a new submission, or none."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from simulators.firm.model import APPROVED, SUBMITTED, Submission

if TYPE_CHECKING:
    from datetime import datetime

    from simulators.firm.model import TimeEntry, World


def resubmit(world: World, entry: TimeEntry, when: datetime, *, approved: bool) -> None:
    """Puts a changed entry up again, alone, and saves it; approved at once where no approval is needed."""
    project = world.project_of_workspace(entry.workspace_id)
    entry.updated_at = when
    if project is not None and not project.requires_approval:
        entry.state, entry.submission_id = APPROVED, None
        world.entries.save(entry)
        return
    monday = entry.work_date - timedelta(days=entry.work_date.weekday())
    submission = Submission(
        submission_id=world.submissions.next_key(),
        user_id=entry.user_id,
        workspace_id=entry.workspace_id,
        start_date=monday,
        end_date=monday + timedelta(days=6),
        status="approved" if approved else "pending",
        title=f"Week of {monday.isoformat()} (changed)",
        resolved_at=when if approved else None,
        resolver_user_id=entry.user_id if approved else None,
        resolution="",
        created_at=when,
        updated_at=when,
    )
    world.submissions.save(submission)
    entry.submission_id = submission.submission_id
    entry.state = APPROVED if approved else SUBMITTED
    if approved:
        entry.settled_json = None
    world.entries.save(entry)


def remember_approved(world: World, entry: TimeEntry) -> None:
    """Keeps the approved version of an entry that is about to be edited, unless an older one is kept already."""
    if entry.state == APPROVED and entry.settled_json is None:
        project = world.project_of_workspace(entry.workspace_id)
        kept = {
            "minutes": entry.minutes,
            "work_date": entry.work_date.isoformat(),
            "project": project.code if project else None,
            "story_id": str(entry.story_id),
        }
        entry.settled_json = json.dumps(kept)


def add_trait(entry: TimeEntry, trait: str) -> None:
    entry.traits = f"{entry.traits},{trait}".strip(",")
