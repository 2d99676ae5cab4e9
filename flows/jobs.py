"""The night's work, piece by piece, without an orchestrator: each function is one step, safe to run again.

`flows/*.py` wrap these for Prefect; the command line and the demo call them as they are. Every function takes settings
first, opens what it needs, and raises `HourlineError` with one sentence; a failure never touches another connection.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.markup import escape

from flows import dbt, rules
from flows.dbt import BuildReport
from flows.narration import narrate
from flows.outcomes import Delivery, Landed, SourceStopped, StoppedAtDoor
from plumbing import settings as configuration
from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from expectations import Verdict
    from flows.statement import Statement
    from ingest import LoadReport
    from plumbing.settings import Settings
    from reverse_etl import NotifyReport, PlanReport, PushReport

Engine = Literal["sql", "gx"]
READ_AT_ONCE = 3  # connections


def settings(home: str | None = None) -> Settings:
    """Loads the settings of a home given as text, as flow parameters are; requires a connection."""
    loaded = configuration.load(Path(home) if home else None)
    loaded.require_connections()
    return loaded


def prepare(settings: Settings) -> None:
    """Starts the warehouse if need be, migrates it, and makes the tables that the models read. Changes no data."""
    import ingest

    Warehouse.open(settings).migrate()
    ingest.ensure(settings)


def land(
    settings: Settings,
    connection: str,
    *,
    full: bool = False,
    resources: Sequence[str] | None = None,
    missing_limit: Decimal | None = None,
) -> Landed:
    """Reads one connection and appends what changed.

    Args:
        missing_limit: share of a list that may be missing before its source is stopped; None: the usual one.
    """
    import ingest

    limit: dict[str, Any] = {} if missing_limit is None else {"missing_share_limit": missing_limit}
    report = ingest.land(settings, connection, resources=resources, full=full, **limit)
    landed = Landed(
        connection,
        rows_read=sum(one.rows_read for one in report.resources),
        rows_landed=report.rows_landed,
        rows_quarantined=sum(one.rows_quarantined for one in report.resources),
        rows_tombstoned=sum(one.rows_tombstoned for one in report.resources),
        notes=tuple(note for one in report.resources for note in one.differences),
    )
    narrate(f"  {landed.sentence}")
    if not report.is_well:
        raise SourceStopped(
            _why(connection, report), connection=connection, system=settings.connection(connection).system
        )
    return landed


def _why(connection: str, report: LoadReport) -> str:
    """The sentences of the resources that failed themselves; those that were not read for that reason are counted."""
    said = [one.sentence for one in report.resources if one.status in {"failed", "stopped"}]
    rest = sum(one.status == "not read" for one in report.resources)
    more = f" ({len(said) - 2} more resources failed.)" if len(said) > 2 else ""
    unread = f" {rest} further resources of {connection} were not read." if rest else ""
    return f"{' '.join(said[:2])}{more}{unread}"


def check(settings: Settings, connection: str, *, engine: Engine = "sql") -> Verdict:
    """Asks the landing door about a connection's newest loads."""
    import expectations

    return expectations.validate_landing(settings, connection, engine=engine)


def require_passed(verdict: Verdict) -> Verdict:
    """The verdict, if it lets through; else the sentence that says why not and what to do."""
    if not verdict.passed:
        raise StoppedAtDoor(f"Stopped: {verdict.message}.", remedy="Its rows wait in the log; the rest goes on.")
    return verdict


def build(
    settings: Settings,
    *,
    select: str | None = None,
    on_node: Callable[[str, str], None] | None = None,
    with_views: bool = True,
) -> BuildReport:
    """Loads the rules, builds the models and tests the data; everything by default.

    Unit tests are the code's and run with it. Without views: rules and tables, as a night brings them up to date.

    Raises:
        Misconfigured: a rule file holds a mistake; nothing was loaded or built.
        BuildFailed: a model or test failed.
    """
    rules.require_good(settings)
    command = ["build", "--exclude-resource-type", "unit_test", *(["--select", *select.split()] if select else [])]
    if not with_views:
        command += ["--exclude", "config.materialized:stable_view"]
    report = dbt.run(settings, command, on_node=on_node).require()
    if with_views and select is None:
        _deployed(settings).write_text(dbt.fingerprint(settings), encoding="utf-8")
    narrate(f"  models: {sum(report.statuses.values())} nodes in {report.seconds:.1f} s")
    return report


def refresh(settings: Settings) -> BuildReport:
    """The night's build: views change only when the project or the connections did, so they are left alone otherwise."""
    noted = _deployed(settings)
    is_deployed = noted.exists() and noted.read_text(encoding="utf-8") == dbt.fingerprint(settings)
    return build(settings, with_views=not is_deployed)


def _deployed(settings: Settings) -> Path:
    """Where it is noted which project the views of the warehouse were made from."""
    return settings.home / "dbt" / "deployed"


def syncs() -> tuple[str, ...]:
    """The declared syncs, in the order they are delivered."""
    from reverse_etl import syncs as declared

    return tuple(declared.SYNCS)


def destinations(settings: Settings, sync: str) -> list[str]:
    """The configured connections that a sync can be written to."""
    from reverse_etl import destinations as found
    from reverse_etl import syncs as declared

    return found.of_sync(settings, declared.named(sync))


def needs(settings: Settings, sync: str, destination: str) -> set[str]:
    """The connections whose newest rows a delivery rests on: when one of them stopped, the delivery waits.

    An hour comes from the PSA, HR says whose it is, the CRM what it costs (payroll pays by the hour, so it can do
    without), and an invoice's status comes from the ERP.
    """
    kinds: dict[str, set[str]] = {
        "erp_labor": {"psa", "hr", "crm"},
        "payroll_hours": {"psa", "hr"},
        "psa_invoice_status": {"erp", "psa"},
    }
    wanted = kinds.get(sync, set(_ROLES))
    return {name for name, one in settings.connections.items() if _role(one.system) in wanted} | {destination}


_ROLES = ("psa", "crm", "hr", "erp", "payroll")


def _role(system: str) -> str:
    """What part a system plays: found by looking where it is written, else by what it is read for."""
    import ingest
    from plumbing import catalog

    for role in ("erp", "payroll", "psa"):
        if system in catalog.systems(f"reverse_etl.{role}"):
            return role
    return "hr" if "workers" in ingest.resources(system) else "crm"


def plan(settings: Settings, sync: str, *, keep: bool = True, actor: str = "nightly") -> PlanReport:
    """Desired minus settled; with `keep` false nothing is written."""
    import reverse_etl

    return reverse_etl.plan(settings, sync, dry_run=not keep, actor=actor)


def plan_all(settings: Settings, *, keep: bool) -> list[PlanReport]:
    """Every sync's plan."""
    return [plan(settings, sync, keep=keep) for sync in syncs()]


def pass_departure(settings: Settings, planned: PlanReport, *, engine: Engine = "sql") -> dict[str, int]:
    """Asks the departure door about a plan's batch; holds the rows, or the batch, that it names.

    Returns:
        How many intents were held, by rule.
    """
    import expectations
    import reverse_etl

    if planned.plan_id is None or not planned.intents:
        return {}
    for foreseen in planned.forecasts:
        narrate(f"  {foreseen.destination}: {foreseen.sentence()}")
    verdict = expectations.validate_departure(settings, planned.plan_id, engine=engine)
    held: dict[str, int] = {}
    for rule, intents in verdict.failed_rows.items():
        reverse_etl.hold_rows(settings, intents, rule)
        held[rule] = len(intents)
    if not verdict.passed:
        reverse_etl.hold_batch(settings, planned.plan_id, verdict.message)
        held["batch"] = planned.intents
    return held


def push(
    settings: Settings,
    sync: str,
    destination: str,
    *,
    patience: float | None = None,
    is_scheduled: bool = False,
    progress: Callable[[PushReport], None] | None = None,
) -> PushReport:
    """Sends what is due to one destination, follows up what it has accepted, and seals what happened; one report of all.

    Args:
        patience: seconds to wait, all told, for what is due soon (again after a failure, or to be looked up); None: a night's.
        is_scheduled: nobody waits for it: a destination left alone after trouble is not tried before its time.
        progress: called after every batch, and before a wait with `waiting` and `next_at` set.
    """
    import reverse_etl

    given: dict[str, Any] = {} if patience is None else {"patience_seconds": patience}
    sent = reverse_etl.push(settings, sync, destination, is_scheduled=is_scheduled, progress=progress, **given)
    followed = reverse_etl.follow_up(settings, sync, destination)
    report = sent[0]
    for each in followed:
        report.counts["accepted"] = each.waiting
        for outcome, number in each.counts.items():
            if outcome != "accepted":
                report.add(outcome, number)
        report.calls += each.calls
        report.stopped = report.stopped or each.stopped
    reverse_etl.seal(settings)
    narrate(escape(report.text()))
    return report


def deliver(settings: Settings, sync: str, destination: str | None = None, *, engine: Engine = "sql") -> Delivery:
    """Plans a sync, asks the door, and pushes to its destinations (or the one named)."""
    planned = plan(settings, sync)
    held = pass_departure(settings, planned, engine=engine)
    wanted = [destination] if destination else destinations(settings, sync)
    return Delivery(sync, planned, held, tuple(push(settings, sync, one) for one in wanted))


def notify(settings: Settings) -> NotifyReport:
    """Tells the owners of causes what is new; a channel that is down is named and changes nothing."""
    import reverse_etl

    report = reverse_etl.notify(settings)
    if report.has_channels:
        narrate(escape(f"notifications: {report.text()}"))
    return report


def seal(settings: Settings) -> int:
    """Chains what happened since the last seal."""
    import reverse_etl

    return reverse_etl.seal(settings)


def reconcile(settings: Settings) -> Statement:
    """Draws the statement from one snapshot."""
    from flows import statement

    return statement.statement(settings)
