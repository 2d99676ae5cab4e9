"""Plans one sync, asks the departure door, sends, follows up. Killed halfway, it is started again: the ledger knows."""

from __future__ import annotations

from prefect import flow, task

from flows import jobs, orchestration


@task(task_run_name="deliver {sync} to {destination}", tags=["deliver"], retries=0, cache_policy=None)
def deliver_sync(home: str, sync: str, destination: str) -> jobs.Delivery:
    """One call to `jobs.deliver`, one at a time per destination."""
    with orchestration.alone(destination):
        return jobs.deliver(jobs.settings(home), sync, destination)


@flow(name="deliver", flow_run_name="deliver {sync}", retries=0)
def deliver(sync: str, home: str | None = None) -> None:
    """Delivers `sync` to every destination its rows are routed to."""
    settings = jobs.settings(home)
    orchestration.ensure_limits(settings.connections)
    for destination in jobs.destinations(settings, sync):
        deliver_sync(str(settings.home), sync, destination)
