"""What stands is left alone: a second run, a release, and hours that the ERP held before us."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from flows import jobs
from tests.end_to_end.job import Job, start_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.server import Databases

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("whole jobs")]

RELATIONS = ("sync_erp__labor", "sync_payroll__hours", "sync_psa__invoice_status")


@pytest.fixture(scope="module")
def delivered(job_home: Path, databases: Databases) -> Iterator[Job]:
    """A firm after its first night, with an invoice whose status was told to the PSA."""
    with start_job(job_home, databases, seed=23, entries=600) as job:
        job.adopt()
        job.deliver()
        job.firm.change("erp_invoice_draft", count=5)
        job.night()
        yield job


def test_the_first_plan_on_the_populated_erp_creates_no_adopted_hour(delivered: Job) -> None:
    assert delivered.adopted is not None
    adopted = {row["chain_key"] for row in delivered.rows("select chain_key from delivery.intent where is_adopted")}
    assert len(adopted) > 50
    sent = delivered.rows(
        "select i.chain_key from delivery.intent i join delivery.attempt a using (intent_id) where i.chain_key = any(%s)",
        list(adopted),
    )
    assert sent == []
    keys = {key.rsplit("-g", 1)[0] for key in delivered.erp_rows()}
    assert keys.isdisjoint(adopted)


def test_a_second_run_with_nothing_changed_plans_and_sends_nothing(delivered: Job) -> None:
    before, statement = delivered.writes(), delivered.statement()
    landed = delivered.read()
    jobs.build(delivered.settings)
    deliveries = delivered.deliver()
    assert {name: one.rows_landed for name, one in landed.items()} == dict.fromkeys(delivered.settings.connections, 0)
    assert {sync: one.plan.intents for sync, one in deliveries.items()} == dict.fromkeys(jobs.syncs(), 0)
    assert delivered.writes() == before
    assert statement.exit_code == delivered.statement().exit_code == 0


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize(
    "change", ['context || \'{"release": "next"}\' as context', 'fields || \'{"note": "next"}\' as fields']
)
def test_a_release_that_changes_no_material_field_plans_nothing(delivered: Job, relation: str, change: str) -> None:
    with released(delivered, relation, change):
        planned = jobs.plan_all(delivered.settings, keep=False)
    assert [one.intents for one in planned] == [0, 0, 0]


@contextmanager
def released(job: Job, relation: str, change: str) -> Iterator[None]:
    """The sync view with one of its columns changed, and as it was again."""
    (row,) = job.rows("select pg_get_viewdef(%s::regclass) as sql", f"sync.{relation}")
    before = row["sql"].rstrip("; \n")
    columns = job.rows(
        "select attname as name from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum",
        f"sync.{relation}",
    )
    changed = change.rsplit(" as ", 1)[1]
    chosen = ", ".join(change if one["name"] == changed else one["name"] for one in columns)
    replace_view(job, f"sync.{relation}", f"select {chosen} from ({before}) as released")
    try:
        yield
    finally:
        replace_view(job, f"sync.{relation}", before)


def replace_view(job: Job, relation: str, query: str) -> None:
    """Puts another query in the place of a view's."""
    with job.database() as connection:
        connection.execute(f"create or replace view {relation} as {query}".encode())
