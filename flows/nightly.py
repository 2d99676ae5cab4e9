"""The whole night: land every source, check it, build, deliver each sync, read back what was written, tell people, seal the
audit, reconcile.

A source that stops (unreachable, refused, not through its door) stops what rests on it and nothing else. Killed at any
line, the night is started again, whole or by its parts: the change log and the ledger stand where they stood.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from rich.markup import escape

from flows import jobs, orchestration
from flows.deliver import plan_sync, push_sync
from flows.land import land_connection
from flows.narration import narrate
from flows.reconcile import draw_statement
from flows.transform import build_models

if TYPE_CHECKING:
    from flows.statement import Statement
    from plumbing.settings import Settings


@dataclass
class Night:
    """What became of the night: sources and deliveries that stopped, each with its sentence, and the statement."""

    stopped: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    plans: dict[str, Any] = field(default_factory=dict)
    pushes: list[Any] = field(default_factory=list)
    statement: Statement | None = None

    @property
    def is_good(self) -> bool:
        """Nothing stopped, nothing waits for what stopped, nothing unexplained."""
        return not self.stopped and not self.waiting and bool(self.statement and self.statement.is_explained)


@task(task_run_name="check {connection}", retries=0, cache_policy=NO_CACHE)
def check_connection(home: str, connection: str) -> None:
    """Asks the landing door; fails with what it says."""
    jobs.require_passed(jobs.check(jobs.settings(home), connection, engine="gx"))


@task(task_run_name="prepare the warehouse", retries=0, cache_policy=NO_CACHE)
def prepare_warehouse(home: str) -> None:
    """One call to `jobs.prepare`."""
    jobs.prepare(jobs.settings(home))


@task(task_run_name="tell the owners of causes", retries=0, cache_policy=NO_CACHE)
def tell_owners(home: str) -> None:
    """One call to `jobs.notify`; a channel that is down does not fail it."""
    jobs.notify(jobs.settings(home))


@task(task_run_name="seal the audit", retries=0, cache_policy=NO_CACHE)
def seal_audit(home: str) -> None:
    """One call to `jobs.seal`."""
    jobs.seal(jobs.settings(home))


@flow(name="nightly", retries=0, task_runner=cast("Any", ThreadPoolTaskRunner(max_workers=jobs.READ_AT_ONCE)))
def nightly(home: str | None = None) -> Any:
    """The whole night's work; its final state says what stopped, and carries the `Night`."""
    settings = jobs.settings(home)
    orchestration.ensure_limits(settings.connections)
    place = str(settings.home)
    night = Night()
    prepare_warehouse(place)
    _read(settings, list(settings.connections), night)
    if _tried(night, "models", build_models, place) is not None:
        _deliver(settings, night)
    _tried(night, "notifications", tell_owners, place)
    _tried(night, "audit", seal_audit, place)
    night.statement = draw_statement(place)
    return _ended(night)


def _read(settings: Settings, connections: list[str], night: Night) -> None:
    """Lands the connections side by side and checks each by itself: a slow system holds up no other."""
    place = str(settings.home)
    reading = {name: land_connection.submit(place, name) for name in connections}
    for name, landed in reading.items():
        landed.wait()
        if _noted(night, name, landed.state) is not None:
            _tried(night, name, check_connection, place, name)


def _deliver(settings: Settings, night: Night) -> None:
    """Every sync that rests on nothing that stopped; then reads back what was written to."""
    place = str(settings.home)
    written = set()
    for sync in jobs.syncs():
        ready = []
        for destination in jobs.destinations(settings, sync):
            lacking = sorted(jobs.needs(settings, sync, destination) & set(night.stopped))
            if lacking:
                night.waiting[f"{sync} to {destination}"] = f"waits for {', '.join(lacking)}"
                narrate(f"{sync} to {destination} waits for {', '.join(lacking)}")
            else:
                ready.append(destination)
        if not ready:
            continue
        planned = _tried(night, sync, plan_sync, place, sync)
        if planned is None:
            continue
        night.plans[sync] = planned
        for line in planned.text().splitlines():
            if not line.startswith(" "):  # one a destination; `hourline plan` breaks them down
                narrate(f"{sync}: {line}")
        for destination in ready:
            pushed = _tried(night, f"{sync} to {destination}", push_sync, place, sync, destination)
            if pushed is not None:
                night.pushes.append(pushed)
                written |= {destination} if pushed.calls else set()
    _read(settings, sorted(written), night)


def _tried(night: Night, subject: str, work: Any, *arguments: Any) -> Any:
    """The task's result (True for none), or None after noting the sentence it failed with."""
    return _noted(night, subject, work(*arguments, return_state=True))


def _noted(night: Night, subject: str, state: Any) -> Any:
    if state.is_completed():
        result = state.result()
        return True if result is None else result
    error = state.result(raise_on_failure=False)
    night.stopped[subject] = str(error)
    narrate(f"{subject} stopped: {escape(str(error))}")
    return None


def _ended(night: Night) -> Any:
    """The flow's final state; either way it carries the night."""
    if night.is_good:
        return Completed(message="Every approved hour is accounted for.", data=night)
    words = [f"{name}: {why}" for name, why in (night.stopped | night.waiting).items()]
    if night.statement and not night.statement.is_explained:
        words.append(night.statement.sentence)
    return Failed(message=" | ".join(words)[:2000], data=night)
