"""Runs a door's rules on a batch and keeps what they said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from expectations.batches import batch_sql
from expectations.rules import Rule, rules
from expectations.verdict import Engine, RuleResult, Verdict
from plumbing.errors import UnexpectedAnswer
from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    import psycopg

    from plumbing.settings import Settings

SAMPLE = 20  # failed subjects kept with a result of the landing door; the departure door keeps all, it holds them


def validate_landing(settings: Settings, connection: str, *, engine: Engine = "sql") -> Verdict:
    """Says whether what a source's newest loads brought is plausible.

    A critical failure stops this source and nothing else: its syncs are not planned until a later load passes.

    Raises:
        Misconfigured: there is no such connection.
    """
    system = settings.connection(connection).system
    found = rules("landing", system)
    batches = {rule.name: batch_sql(rule.batch, connection=connection) for rule in found}
    return _validate(settings, "landing", connection, found, batches, engine)


def validate_departure(settings: Settings, plan_id: int, *, engine: Engine = "sql") -> Verdict:
    """Says whether a plan's batch is fit to move money.

    `Verdict.failed_rows` are the intents to hold; `passed` false means that the whole batch is to be held.
    """
    found = rules("departure")
    batches = {rule.name: batch_sql("intents", plan_id=plan_id) for rule in found}
    return _validate(settings, "departure", str(plan_id), found, batches, engine)


def _validate(
    settings: Settings, door: str, subject: str, found: tuple[Rule, ...], batches: dict[str, str], engine: Engine
) -> Verdict:
    warehouse = Warehouse.open(settings)
    suspects = {rule.name for rule in found}
    if engine == "gx":
        from expectations.gx_suites import run_suite

        suspects = run_suite(settings, door, subject, found, batches)
    with warehouse.connect("operate") as connection:
        failures = {
            rule.name: _failures(connection, rule, batches[rule.name]) if rule.name in suspects else []
            for rule in found
        }
    verdict = Verdict(door, subject, tuple(_result(rule, failures[rule.name], door) for rule in found))
    with warehouse.connect("operate") as connection:
        _keep(connection, verdict, engine)
    return verdict


def _failures(connection: psycopg.Connection, rule: Rule, batch: str) -> list[str]:
    import psycopg

    try:
        rows = connection.execute(rule.sql(f"({batch})")).fetchall()
    except psycopg.Error as error:
        raise UnexpectedAnswer(
            f"The rule {rule.name} could not run: {str(error).splitlines()[0]}",
            remedy="The batch is not let through. Correct the rule's SQL, or land the source and build first.",
        ) from error
    return [str(row[0]) for row in rows]


def _result(rule: Rule, subjects: list[str], door: str) -> RuleResult:
    kept = subjects if door == "departure" else subjects[:SAMPLE]
    return RuleResult(rule.name, rule.level, rule.severity, len(subjects), tuple(kept), f"{rule.promise} {rule.remedy}")


def _keep(connection: psycopg.Connection, verdict: Verdict, engine: Engine) -> None:
    row = connection.execute(
        "insert into checks.verdict (door, subject, engine, passed, message)"
        " values (%s, %s, %s, %s, %s) returning verdict_id",
        (verdict.door, verdict.subject, engine, verdict.passed, verdict.message),
    ).fetchone()
    assert row is not None  # noqa: S101 - `returning` gives a row
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into checks.result (verdict_id, rule, level, severity, passed, failed_rows, subjects, message)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    row[0],
                    r.rule,
                    r.level,
                    r.severity,
                    r.passed,
                    r.failed_rows,
                    json.dumps(list(r.subjects)[:1000]),
                    r.message,
                )
                for r in verdict.results
            ],
        )
    connection.commit()
