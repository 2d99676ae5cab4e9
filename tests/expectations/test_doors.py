"""Each rule of a door lets a good batch through and names what is wrong with a bad one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from expectations import data_docs, validate_departure, validate_landing
from expectations.rules import rules
from plumbing.errors import HourlineError, Misconfigured
from plumbing.settings import Connection, Settings
from plumbing.warehouse import Warehouse

pytestmark = pytest.mark.warehouse

EARLIER = datetime(2026, 11, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 16, tzinfo=UTC)
Db = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def firm(settings: Settings) -> Settings:
    kantata = Connection("kantata", "kantata", "http://127.0.0.1:9/api/v1", {"account_id": "1"}, {}, None)
    known = replace(settings, connections={"kantata": kantata})
    with Warehouse.open(known).connect(None) as db:
        db.execute("select landing.ensure_raw('kantata', 'time_entries')")
        db.execute("insert into rule.routing values ('US', 'erp', 'netsuite', '2026-01-01')")
    return known


@pytest.fixture
def db(firm: Settings) -> Db:
    with Warehouse.open(firm).connect(None, autocommit=True) as connection:
        connection.execute(
            "truncate landing.load, landing.control_total, landing.schema_change, raw_kantata.time_entries,"
            " delivery.plan, delivery.intent, delivery.intent_line"
        )
        load(connection, "before", read_started_at=EARLIER)
        load(connection, "now")
        entry(connection, "1", {"time_in_minutes": 480, "currency": "USD"})
        yield connection


def load(db: Db, load_id: str, **columns: Any) -> None:
    row = {
        "load_id": load_id,
        "run_id": load_id,
        "connection": "kantata",
        "resource": "time_entries",
        "scope": "listing",
        "status": "landed",
        "read_started_at": NOW,
        "rows_read": 1000,
        "cursor_to": "2026-11-16T00:00:00Z",
        **columns,
    }
    insert(db, "landing.load", row)


def entry(db: Db, source_id: str, record: dict[str, Any]) -> None:
    insert(
        db,
        "raw_kantata.time_entries",
        {
            "source_id": source_id,
            "read_started_at": NOW,
            "load_id": "now",
            "content_hash": source_id,
            "record": Jsonb(record),
        },
    )


def insert(db: Db, table: str, row: dict[str, Any], returning: str = "true") -> Any:
    names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
    found = db.execute(f"insert into {table} ({names}) values ({marks}) returning {returning}", list(row.values()))
    return found.fetchone()[0]  # type: ignore[index]


def plan(db: Db) -> int:
    return int(insert(db, "delivery.plan", {"sync": "erp_labor", "batch_state": "ready"}, "plan_id"))


def intent(db: Db, plan_id: int, chain: str = "kantata-1", **columns: Any) -> int:
    minutes = columns.get("minutes", 480)
    row = {
        "sync": "erp_labor",
        "source_system": "kantata",
        "source_id": chain,
        "chain_key": chain,
        "generation": 1,
        "record_key": f"{chain}-g1",
        "revision": 1,
        "request_key": f"{chain}-g1-r1",
        "destination": "netsuite",
        "operation": "create",
        "legal_entity": "US",
        "work_date": "2026-11-02",
        "period": "2026-11-01",
        "minutes": minutes,
        "amount": 800,
        "currency": "USD",
        "desired_state": "present",
        "decided_state": "planned",
        "state": "planned",
        "fields": Jsonb({"employee_ref": "1", "project_ref": "2", "item_ref": "3", "is_billable": "true"}),
        "contract_version": 1,
        "fingerprint": "f",
        "correlation_id": "00000000-0000-0000-0000-000000000001",
        "plan_id": plan_id,
        **columns,
    }
    intent_id = int(insert(db, "delivery.intent", row, "intent_id"))
    line = {"intent_id": intent_id, "source_system": "kantata", "source_id": chain, "version": 1, "minutes": minutes}
    insert(db, "delivery.intent_line", line)
    return intent_id


def failed(verdict: Any) -> dict[str, int]:
    return {result.rule: result.failed_rows for result in verdict.failed_rules}


LANDING: dict[str, Callable[[Db], Any]] = {
    "a_page_came_where_pages_always_came": lambda db: db.execute(
        "update landing.load set rows_read = 0 where load_id = 'now'"
    ),
    "every_resource_landed": lambda db: db.execute("update landing.load set status = 'failed' where load_id = 'now'"),
    "few_records_are_quarantined": lambda db: db.execute(
        "update landing.load set rows_quarantined = 60 where load_id = 'now'"
    ),
    "few_records_vanish_at_once": lambda db: db.execute(
        "update landing.load set rows_tombstoned = 31 where load_id = 'now'"
    ),
    "source_count_is_near_what_was_read": lambda db: insert(
        db,
        "landing.control_total",
        {"connection": "kantata", "resource": "time_entries", "source_count": 1200, "asked_at": NOW, "load_id": "now"},
    ),
    "no_field_changed_its_type": lambda db: insert(
        db,
        "landing.schema_change",
        {
            "connection": "kantata",
            "resource": "time_entries",
            "field": "billable",
            "change": "gone",
            "seen_type": "",
            "load_id": "now",
        },
    ),
    "stamps_are_not_from_the_future": lambda db: db.execute(
        "update landing.load set cursor_to = %s where load_id = 'now'",
        ((datetime.now(UTC) + timedelta(days=9)).isoformat(),),
    ),
    "minutes_fit_in_a_day": lambda db: (
        entry(db, "2", {"time_in_minutes": 1560, "currency": "USD"}),
        entry(db, "3", {"time_in_minutes": -60}),
    ),
    "currency_is_known": lambda db: entry(db, "4", {"time_in_minutes": 60, "currency": "XXQ"}),
}

DEPARTURE: dict[str, Callable[[Db, int], Any]] = {
    "line_minutes_add_up_to_the_intent": lambda db, plan_id: db.execute("update delivery.intent set minutes = 420"),
    "minutes_fit_in_a_day": lambda db, plan_id: intent(db, plan_id, "kantata-2", minutes=1560),
    "money_has_a_currency_and_a_sign": lambda db, plan_id: intent(db, plan_id, "kantata-2", amount=-1),
    "hourly_rate_is_plausible": lambda db, plan_id: intent(db, plan_id, "kantata-2", amount=80_000),
    "every_reference_is_resolved": lambda db, plan_id: intent(
        db, plan_id, "kantata-2", fields=Jsonb({"employee_ref": None, "project_ref": "2", "item_ref": "3"})
    ),
    "work_date_is_not_in_the_future": lambda db, plan_id: intent(
        db, plan_id, "kantata-2", work_date=(datetime.now(UTC) + timedelta(days=9)).date()
    ),
    "one_open_intent_a_chain": lambda db, plan_id: intent(
        db, plan(db), "kantata-1", revision=2, request_key="kantata-1-g1-r2", state="in_doubt"
    ),
    "destination_is_routed": lambda db, plan_id: intent(db, plan_id, "kantata-2", legal_entity="DE"),
    "batch_is_not_far_above_the_usual": lambda db, plan_id: [
        *[intent(db, plan(db), f"old-{n}", state="acknowledged") for n in range(6)],
        *[intent(db, plan_id, f"new-{n}") for n in range(130)],
    ],
}


@pytest.mark.parametrize("engine", ["sql", "gx"])
def test_a_good_landing_passes_every_rule(firm: Settings, db: Db, engine: Any) -> None:
    verdict = validate_landing(firm, "kantata", engine=engine)
    assert (verdict.passed, failed(verdict), len(verdict.results)) == (True, {}, len(LANDING))


@pytest.mark.parametrize("rule", sorted(LANDING))
def test_a_bad_landing_fails_just_its_rule(firm: Settings, db: Db, rule: str) -> None:
    LANDING[rule](db)
    verdict = validate_landing(firm, "kantata")
    assert set(failed(verdict)) == {rule}
    critical = next(r for r in rules("landing", "kantata") if r.name == rule)
    assert verdict.passed is (critical.level == "row" or critical.severity == "warning")


@pytest.mark.parametrize("engine", ["sql", "gx"])
def test_a_good_batch_may_depart(firm: Settings, db: Db, engine: Any) -> None:
    plan_id = plan(db)
    intent(db, plan_id)
    verdict = validate_departure(firm, plan_id, engine=engine)
    assert (verdict.passed, failed(verdict), len(verdict.results)) == (True, {}, len(DEPARTURE))


@pytest.mark.parametrize("rule", sorted(DEPARTURE))
def test_a_bad_batch_fails_just_its_rule(firm: Settings, db: Db, rule: str) -> None:
    plan_id = plan(db)
    intent(db, plan_id)
    DEPARTURE[rule](db, plan_id)
    verdict = validate_departure(firm, plan_id)
    assert set(failed(verdict)) == {rule}
    level = next(r for r in rules("departure") if r.name == rule).level
    assert verdict.passed is (level == "row")
    assert set(verdict.failed_rows) == ({rule} if level == "row" else set())


def test_an_incremental_load_that_brought_nothing_is_no_lost_page(firm: Settings, db: Db) -> None:
    load(db, "changes", scope="changes", rows_read=0, read_started_at=NOW + timedelta(hours=1))
    verdict = validate_landing(firm, "kantata")
    assert (verdict.passed, failed(verdict)) == (True, {})


def test_every_load_of_the_last_run_is_judged(firm: Settings, db: Db) -> None:
    LANDING["few_records_vanish_at_once"](db)
    load(db, "asked by id", run_id="now", scope="named", rows_read=3, read_started_at=NOW + timedelta(hours=1))
    assert failed(validate_landing(firm, "kantata")) == {"few_records_vanish_at_once": 1}


def test_what_a_plan_holds_by_name_fails_no_rule(firm: Settings, db: Db) -> None:
    plan_id = plan(db)
    intent(db, plan_id)
    unresolved = {"state": "held", "destination": None, "legal_entity": None, "fields": Jsonb({}), "minutes": 1560}
    intent(db, plan_id, "kantata-2", **unresolved)
    verdict = validate_departure(firm, plan_id)
    assert (verdict.passed, failed(verdict)) == (True, {})


def test_a_repost_that_waits_for_its_reversal_passes(firm: Settings, db: Db) -> None:
    plan_id = plan(db)
    first = intent(db, plan_id, "kantata-1", operation="delete", minutes=0, amount=None)
    intent(db, plan_id, "kantata-1", revision=2, request_key="kantata-1-g2-r2", waits_for=first)
    assert failed(validate_departure(firm, plan_id)) == {}


def test_both_engines_say_the_same_of_bad_batches(firm: Settings, db: Db) -> None:
    plan_id = plan(db)
    intent(db, plan_id)
    for rule in ("minutes_fit_in_a_day", "destination_is_routed"):
        DEPARTURE[rule](db, plan_id) if rule != "destination_is_routed" else intent(
            db, plan_id, "kantata-9", legal_entity="DE"
        )
    plain, by_gx = validate_departure(firm, plan_id), validate_departure(firm, plan_id, engine="gx")
    assert plain.results == by_gx.results
    assert failed(plain) == {"minutes_fit_in_a_day": 1, "destination_is_routed": 1}
    assert data_docs(firm).exists()


def test_a_load_that_only_confirms_deletions_is_no_empty_listing(firm: Settings, db: Db) -> None:
    later = NOW + timedelta(minutes=1)
    gone = {"rows_read": 0, "rows_landed": 2, "rows_tombstoned": 2, "cursor_to": None}
    load(db, "gone", run_id="now", scope="named", read_started_at=later, **gone)
    assert failed(validate_landing(firm, "kantata")) == {}
    db.execute("update landing.load set status = 'failed' where load_id = 'now'")
    assert set(failed(validate_landing(firm, "kantata"))) == {"every_resource_landed"}


def test_every_rule_has_a_batch_that_fails_it() -> None:
    assert {rule.name for rule in rules("landing", "kantata")} == set(LANDING)
    assert {rule.name for rule in rules("departure")} == set(DEPARTURE)


def test_verdicts_are_kept_in_the_warehouse(firm: Settings, db: Db) -> None:
    LANDING["every_resource_landed"](db)
    validate_landing(firm, "kantata")
    row = db.execute(
        "select v.passed, v.subject, r.subjects from checks.verdict v join checks.result r using (verdict_id)"
        " where r.rule = 'every_resource_landed' order by verdict_id desc limit 1"
    ).fetchone()
    assert row == (False, "kantata", ["time_entries"])


def test_a_rule_that_cannot_run_lets_nothing_through(firm: Settings, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(rules("departure")[0], query="select b.no_such_column as subject from {batch} as b")
    monkeypatch.setattr("expectations.doors.rules", lambda door, system="": (broken,))
    for engine in ("sql", "gx"):
        with pytest.raises(HourlineError, match=r"could not run"):
            validate_departure(firm, plan(db), engine=engine)  # type: ignore[arg-type]


def test_a_rule_without_a_header_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "departure").mkdir()
    (tmp_path / "departure" / "nameless.sql").write_text("select 1 as subject from {batch} as b\n", encoding="utf-8")
    monkeypatch.setattr("expectations.rules.HERE", tmp_path)
    with pytest.raises(Misconfigured, match=r"nameless\.sql"):
        rules("departure")


def test_the_warehouse_address_is_not_written_down(firm: Settings, db: Db) -> None:
    validate_landing(firm, "kantata", engine="gx")
    written = "".join(path.read_text(encoding="utf-8", errors="replace") for path in (firm.home / "gx").rglob("*.yml"))
    assert "HOURLINE_DOORS_URL" in written
    assert "postgresql+psycopg" not in written
