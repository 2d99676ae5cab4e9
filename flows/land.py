"""Reads one source and asks its landing door. Killed halfway, it is started again: the cursor stands where it stood."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows import jobs, orchestration

if TYPE_CHECKING:
    from flows.outcomes import Landed


@task(task_run_name="land {connection}", retries=0, cache_policy=NO_CACHE)
def land_connection(home: str, connection: str, full: bool = False) -> Landed:
    """One call to `jobs.land`, one at a time per connection."""
    with orchestration.alone(connection):
        return jobs.land(jobs.settings(home), connection, full=full)


@flow(name="land", flow_run_name="land {connection}", retries=0)
def land(connection: str, home: str | None = None, full: bool = False) -> None:
    """Reads `connection` and checks what arrived; fails with the sentence that says why."""
    settings = jobs.settings(home)
    orchestration.ensure_limits(settings.connections)
    land_connection(str(settings.home), connection, full)
