"""A ledger of the harness's own: a migrated database, a sync view made by hand, and what ought to be there by it."""

import contextlib
import json
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from pydantic import SecretStr

from plumbing import embedded
from plumbing.settings import Settings, load
from plumbing.warehouse import Warehouse
from tests.faults import clock
from tests.fixtures.ledger import COLUMNS, LEDGER, RELATIONS

SYNC = "erp_labor"
RATE = Decimal(100)
CENT = Decimal("0.01")
_ROW = (
    "source_system", "source_id", "chain_key", "destination", "legal_entity", "is_approved", "is_due", "not_due_rule",
    "desired_state", "reason", "work_date", "period", "minutes", "amount", "currency", "fields", "context", "members",
    "landed_version",
)  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What one hour ought to be. ``state``: present, void or held."""

    source_id: str
    minutes: int = 480
    work_date: str = "2026-10-05"
    state: str = "present"
    reason: str | None = None
    destination_state: str = "unbilled"
    period_closed: bool = False
    legal_entity: str = "US"
    correction_date: str | None = None

    @property
    def money(self) -> Decimal:
        """What it is worth."""
        return (Decimal(self.minutes) / 60 * RATE).quantize(CENT, ROUND_HALF_UP)

    def row(self) -> tuple[Any, ...]:
        """As a row of the sync view."""
        fields = {
            "employee_ref": "101", "project_ref": "2044", "task_ref": "9001", "item_ref": "77", "work_date": self.work_date,
            "minutes": str(self.minutes), "is_billable": True, "rate": str(RATE), "currency": "USD",
        }  # fmt: skip
        context = {
            "destination_state": self.destination_state,
            "period_closed": self.period_closed,
            "correction_date": self.correction_date,
        }
        members = [
            {"source_system": "kantata", "source_id": self.source_id, "version": 1, "minutes": str(self.minutes)}
        ]
        is_due = self.state != "void"
        return (
            "kantata", self.source_id, f"kantata-{self.source_id}", "erp", self.legal_entity, is_due, is_due, None, self.state,
            self.reason, self.work_date, f"{self.work_date[:7]}-01", self.minutes, self.money, "USD", json.dumps(fields),
            json.dumps(context), json.dumps(members), 1,
        )  # fmt: skip


class Ledger:
    """The database of one harness run; ``settings`` reach it."""

    def __init__(self, settings: Settings) -> None:
        assert settings.warehouse_url is not None
        self.settings = settings
        self.url = settings.warehouse_url.get_secret_value()
        self.connection = psycopg.connect(self.url, autocommit=True)
        self.clock_connection = psycopg.connect(self.url, autocommit=True)
        clock.install(self.connection)
        self.clock = clock.LedgerClock(self.clock_connection)

    def reread_clock(self) -> clock.LedgerClock:
        """The clock as another process left it."""
        self.clock = clock.LedgerClock(self.clock_connection)
        return self.clock

    def clear(self) -> None:
        """An empty ledger and an empty view; a change of everything passes unasked."""
        with self.connection.transaction():
            self.connection.execute("set local session_replication_role = replica")
            tables = (*LEDGER, "recovery")  # a guard left open would look for the next run as well
            self.connection.execute(f"truncate {', '.join(f'delivery.{table}' for table in tables)} restart identity")
            self.connection.execute(f"truncate {', '.join(f'sync.{relation}' for relation in RELATIONS)}, rule.policy")
            self.connection.execute(
                "insert into rule.policy (name, legal_entity, value) values ('mass_change_share', '', 1)"
            )

    def want(self, wishes: Iterable[Wish]) -> None:
        """Put rows into the view, or others in their place."""
        columns = ", ".join(_ROW)
        with self.connection.transaction(), self.connection.cursor() as cursor:
            cursor.execute("create temporary table wish (like sync.sync_erp__labor) on commit drop")
            with cursor.copy(f"copy wish ({columns}) from stdin") as copy:
                for wish in wishes:
                    copy.write_row(wish.row())
            changed = ", ".join(f"{name} = excluded.{name}" for name in _ROW)
            cursor.execute(
                f"insert into sync.sync_erp__labor ({columns}) select {columns} from wish"
                f" on conflict (source_system, source_id) do update set {changed}"
            )

    def count(self, condition: str) -> int:
        """How many intents are so."""
        row = self.connection.execute(f"select count(*) from delivery.intent where {condition}").fetchone()
        assert row is not None
        return int(row[0])

    def chains(self, condition: str) -> set[str]:
        """The hours that have an intent which is so."""
        rows = self.connection.execute(f"select distinct chain_key from delivery.intent where {condition}").fetchall()
        return {row[0] for row in rows}

    def close(self) -> None:
        """Let the connections go."""
        self.connection.close()
        self.clock_connection.close()


def make_relations(settings: Settings) -> None:
    """The sync views, as tables."""
    assert settings.warehouse_url is not None
    with psycopg.connect(settings.warehouse_url.get_secret_value(), autocommit=True) as connection:
        connection.execute("set role hourline_transform")
        for relation in RELATIONS:
            connection.execute(f"create table if not exists sync.{relation} ({COLUMNS})")


@contextlib.contextmanager
def temporary_ledger() -> Iterator[Ledger]:
    """A ledger on an embedded server of its own, gone afterwards: for figures, outside pytest."""
    with tempfile.TemporaryDirectory(prefix="hourline-faults-") as place:
        folder = Path(place) / "warehouse"
        url = embedded.start(folder).url("postgres")
        try:
            name = f"faults_{uuid.uuid4().hex[:8]}"
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"create database {name}")
            own = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
            home = Path(place) / "home"
            home.mkdir()
            settings = replace(load(home), warehouse_url=SecretStr(own))
            Warehouse.open(settings).migrate()
            make_relations(settings)
            ledger = Ledger(settings)
            yield ledger
            ledger.close()
        finally:
            embedded.stop(folder)
