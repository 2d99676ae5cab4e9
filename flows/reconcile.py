"""The statement as a flow: fails when anything is unexplained, so that silence means that every hour is accounted for."""

from __future__ import annotations

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows import jobs
from flows.statement import Statement


@task(task_run_name="reconcile", retries=0, cache_policy=NO_CACHE)
def draw_statement(home: str) -> Statement:
    """One call to `jobs.reconcile`."""
    return jobs.reconcile(jobs.settings(home))


@flow(name="reconcile", retries=0)
def reconcile(home: str | None = None) -> None:
    """Draws the statement and requires that nothing in it is unexplained."""
    draw_statement(str(jobs.settings(home).home)).require()
