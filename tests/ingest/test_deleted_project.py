"""A project that the PSA no longer lists: deleted, or only archived? Its own firm, since what is deleted stays deleted."""

from __future__ import annotations

from decimal import Decimal

import pytest

import ingest
from tests.ingest.landed_firm import LandedFirm

pytestmark = pytest.mark.warehouse


def test_a_project_deleted_in_the_psa_is_told_from_an_archived_one_by_its_hours(landed: LandedFirm) -> None:
    [(title, source_id)] = landed.query(
        "select w.record ->> 'title', w.source_id from landing.current_record w where resource = 'workspaces' and not is_deleted"
        " and exists (select from raw_kantata.time_entries e where e.record ->> 'workspace_id' = w.source_id) order by 2 desc"
        " limit 1"
    )
    landed.firm.change("delete_project", project=title.split()[0])
    ingest.land(landed.settings, "kantata", resources=["workspaces"])
    assert landed.query(
        "select is_deleted from landing.current_record where resource = 'workspaces' and source_id = %s", source_id
    ) == [(True,)]


def test_tasks_of_a_project_that_is_gone_are_named_in_the_note_and_leave_nothing_to_explain(landed: LandedFirm) -> None:
    [(title, _)] = landed.query(
        "select w.record ->> 'title', w.source_id from landing.current_record w where resource = 'workspaces' and not is_deleted"
        " and exists (select from landing.current_record s where s.resource = 'stories' and s.record ->> 'workspace_id' = w.source_id)"
        " and exists (select from raw_kantata.time_entries e where e.record ->> 'workspace_id' = w.source_id) order by 2 limit 1"
    )
    landed.firm.change("delete_project", project=title.split()[0])
    report = ingest.land(landed.settings, "kantata", missing_share_limit=Decimal(1))
    assert report.is_well, report.sentences
    [stories] = [one for one in report.resources if one.resource == "stories"]
    [(unlisted,)] = landed.query(
        "select count(*) from landing.suspect where resource = 'stories' and resolved_at is null"
    )
    assert unlisted > 0
    assert stories.differences == [
        f"{unlisted} stories are no longer listed there, deleted or archived: the source does not say which"
    ]
