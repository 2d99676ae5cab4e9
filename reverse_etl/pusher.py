"""Push and follow up: send what is planned, and learn when what was accepted takes effect."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from plumbing import log, traffic
from plumbing.clock import Clock, SystemClock
from plumbing.errors import HourlineError, Misconfigured
from plumbing.warehouse import Warehouse
from reverse_etl import breaker, destinations, outcomes, policy
from reverse_etl.calls import Timing, told
from reverse_etl.engine import Engine
from reverse_etl.ledger import Answer, Change, Claim, Desk
from reverse_etl.outcomes import Transition
from reverse_etl.report import PushReport
from reverse_etl.syncs import Sync, named
from reverse_etl.writer import Outcome, Result

if TYPE_CHECKING:
    from plumbing.http import Exchange
    from plumbing.settings import Settings

_log = log.get(__name__)

PATIENCE_SECONDS = 60.0  # how long one push waits, all told, for what is due soon


def push(
    settings: Settings,
    sync: str,
    destination: str | None = None,
    *,
    limit: int | None = None,
    dry_run: bool = False,
    patience_seconds: float = PATIENCE_SECONDS,
    timing: Timing | None = None,
    clock: Clock | None = None,
    actor: str = "push",
    is_scheduled: bool = False,
    progress: Callable[[PushReport], None] | None = None,
) -> list[PushReport]:
    """Send every planned intent that is due, and settle what is in doubt; one report per destination.

    A destination that can't be written stops with a sentence in its report, and the others go on.

    Args:
        destination: only this one; None means all that have something to do.
        limit: send at most so many.
        dry_run: count what would be sent; nothing is claimed and nobody is called.
        timing: leases and quiet periods; None takes the writer's own.
        is_scheduled: nobody waits for it: a destination that is left alone after trouble is not tried before its time.
    """
    declared = named(sync)
    engine = destinations.engine(settings, "deliver")
    try:
        chosen = [destination] if destination is not None else _with_work(engine, declared)
        return [
            _count(engine, declared, name)
            if dry_run
            else _push(
                settings,
                engine,
                Desk(declared.name, name, _worker(actor)),
                declared,
                _Wish(limit, patience_seconds, timing, clock or SystemClock(), is_scheduled, progress),
            )
            for name in chosen
        ]
    finally:
        engine.dispose()


def _with_work(engine: sa.Engine, sync: Sync) -> list[str]:
    sql = (
        "select distinct destination from delivery.intent where sync = :sync and destination is not null"
        " and state in ('planned', 'sending', 'in_doubt') order by 1"
    )
    with engine.connect() as connection:
        return list(connection.execute(sa.text(sql), {"sync": sync.name}).scalars())


def _count(engine: sa.Engine, sync: Sync, destination: str) -> PushReport:
    report = PushReport(sync.name, destination, dry_run=True)
    sql = (
        "select 'would ' || operation as what, count(*) as number from delivery.intent where sync = :sync"
        " and destination = :destination and state = 'planned' and next_attempt_at <= hourline.now() group by 1"
    )
    with engine.connect() as connection:
        for row in connection.execute(sa.text(sql), {"sync": sync.name, "destination": destination}):
            report.add(row.what, row.number)
        report.waiting, report.next_at, _ = Desk(sync.name, destination, "dry run").outlook(connection)
    return report


@dataclass(frozen=True)
class _Wish:
    """What a caller asked of a push."""

    limit: int | None
    patience_seconds: float
    timing: Timing | None
    clock: Clock
    is_scheduled: bool
    progress: Callable[[PushReport], None] | None


def _push(settings: Settings, engine: sa.Engine, desk: Desk, sync: Sync, wish: _Wish) -> PushReport:
    report = PushReport(sync.name, desk.destination)
    with traffic.shared(Warehouse.open(settings), "deliver", wish.clock):
        try:
            with engine.begin() as connection:
                rules = policy.load(connection, sync)
                writer = destinations.open_writer(settings, sync, desk.destination, connection)
        except Misconfigured as error:
            report.stopped = f"{error} Nothing was sent; what is planned stays planned."
            return report
        try:
            timing = wish.timing or Timing.of(writer)

            def worker() -> Engine:
                return Engine(engine, sync, desk, writer, rules, report, wish.clock, timing, wish.progress)

            _drain(engine, desk, worker, wish, report, timing)
        finally:
            writer.close()
    if report.stopped:
        _tell(engine, desk, report.stopped)
    _log.info(
        "pushed", sync=sync.name, destination=desk.destination, stopped=bool(report.stopped), **dict(report.counts)
    )
    return report


def _drain(
    engine: sa.Engine, desk: Desk, worker: Callable[[], Engine], wish: _Wish, report: PushReport, timing: Timing
) -> None:
    """Send what is due, as far as the destination's breaker lets anything through."""
    limit = wish.limit
    with engine.begin() as connection:
        at_once = not wish.is_scheduled
        standing = breaker.ask(
            connection, desk.destination, desk.worker, at_once=at_once, probe_seconds=timing.lease_seconds
        )
        if standing.verdict == "open":
            report.stopped = standing.sentence(desk.destination)
            report.waiting, report.next_at, _ = desk.outlook(connection)
            return
    if standing.verdict == "probe":
        if not _probe(engine, desk, worker(), report):
            return
        limit = None if limit is None else limit - 1
    sending = worker()
    if limit is None or limit > 0:
        sending.drain(limit=limit, patience_seconds=wish.patience_seconds)
    if sending.is_in_trouble:
        with engine.begin() as connection:
            breaker.trip(connection, desk.destination, report.stopped or "", worker=desk.worker)


def _probe(engine: sa.Engine, desk: Desk, probing: Engine, report: PushReport) -> bool:
    """Send one intent to a destination that was left alone; whether the rest may follow."""
    probing.drain(limit=1, patience_seconds=0)
    with engine.begin() as connection:
        if probing.meets_trouble or report.stopped:
            report.stopped = report.stopped or f"{desk.destination} was tried with one intent, and is still in trouble."
            breaker.trip(connection, desk.destination, report.stopped, worker=desk.worker)
            return False
        if not report.calls:
            breaker.give_back(connection, desk.destination, desk.worker)
            return False
        breaker.close(connection, desk.destination)
    return True


def _worker(actor: str) -> str:
    """A name that no other worker has: it holds leases."""
    return f"{actor}@{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def _tell(engine: sa.Engine, desk: Desk, sentence: str) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "insert into delivery.event (actor, verb, subject, detail)"
                " values (:actor, 'stopped', 'destination:' || :destination,"
                " jsonb_build_object('sync', cast(:sync as text), 'why', cast(:why as text)))"
            ),
            {"actor": desk.worker, "destination": desk.destination, "sync": desk.sync, "why": sentence},
        )


def follow_up(
    settings: Settings, sync: str, destination: str | None = None, *, actor: str = "follow up"
) -> list[PushReport]:
    """Ask about everything accepted and not yet in effect, let the vendor take it over where it wants a word for that, and
    settle what has taken effect. Nothing accepted: nobody is called.
    """
    declared = named(sync)
    engine = destinations.engine(settings, "deliver")
    sql = "select distinct destination from delivery.intent where sync = :sync and state = 'accepted' order by 1"
    try:
        with engine.connect() as connection:
            waiting: list[str] = list(connection.execute(sa.text(sql), {"sync": sync}).scalars())
        return [
            _follow_up(settings, engine, declared, name, actor)
            for name in waiting
            if destination is None or name == destination
        ]
    finally:
        engine.dispose()


def _follow_up(settings: Settings, engine: sa.Engine, sync: Sync, destination: str, actor: str) -> PushReport:
    report = PushReport(sync.name, destination)
    desk = Desk(sync.name, destination, _worker(actor))
    clock = SystemClock()
    exchanges: list[Exchange] = []
    try:
        with engine.begin() as connection:
            rules = policy.load(connection, sync)
            writer = destinations.open_writer(settings, sync, destination, connection)
            claims = desk.accepted(connection)
            call_id = desk.ask_job(connection, len(claims))
    except Misconfigured as error:
        report.stopped = str(error)
        return report
    writer.observe(exchanges.append, lambda: None)
    by_id = {claim.record.intent_id: claim for claim in claims}
    began = clock.monotonic()
    changes: list[Change] = []
    trouble: HourlineError | None = None
    try:
        for intent_id, outcome in writer.follow_up([claim.record for claim in claims]):
            changes.append(_followed(by_id[intent_id], outcome, call_id, sync, rules))
    except HourlineError as error:
        trouble = error
        report.stopped = f"{error} What was accepted stays accepted; follow up again."
    finally:
        writer.close()
    answer = Answer(
        call_id=call_id,
        operation=None,
        intent_count=len(claims),
        outcome="answered" if trouble is None else outcomes.of_error(trouble, claims[0].record.operation).result.value,
        latency_ms=round((clock.monotonic() - began) * 1000, 3),
        status=trouble.status if trouble else None,
        vendor_job_ref=next((change.outcome.job_ref for change in changes if change.outcome.job_ref), None),
        http_calls=[told(exchange) for exchange in exchanges],
        message=str(trouble) if trouble else None,
    )
    with engine.begin() as connection:
        changed = desk.record(connection, "job", [answer], changes, ["accepted"], is_leased=False)
    for change in changes:
        if change.claim.record.intent_id in changed:
            report.add(change.transition.state)
    report.waiting = len(claims) - report.counts.get("acknowledged", 0) - report.counts.get("refused", 0)
    report.calls = len(exchanges)
    return report


def _followed(claim: Claim, outcome: Outcome, call_id: int, sync: Sync, rules: policy.Policy) -> Change:
    if outcome.result in {Result.ACKNOWLEDGED, Result.REFUSED, Result.GONE}:
        state = outcomes.transition(outcome, claim.record.operation, claim.failures, sync.max_attempts)
    else:
        state = Transition("accepted", reason=outcome.message)
        outcome = replace(outcome, result=Result.ACCEPTED)
    owner = rules.owners.get(state.exception, sync.default_owner) if state.exception else None
    return Change(claim, outcome, state, call_id, owner)
