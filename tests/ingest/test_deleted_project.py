"""A project that the PSA no longer lists: deleted, or only archived? Its own firm, since what is deleted stays deleted."""

from __future__ import annotations

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
