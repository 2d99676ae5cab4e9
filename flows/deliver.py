"""Plans one sync, asks the departure door, sends, follows up. Killed halfway, it is started again: the ledger knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows import jobs, orchestration

if TYPE_CHECKING:
    from reverse_etl import PlanReport, PushReport


@task(task_run_name="plan {sync}", retries=0, cache_policy=NO_CACHE)
def plan_sync(home: str, sync: str) -> PlanReport:
    """Plans and asks the departure door: two calls, since a plan that isn't judged must not be sent."""
    settings = jobs.settings(home)
    planned = jobs.plan(settings, sync)
    jobs.pass_departure(settings, planned, engine="gx")
    return planned


@task(task_run_name="push {sync} to {destination}", retries=0, cache_policy=NO_CACHE)
def push_sync(home: str, sync: str, destination: str) -> PushReport:
    """One call to `jobs.push`, one at a time per destination."""
    with orchestration.alone(destination):
        return jobs.push(jobs.settings(home), sync, destination, is_scheduled=True)


@flow(name="deliver", flow_run_name="deliver {sync}", retries=0)
def deliver(sync: str, home: str | None = None) -> None:
    """Delivers `sync` to every destination its rows are routed to."""
    settings = jobs.settings(home)
    orchestration.ensure_limits(settings.connections)
    plan_sync(str(settings.home), sync)
    for destination in jobs.destinations(settings, sync):
        push_sync(str(settings.home), sync, destination)
