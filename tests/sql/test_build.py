"""The project builds on a small warehouse with its contracts, tests and unit tests, and for firms of other shapes."""

from __future__ import annotations

import json

import pytest

from tests.sql.conftest import Dbt
from tests.sql.delivered import Night
from tests.sql.hand_made import Firm, ensure_raw

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("sql")]


def test_the_whole_project_builds_and_its_tests_pass(hand_made: Firm, dbt: Dbt) -> None:
    hand_made.entry("1001")
    hand_made.entry("1002", user_id="12", role_id="42", time_in_minutes=50)
    hand_made.entry("1003", workspace_id="25", story_id="35")
    hand_made.land("netsuite", "invoices", "8001", {
        "tranid": "INV1", "trandate": "2026-11-02", "status": "A", "subsidiary": "1", "currency": "USD", "foreigntotal": "300",
        "foreignamountunpaid": "300", "time": {"items": [{"doc": "v-1001", "apply": True, "rate": 150, "quantity": "2:00"}]},
    })  # fmt: skip
    night = Night(hand_made)
    night.settle()
    night.report_back()
    built = dbt("build")
    assert built.returncode == 0, built.stdout
    told = hand_made.connection.execute(
        "select source_id, fields ->> 'external_status' from sync.sync_psa__invoice_status"
    ).fetchall()
    assert told == [("1001", "Open")]
    fact = hand_made.connection.execute(
        "select posted_minutes, posted_amount, invoice_number, invoice_status from marts.fct_labor where source_id = '1001'"
    ).fetchone()
    assert fact == (120, 300, "INV1", "Open")


def test_the_story_of_an_hour_goes_from_its_landing_to_its_invoice(hand_made: Firm) -> None:
    hand_made.entry("1001", approved=False)
    hand_made.entry("1001")
    night = Night(hand_made)
    night.settle()
    night.report_back()
    chapters = hand_made.connection.execute(
        "select chapter, event from marts.rpt_hour_story where source_system = 'kantata' and source_id = '1001' order by chapter, at"
    ).fetchall()
    assert [event for _, event in chapters] == [
        "landed", "landed", "understood", "decided: ERP", "decided: payroll", "intended", "intended",
        "asked and answered", "asked and answered", "read back",
    ]  # fmt: skip


def test_a_firm_without_payroll_builds_and_owes_it_nothing(hand_made: Firm, dbt: Dbt) -> None:
    hand_made.entry("1001")
    connections = {name: name for name in ("kantata", "salesforce", "workday", "netsuite")}
    try:
        built = dbt("run", "--vars", json.dumps({"connections": connections}))
        assert built.returncode == 0, built.stdout
        rows = hand_made.connection.execute("select destination, not_due_rule from sync.sync_payroll__hours").fetchall()
        assert rows == [(None, "no_destination")]
    finally:
        assert dbt("run").returncode == 0


def test_a_firm_with_two_psas_keeps_their_hours_apart(hand_made: Firm, dbt: Dbt) -> None:
    connection = hand_made.connection
    ensure_raw(connection, psa="kantata_uk")
    hand_made.entry("1001")
    connection.execute(
        "insert into raw_kantata_uk.time_entries (source_id, read_started_at, load_id, content_hash, record) "
        "select source_id, read_started_at, load_id, content_hash, record from raw_kantata.time_entries"
    )
    connections = {name: name for name in ("kantata", "salesforce", "workday", "netsuite", "gusto")} | {
        "kantata_uk": "kantata"
    }
    try:
        built = dbt("run", "--vars", json.dumps({"connections": connections}))
        assert built.returncode == 0, built.stdout
        rows = connection.execute("select chain_key, reason from sync.sync_erp__labor order by 1").fetchall()
        assert rows == [("kantata-1001", None), ("kantata_uk-1001", "legal entity unresolved")]
    finally:
        connection.execute("truncate raw_kantata_uk.time_entries")
        assert dbt("run").returncode == 0
