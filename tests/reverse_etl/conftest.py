"""A sync view made by hand (a table with its columns), so that delivery is tried without models or vendors."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.rows import dict_row

from plumbing.settings import Settings
from plumbing.warehouse import Warehouse
from reverse_etl import ledger, outcomes
from reverse_etl.writer import Outcome, Result

COLUMNS = """
    source_system text, source_id text, chain_key text, destination text, legal_entity text, is_approved boolean, is_due boolean,
    not_due_rule text, desired_state text, reason text, owner text, work_date date, period date, minutes numeric, amount numeric,
    currency text, fields jsonb, context jsonb, members jsonb, rules jsonb, landed_version bigint, landed_xid xid8,
    landed_at timestamptz, primary key (source_system, source_id)
"""
RELATIONS = ("sync_erp__labor", "sync_payroll__hours", "sync_psa__invoice_status")
LEDGER = ("plan", "contract", "intent", "intent_line", "chain", "request", "attempt", "exception", "event")


@dataclass
class Desk:
    """Writes what is desired and reads what the ledger says."""

    settings: Settings
    connection: psycopg.Connection[dict[str, Any]]
    engine: sa.Engine
    relation: str = "sync_erp__labor"

    def want(self, source_id: str, minutes: int = 480, **given: Any) -> None:
        """One row of the sync view, of an hour worked for 100 USD; named values take the place of the usual ones."""
        work_date = given.pop("work_date", "2026-10-05")
        row: dict[str, Any] = {
            "source_system": "kantata",
            "source_id": source_id,
            "chain_key": f"kantata-{source_id}",
            "destination": "erp",
            "legal_entity": "US",
            "is_approved": True,
            "is_due": True,
            "not_due_rule": None,
            "desired_state": "present",
            "reason": None,
            "owner": None,
            "work_date": work_date,
            "period": f"{work_date[:7]}-01",
            "minutes": minutes,
            "amount": minutes * 100 / 60,
            "currency": "USD",
            "fields": {
                "employee_ref": "101",
                "project_ref": "2044",
                "task_ref": "9001",
                "item_ref": "77",
                "work_date": work_date,
                "minutes": str(minutes),
                "is_billable": True,
                "rate": "100",
                "currency": "USD",
            },
            "context": {"destination_state": "unbilled", "period_closed": False},
            "members": [{"source_system": "kantata", "source_id": source_id, "version": 1, "minutes": str(minutes)}],
            "rules": {},
            "landed_version": 1,
        }
        row["fields"] |= given.pop("fields", {})
        row["context"] |= given.pop("context", {})
        row |= given
        values = {key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in row.items()}
        self.connection.execute(
            f"insert into sync.{self.relation} ({', '.join(values)}) values ({', '.join(f'%({name})s' for name in values)})"
            f" on conflict (source_system, source_id) do update set"
            f" {', '.join(f'{name} = excluded.{name}' for name in values)}",
            values,
        )

    def forget(self, *source_ids: str) -> None:
        """Let rows vanish from the view."""
        self.connection.execute(f"delete from sync.{self.relation} where source_id = any(%s)", (list(source_ids),))

    def intents(self, source_id: str | None = None, *, live: bool = False) -> list[dict[str, Any]]:
        """Intents in the order of their making; ``live``: without superseded ones."""
        return self.connection.execute(
            "select * from delivery.intent where (%(id)s::text is null or source_id = %(id)s) and (not %(live)s or state <> 'superseded')"
            " order by intent_id",
            {"id": source_id, "live": live},
        ).fetchall()

    def chain(self, source_id: str) -> dict[str, Any]:
        """A chain."""
        row = self.connection.execute("select * from delivery.chain where source_id = %s", (source_id,)).fetchone()
        assert row is not None, f"no chain of {source_id}"
        return row

    def exceptions(self, *, open_only: bool = True) -> list[dict[str, Any]]:
        """Exceptions, oldest first."""
        return self.connection.execute(
            "select * from delivery.ops_exceptions where is_open or not %s order by exception_id", (open_only,)
        ).fetchall()

    def balance(self) -> dict[tuple[str, str], Any]:
        """Settled plus the effect of everything unsettled, in minutes by entity and period: what ought to be due."""
        rows = self.connection.execute(
            """
            select legal_entity, to_char(period, 'YYYY-MM') as period, sum(minutes) as minutes from (
                select settled_legal_entity, settled_period, settled_minutes from delivery.chain where settled_intent_id is not null
                union all select legal_entity, period, minutes from delivery.intent_effect
            ) x (legal_entity, period, minutes) group by 1, 2 having sum(minutes) <> 0
            """
        ).fetchall()
        return {(row["legal_entity"], row["period"]): int(row["minutes"]) for row in rows}

    def claim(self, destination: str = "erp", sync: str = "erp_labor", lease_seconds: float = 60) -> list[ledger.Claim]:
        """Take what is due, as a push does."""
        worker = ledger.Desk(sync, destination, "test")
        with self.engine.begin() as connection:
            worker.prepare(connection)
            claims = worker.claim(connection, 1000, lease_seconds)
            worker.ask(connection, "send", [[claim] for claim in claims])
        return claims

    def answer(self, claims: list[ledger.Claim], outcome: Outcome, sync: str = "erp_labor") -> None:
        """Write down one outcome for all of them."""
        for claim in claims:
            record = claim.record
            named = replace(outcome, vendor_id=outcome.vendor_id or record.vendor_id or f"v-{record.record_key}")
            state = outcomes.transition(named, record.operation, claim.failures, 8)
            change = ledger.Change(claim, named, state, None, "billing operations")
            with self.engine.begin() as connection:
                ledger.Desk(sync, record.destination, "test").record(connection, "send", [], [change], ["sending"])

    def deliver(self, destination: str = "erp", sync: str = "erp_labor") -> int:
        """Let everything due take effect, without a vendor; how many did."""
        claims = self.claim(destination, sync)
        self.answer(claims, Outcome(Result.ACKNOWLEDGED), sync)
        return len(claims)

    def open_intent(self, source_id: str) -> dict[str, Any]:
        """The oldest open intent of a chain."""
        row = self.connection.execute(
            "select * from delivery.intent where source_id = %s and state not in ('acknowledged', 'superseded', 'by_file')"
            " order by revision limit 1",
            (source_id,),
        ).fetchone()
        assert row is not None, f"no open intent of {source_id}"
        return row


@pytest.fixture(scope="module")
def relations(settings: Settings) -> None:
    """The three sync views, as tables."""
    assert settings.warehouse_url is not None
    with psycopg.connect(settings.warehouse_url.get_secret_value(), autocommit=True) as connection:
        connection.execute("set role hourline_transform")
        for relation in RELATIONS:
            connection.execute(f"create table sync.{relation} ({COLUMNS})")


@pytest.fixture
def desk(settings: Settings, relations: None) -> Iterator[Desk]:
    """An empty ledger and empty sync views."""
    assert settings.warehouse_url is not None
    with psycopg.connect(settings.warehouse_url.get_secret_value(), autocommit=True, row_factory=dict_row) as connection:
        connection.execute("set session_replication_role = replica")  # the append-only triggers stay on for everyone else
        connection.execute(f"truncate {', '.join(f'delivery.{table}' for table in LEDGER)} restart identity")
        connection.execute(f"truncate {', '.join(f'sync.{relation}' for relation in RELATIONS)}")
        connection.execute("truncate rule.policy, rule.owner_team, rule.field_map")
        connection.execute("set session_replication_role = origin")
        engine = Warehouse.open(settings).engine("deliver")
        yield Desk(settings, connection, engine)
        engine.dispose()
