"""Less than there ought to be takes nothing back: an empty view, a lost page, a narrowed scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flows import jobs
from flows.outcomes import SourceStopped
from tests.end_to_end.job import Job, start_job
from tests.end_to_end.test_nothing_changed import replace_view

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.server import Databases

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("whole jobs")]

# What a sync's rows come from, so that plan and statement both see what is short.
SHORT = {"erp_labor": "sync.sync_erp__labor", "payroll_hours": "intermediate.int_payroll_days_decided"}


@pytest.fixture(scope="module")
def delivered(job_home: Path, databases: Databases) -> Iterator[Job]:
    """A firm after its first night."""
    with start_job(job_home, databases, seed=42, entries=1_000) as job:
        job.adopt()
        job.deliver()
        assert job.statement().exit_code == 0
        yield job


@pytest.mark.parametrize("sync", SHORT)
@pytest.mark.parametrize("condition", ["false", "hashtext(chain_key) % 2 = 0"])
def test_a_sync_view_that_comes_up_short_takes_nothing_back(delivered: Job, sync: str, condition: str) -> None:
    relation, before = SHORT[sync], delivered.writes()
    (row,) = delivered.rows("select pg_get_viewdef(%s::regclass) as sql", relation)
    query = row["sql"].rstrip("; \n")
    replace_view(delivered, relation, f"select * from ({query}) as short where {condition}")
    try:
        delivery = jobs.deliver(delivered.settings, sync)
        assert delivery.plan.batch_state == "stopped"
        assert (delivery.plan.intents, delivery.plan.alarms > 0) == (0, True)
        assert len(alarms(delivered, sync)) == 1
        assert delivered.statement().exit_code == 1
    finally:
        replace_view(delivered, relation, query)
    assert delivered.writes() == before
    assert jobs.deliver(delivered.settings, sync).plan.intents == 0
    assert alarms(delivered, sync) == []
    assert delivered.statement().exit_code == 0


def test_a_single_row_that_vanishes_is_an_alarm_and_no_reversal(delivered: Job) -> None:
    before = delivered.writes()
    (row,) = delivered.rows("select pg_get_viewdef('sync.sync_erp__labor'::regclass) as sql")
    query = row["sql"].rstrip("; \n")
    (chain,) = delivered.rows(
        "select chain_key from delivery.chain where sync = 'erp_labor' and settled_intent_id is not null limit 1"
    )
    replace_view(
        delivered, "sync.sync_erp__labor", f"select * from ({query}) as short where chain_key <> '{chain['chain_key']}'"
    )
    try:
        delivery = jobs.deliver(delivered.settings, "erp_labor")
        assert (delivery.plan.intents, delivery.plan.alarms) == (0, 1)
        assert [one["chain_key"] for one in alarms(delivered, "erp_labor")] == [chain["chain_key"]]
    finally:
        replace_view(delivered, "sync.sync_erp__labor", query)
    assert delivered.writes() == before
    assert jobs.deliver(delivered.settings, "erp_labor").plan.intents == 0
    assert alarms(delivered, "erp_labor") == []


LOSSES: dict[str, dict[str, Any]] = {
    "half of the projects": {"path": "workspaces$", "query": "per_page=200", "rows": 15, "times": None},
    "half of the hours": {"path": "time_entries$", "query": "per_page=200", "rows": 100, "times": None},
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_narrowed_scope_stops_the_source_and_deletes_nothing(delivered: Job, loss: str) -> None:
    before, live = delivered.writes(), standing(delivered)
    delivered.firm["kantata"].fault("drop_rows", **LOSSES[loss])
    try:
        with pytest.raises(SourceStopped, match="nothing was deleted"):
            jobs.land(delivered.settings, "kantata", full=True)
    finally:
        delivered.firm["kantata"].clear_faults()
    assert standing(delivered) == live
    assert delivered.rows("select 1 from landing.load where connection = 'kantata' and status = 'stopped'") != []
    assert not jobs.check(delivered.settings, "kantata").passed
    assert [one.intents for one in jobs.plan_all(delivered.settings, keep=False)] == [0, 0, 0]
    delivered.read("kantata", full=True)
    assert delivered.writes() == before
    assert delivered.statement().exit_code == 0


LOST_PAGES: dict[str, dict[str, Any]] = {
    "rows of a page of time entries": {
        "kind": "drop_rows",
        "path": "time_entries$",
        "query": "per_page=200",
        "rows": 150,
    },
    "a project": {"kind": "drop_rows", "path": "workspaces$", "query": "per_page=200", "rows": 1},
}


@pytest.mark.parametrize("lost", LOST_PAGES)
def test_what_one_page_lacks_is_read_again_and_nothing_is_deleted(delivered: Job, lost: str) -> None:
    live = standing(delivered)
    delivered.firm["kantata"].fault(**LOST_PAGES[lost])
    try:
        jobs.land(delivered.settings, "kantata", full=True)
    finally:
        delivered.firm["kantata"].clear_faults()
    assert standing(delivered) == live
    assert [one.intents for one in jobs.plan_all(delivered.settings, keep=False)] == [0, 0, 0]
    assert delivered.statement().exit_code == 0


def alarms(job: Job, sync: str) -> list[dict[str, Any]]:
    """Open integrity alarms of a sync."""
    return job.rows(
        "select chain_key, cause, message from delivery.ops_exceptions"
        " where is_open and category = 'integrity' and sync = %s",
        sync,
    )


def standing(job: Job) -> dict[str, int]:
    """Live records of the PSA by resource."""
    (entries,) = job.rows("select count(*) as n from staging.stg_kantata__time_entries where not is_deleted")
    masters = job.rows(
        "select resource, count(*) as n from landing.current_record where source_system = 'kantata' and not is_deleted"
        " group by resource"
    )
    return {"time_entries": entries["n"]} | {one["resource"]: one["n"] for one in masters}
