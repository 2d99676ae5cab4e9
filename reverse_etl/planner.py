"""Plan: what each sync ought to do, as desired minus settled, by set-based SQL.

The promise: a plan writes intents and nothing else; the same desire twice plans once; a row that is missing takes nothing
back; a keyed plan gives the same intents as a sweep. One plan of a sync runs at a time (an advisory lock); pushes go on
meanwhile, and a chain that one of them claims under the plan's hands is decided anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from plumbing import log
from plumbing.canonical import dumps
from plumbing.errors import Misconfigured, Unavailable
from reverse_etl import decisions, destinations, forecast, policy, statements
from reverse_etl.report import PlanReport, PlanTotal
from reverse_etl.syncs import Sync, named

if TYPE_CHECKING:
    from plumbing.settings import Settings

_log = log.get(__name__)

ROUNDS = 5  # how often chains are decided anew that a push claimed meanwhile
EMPTY = "sync view empty"

Keys = Mapping[str, Sequence[str]]  # source system -> source ids


@dataclass(frozen=True)
class _Run:
    """One plan under way."""

    connection: sa.Connection
    sync: Sync
    parameters: dict[str, Any]
    keys: Keys | None
    actor: str

    def execute(self, sql: str, **more: Any) -> sa.CursorResult[Any]:
        clause = sa.text(sql)
        wanted = clause.compile().params.keys()
        given = {**self.parameters, "actor": self.actor, **more}
        return self.connection.execute(clause, {name: given[name] for name in wanted})


def plan(
    settings: Settings, sync: str, *, keys: Keys | None = None, dry_run: bool = False, actor: str = "plan"
) -> PlanReport:
    """Compare what the sync view wants with what is in effect, and write the intents that close the gap.

    Args:
        sync: name of a declared sync.
        keys: plan only these (source system -> source ids): the event lane. None plans the whole sync and keeps its snapshot.
        dry_run: change nothing; the report is the same.
        actor: who asks, for the audit.

    Raises:
        Misconfigured: the sync view lacks a field, gives a chain twice, or isn't there.
    """
    declared = named(sync)
    engine = destinations.engine(settings, "deliver")
    try:
        if keys is None:
            _refresh_statistics(engine, declared)
        with engine.connect() as connection, connection.begin() as transaction:
            take_turns(connection, sync)
            report = _plan(connection, settings, declared, keys, dry_run=dry_run, actor=actor)
            if dry_run:
                transaction.rollback()
        if keys is None and not dry_run and report.intents:
            _refresh_statistics(engine, declared)  # the door and the workers come next, and autovacuum later
    finally:
        engine.dispose()
    _log.info("planned", sync=sync, dry_run=dry_run, batch_state=report.batch_state, intents=report.intents)
    return report


def _refresh_statistics(engine: sa.Engine, sync: Sync) -> None:
    """In a transaction of its own, so that its locks are gone when the plan begins."""
    try:
        with engine.begin() as connection:
            connection.execute(sa.text("select hourline.refresh_statistics()"))
    except sa.exc.ProgrammingError as error:
        raise _unreadable(sync, error) from None


def take_turns(connection: sa.Connection, sync: str) -> None:
    """One plan of a sync at a time, to the end of the transaction. Taken first, so that every later statement sees what the last
    plan wrote."""
    connection.execute(
        sa.text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"delivery.plan:{sync}"}
    )


def plan_in(connection: sa.Connection, settings: Settings, sync: str, keys: Keys, *, actor: str) -> PlanReport:
    """Plan these keys within a transaction of the caller's, who has taken its turn: what a person decided and what follows from
    it are in effect together."""
    return _plan(connection, settings, named(sync), keys, dry_run=False, actor=actor)


def _plan(
    connection: sa.Connection, settings: Settings, sync: Sync, keys: Keys | None, *, dry_run: bool, actor: str
) -> PlanReport:
    rules = policy.load(connection, sync)
    _keep_contracts(connection, sync)
    snapshot = connection.scalar(sa.text("select cast(pg_current_snapshot() as text)"))
    run = _Run(connection, sync, _parameters(settings, sync, rules), keys, actor)
    _decide(run, keys, "decision")
    _refuse_bad_rows(run)
    missing = _missing(run)
    if stop := _stop(run, rules, missing):
        return _stopped(run, missing, stop, dry_run=dry_run)
    if not dry_run:
        _decide_again_what_was_claimed(run)
    run.execute(statements.script("steps"))
    run.connection.execute(sa.text("create index on decision (chain_key)"))
    run.connection.execute(sa.text("create index on new_intent (chain_key)"))
    run.connection.execute(sa.text("analyze decision, new_intent"))
    held_back = _hold_mass_change(run, rules)
    totals = _totals(run)
    forecasts = forecast.of_plan(connection, settings, sync)
    report = PlanReport(
        sync=sync.name,
        plan_id=None,
        dry_run=dry_run,
        batch_state="needs_approval" if held_back else "ready",
        message=held_back,
        totals=tuple(totals),
        alarms=missing,
        forecasts=forecasts,
    )
    return report if dry_run else _apply(run, report, snapshot if keys is None else None)


def _parameters(settings: Settings, sync: Sync, rules: policy.Policy) -> dict[str, Any]:
    profiles, capabilities = _profiles(settings, sync)
    table = [
        {"means": number, **row} for number, means in enumerate(profiles) for row in decisions.decision_table(means)
    ]
    return {
        "sync": sync.name,
        "decision_table": json.dumps(table),
        "capabilities": json.dumps(capabilities),
        "tolerances": dumps(rules.tolerances()).decode(),
        "size_fields": sorted(sync.size_fields),
        "re_approval_reasons": sorted(sync.re_approval_reasons),
        "configuration_rules": sorted(sync.configuration_rules),
        "owners": json.dumps(rules.owners),
        "default_owner": sync.default_owner,
        "material_fields": list(sync.material_fields),
        "contract_version": sync.contract_version,
    }


def _profiles(settings: Settings, sync: Sync) -> tuple[list[decisions.Means], list[dict[str, Any]]]:
    """What can be done anywhere, each kind once, and which destination is of which; the first stands for an unknown one."""
    profiles = [decisions.Means()]
    capabilities = []
    for destination, means in destinations.means(settings, sync).items():
        if means not in profiles:
            profiles.append(means)
        capabilities.append({"destination": destination, "means": profiles.index(means)})
    return profiles, capabilities


def _keep_contracts(connection: sa.Connection, sync: Sync) -> None:
    """Keep every declared contract version as data.

    Raises:
        Misconfigured: a version that was sent under says something else now.
    """
    for version, fields in sync.contracts.items():
        connection.execute(
            sa.text(
                "insert into delivery.contract (sync, version, material_fields) values (:sync, :version, :fields) on conflict do nothing"
            ),
            {"sync": sync.name, "version": version, "fields": list(fields)},
        )
        kept = connection.scalar(
            sa.text("select material_fields from delivery.contract where sync = :sync and version = :version"),
            {"sync": sync.name, "version": version},
        )
        if sorted(kept or ()) != sorted(fields):
            raise Misconfigured(
                f"Contract version {version} of {sync.name} was kept with other material fields: {', '.join(kept or ())}.",
                remedy="Declare the changed fields as a new version; what was sent is compared under its own.",
            )


def _decide(run: _Run, keys: Keys | None, table: str) -> None:
    """Fill the temporary table with the chains that need something, of the given keys or of the whole sync."""
    filters = {"wanted_filter": "", "known_filter": "", "intent_filter": "", "materialized": "not materialized"}
    bound: dict[str, Any] = {}
    if keys is not None:
        chosen = []
        for number, (system, ids) in enumerate(keys.items()):
            chosen.append(f"(source_system = :system_{number} and source_id = any(cast(:ids_{number} as text[])))")
            bound |= {f"system_{number}": system, f"ids_{number}": list(ids)}
        condition = " or ".join(chosen) or "false"
        filters = {
            "wanted_filter": f"where {condition}",
            "known_filter": f"and ({condition})",
            "intent_filter": "and chain_key = any(array(select chain_key from wanted union select chain_key from known))",
            "materialized": "materialized",
        }
    sql = statements.script("decide").replace("temporary table decision ", f"temporary table {table} ")
    try:
        run.execute(sql.format(relation=run.sync.relation, **filters), **bound)
    except sa.exc.ProgrammingError as error:
        raise _unreadable(run.sync, error) from None


def _unreadable(sync: Sync, error: sa.exc.ProgrammingError) -> Exception:
    state = getattr(error.orig, "sqlstate", "")
    words = str(error.orig).splitlines()[0]
    if state in {"42P01", "3F000", "42883"}:  # no such table, no such schema, no such function: not migrated or built
        return Misconfigured(
            f"The sync view {sync.relation} does not exist.", remedy="Run `hourline build` first; nothing was planned."
        )
    if state in {"42703", "42501"}:  # no such column, no right
        return Misconfigured(
            f"The sync view {sync.relation} cannot be read: {words}.",
            remedy="Build the models again; nothing was planned.",
        )
    return error


def _refuse_bad_rows(run: _Run) -> None:
    """Refuse a view that breaks its contract, before anything is written.

    Raises:
        Misconfigured: a chain twice, one chain key for two source entries, or a material field that isn't there.
    """
    twice = run.connection.scalar(
        sa.text("select chain_key from decision group by chain_key having count(*) > 1 limit 1")
    )
    if twice is not None:
        raise Misconfigured(
            f"The sync view {run.sync.relation} gives chain {twice} more than once.",
            remedy="One row per chain is its contract: mend the model; nothing was planned.",
        )
    collision = run.connection.scalar(sa.text("select chain_key from decision where action = 'collision' limit 1"))
    if collision is not None:
        raise Misconfigured(
            f"The sync view {run.sync.relation} uses chain key {collision} for another source entry than the ledger knows.",
            remedy="Chain keys must be unique per source entry: mend the model; nothing was planned.",
        )
    unnamed = run.connection.execute(
        sa.text("select chain_key, situation from decision where action = 'unnamed' limit 1")
    ).first()
    if unnamed is not None:
        raise RuntimeError(f"no decision for {unnamed.situation} (chain {unnamed.chain_key}); nothing was planned")
    lacking = run.execute(
        "select d.chain_key, array(select name from unnest(cast(:material_fields as text[])) name where not d.fields ? name) as names"
        " from decision d where d.action = 'replace' and d.desired = 'present'"
        " and not d.fields ?& cast(:material_fields as text[]) limit 1"
    ).first()
    if lacking is not None:
        raise Misconfigured(
            f"The sync view {run.sync.relation} lacks the material field {', '.join(lacking.names)} (chain {lacking.chain_key}).",
            remedy="Give the model that field, or declare a new contract version without it; nothing was planned.",
        )


def _missing(run: _Run) -> int:
    return int(
        run.connection.scalar(sa.text("select count(*) from decision where action = 'missing' and has_base")) or 0
    )


def _stop(run: _Run, rules: policy.Policy, missing: int) -> str | None:
    """The sentence that stops the plan when so much is missing that the view itself can't be trusted."""
    if not missing or run.keys is not None:
        return None
    settled = int(
        run.execute("select count(*) from delivery.chain where sync = :sync and settled_intent_id is not null").scalar()
        or 0
    )
    if missing < settled and not rules.is_mass(missing, settled):
        return None
    return (
        f"{run.sync.relation} lacks {missing:,} of the {settled:,} chains that are in effect. Nothing was planned and nothing is"
        " taken back: find out why the view came up short (a failed load, a narrowed scope, a broken model), then plan again."
    )


def _stopped(run: _Run, missing: int, message: str, *, dry_run: bool) -> PlanReport:
    report = PlanReport(run.sync.name, None, dry_run, "stopped", message, (), missing)
    if dry_run:
        return report
    sql = statements.named("apply")
    owner = json.loads(run.parameters["owners"]).get(EMPTY, "data engineering")
    run.execute(sql["raise_empty"], cause=EMPTY, owner=owner, message=message)
    saved = {"scope": "sweep", "snapshot": None, "totals": json.dumps(report.as_dict()), "batch_state": "stopped"}
    plan_id = run.execute(sql["save_plan"], message=message, **saved).scalar_one()
    run.execute(sql["record_plan"], plan_id=plan_id, **saved)
    return report.numbered(plan_id)


def _decide_again_what_was_claimed(run: _Run) -> None:
    """Lock the open intents to be superseded; a chain whose intent a push took meanwhile is decided anew, with it in flight."""
    for _ in range(ROUNDS):
        lost = run.connection.execute(sa.text(_LOCK_AND_FIND_LOST)).all()
        if not lost:
            return
        chains = [row.chain_key for row in lost]
        run.connection.execute(sa.text("delete from decision where chain_key = any(:chains)"), {"chains": chains})
        again: dict[str, list[str]] = {}
        for row in lost:
            again.setdefault(row.source_system, []).append(row.source_id)
        _decide(run, again, "decision_again")
        run.connection.execute(sa.text("insert into decision select * from decision_again"))
        run.connection.execute(sa.text("drop table decision_again"))
    raise Unavailable(
        f"The plan of {run.sync.name} kept meeting intents that pushes were claiming; nothing was planned.",
        remedy="Plan again.",
    )


_LOCK_AND_FIND_LOST = """
with locked as materialized (
    select i.intent_id from delivery.intent i
    where i.intent_id in (select unnest(unsent_ids) from decision where unsent_ids is not null)
        and i.state in ('planned', 'held', 'refused')
    order by i.intent_id for update
)
select distinct d.chain_key, d.source_system, d.source_id
from decision d cross join lateral unnest(d.unsent_ids) as u (intent_id)
where d.unsent_ids is not null and not exists (select from locked l where l.intent_id = u.intent_id)
"""


def _hold_mass_change(run: _Run, rules: policy.Policy) -> str | None:
    """Hold a destination's whole batch when it would change more of what is settled than policy allows unasked."""
    changes = run.execute(
        "select base_destination, count(distinct n.chain_key) as changes from new_intent n join decision d using (chain_key)"
        " where n.state = 'planned' and n.operation in ('amend', 'delete', 'reverse', 'adjust')"
        " and d.base_destination is not null group by 1 order by 1"
    ).all()
    sentences = []
    for row in changes:
        destination, count = row.base_destination, row.changes
        if count < rules.mass_change_minimum:
            continue
        settled = run.execute(
            "select count(*) from (select from delivery.chain where sync = :sync and destination = :destination"
            " and settled_intent_id is not null limit :enough) counted",
            destination=destination,
            enough=rules.enough_settled(count),
        ).scalar_one()
        if not rules.is_mass(count, settled):
            continue
        run.execute(
            "update new_intent n set state = 'held', reason = :reason, held_by = 'mass_change', owner = :owner"
            " where n.state = 'planned' and (n.destination = :destination"
            " or n.chain_key in (select chain_key from decision where base_destination = :destination))",
            reason=decisions.MASS_CHANGE,
            owner=rules.owners.get(decisions.MASS_CHANGE, run.sync.default_owner),
            destination=destination,
        )
        sentences.append(
            f"This plan would amend or take back {count:,} of the {settled:,} hours in effect at {destination}, more than policy lets"
            " pass unasked. The batch is held: look at it, then approve it, or mend the cause and plan again."
        )
    return " ".join(sentences) or None


def _totals(run: _Run) -> list[PlanTotal]:
    rows = run.connection.execute(sa.text(_TOTALS)).mappings()
    return [PlanTotal(**row) for row in rows]


# A held step tells what it would do; a second step that waits for the first is counted with it.
_TOTALS = """
select operation, state, reason, destination, legal_entity, period, currency, count(*) as intents,
       sum(minutes - coalesce(base_minutes, 0)) as minutes,
       sum(case when base_currency is null or base_currency = currency then amount - coalesce(base_amount, 0) end) as amount
from new_intent group by 1, 2, 3, 4, 5, 6, 7 order by 4, 5, 6, 1, 2, 3, 7
"""


def _apply(run: _Run, report: PlanReport, snapshot: str | None) -> PlanReport:
    sql = statements.named("apply")
    saved = {
        "scope": "sweep" if run.keys is None else "keys",
        "snapshot": snapshot,
        "totals": json.dumps(report.as_dict()),
        "batch_state": report.batch_state,
        "message": report.message,
        "cause": decisions.ROW_MISSING,
        "owner": json.loads(run.parameters["owners"]).get(decisions.ROW_MISSING, "data engineering"),
        "seen_keys": _seen(run),
    }
    if run.keys is not None and not _has_work(run):
        run.execute(sql["close_integrity"], **saved)
        return report
    plan_id = run.execute(sql["save_plan"], **saved).scalar_one()
    for name in _ORDER:
        run.execute(sql[name], plan_id=plan_id, **saved)
    _close_empty(run)
    return report.numbered(plan_id)


_ORDER = (
    "number_intents",
    "link_steps",
    "list_unsent",
    "analyze_unsent",
    "save_chains",
    "save_intents",
    "save_lines",
    "supersede",
    "close_superseded_exceptions",
    "open_hold_exceptions",
    "record_intents",
    "record_superseded",
    "record_plan",
    "raise_integrity",
    "hold_missing",
    "open_missing_exceptions",
    "close_integrity",
)


def _has_work(run: _Run) -> bool:
    return bool(run.connection.scalar(sa.text("select exists (select from decision)")))


def _seen(run: _Run) -> list[str] | None:
    """The chains a keyed plan looked at; None for a sweep, which looks at all."""
    if run.keys is None:
        return None
    seen: list[str] = []
    for system, ids in run.keys.items():
        found = run.execute(
            "select chain_key from delivery.chain where sync = :sync and source_system = :system and source_id = any(:ids)",
            system=system,
            ids=list(ids),
        )
        seen.extend(found.scalars())
    return seen


def _close_empty(run: _Run) -> None:
    if run.keys is None:
        run.execute(
            "update delivery.exception set closed_at = hourline.now(), closed_by = :actor, closed_reason = 'the view is whole again'"
            " where sync = :sync and intent_id is null and cause = :cause and closed_at is null",
            cause=EMPTY,
        )
