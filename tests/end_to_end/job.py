"""The whole main job without an orchestrator: real simulators, a real warehouse, the functions of `flows.jobs`."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

import reverse_etl
from flows import configuration, jobs, statement
from flows.configuration import Chosen
from flows.outcomes import Delivery, Landed
from plumbing import settings as configured
from tests.fixtures.simulators import start_firm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plumbing.settings import Settings
    from tests.end_to_end.server import Databases
    from tests.fixtures.simulators import Firm

AS_OF = "2026-11-16"
ALLOWANCE = 1000
WRITTEN = ("netsuite", "gusto", "kantata")


@dataclass
class Job:
    """One firm and the warehouse that follows it."""

    firm: Firm
    settings: Settings
    databases: Databases
    adopted: reverse_etl.AdoptionReport | None = None
    deliveries: dict[str, Delivery] = field(default_factory=dict)

    def read(self, *connections: str, full: bool = False) -> dict[str, Landed]:
        """Lands and checks the connections, or all."""
        landed = {}
        for name in connections or tuple(self.settings.connections):
            landed[name] = jobs.land(self.settings, name, full=full)
            jobs.require_passed(jobs.check(self.settings, name))
        return landed

    def adopt(self) -> None:
        """The first day: everything is read, and what the ERP holds already is settled."""
        self.read()
        jobs.refresh(self.settings)
        self.adopted = reverse_etl.adopt(self.settings, "erp_labor", actor="test")

    def deliver(self) -> dict[str, Delivery]:
        """Plan, door, push and follow-up of every sync; then what was written to is read back."""
        self.deliveries = {sync: jobs.deliver(self.settings, sync) for sync in jobs.syncs()}
        self.read(*WRITTEN)
        return self.deliveries

    def night(self) -> dict[str, Delivery]:
        """Reads, delivers, reads back. The models are views and tables that stand; a night need not make them anew."""
        self.read()
        return self.deliver()

    def statement(self) -> statement.Statement:
        """The statement as it stands."""
        return jobs.reconcile(self.settings)

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        """The warehouse as its owner sees it, with the right to write into what is append-only."""
        assert self.settings.warehouse_url is not None
        url = self.settings.warehouse_url.get_secret_value()
        with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
            connection.execute("set session_replication_role = replica")
            yield connection

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """What a query of the warehouse gives."""
        with self.database() as connection:
            return connection.execute(query, values).fetchall()

    def writes(self) -> dict[str, int]:
        """How many writing calls each vendor has had."""
        return {name: control.total_writes() for name, control in self.firm.controls.items()}

    def mistakes(self) -> list[str]:
        """Errors inside the simulators; there must be none."""
        return [error for control in self.firm.controls.values() for error in control.errors()]

    def erp_rows(self) -> dict[str, dict[str, Any]]:
        """The ERP's own rows that carry a key of ours, by it; a key it holds twice is an error of this test."""
        return unique(
            (row["externalid"], row) for row in self.firm["netsuite"].holdings(rows="true")["rows"] if row["externalid"]
        )

    def payroll_rows(self) -> dict[str, dict[str, Any]]:
        """Payroll's own sheets that carry our metadata, by uuid."""
        return unique((row["uuid"], row) for row in self.firm["gusto"].holdings()["rows"] if row["metadata"])


def unique(pairs: Any) -> dict[Any, Any]:
    """A dict of pairs whose keys must differ."""
    found: dict[Any, Any] = {}
    for key, value in pairs:
        assert key not in found, f"{key} is held twice: {found[key]} and {value}"
        found[key] = value
    return found


Key = tuple[int, str, str | None, str | None, Any, str, str, str | None]


def lines(drawn: statement.Statement) -> dict[Key, tuple[Decimal, int]]:
    """Minutes and rows of each line of a statement, by what names the line; what is unexplained of it stands apart."""
    found: dict[Key, tuple[Decimal, int]] = {}

    def add(one: statement.Line, bucket: str, reason: str | None, minutes: Decimal, rows: int) -> None:
        key = (one.line, one.name, one.resource, one.legal_entity, one.period, one.side, bucket, reason)
        before = found.get(key, (Decimal(0), 0))
        found[key] = (before[0] + minutes, before[1] + rows)

    for one in drawn.lines:
        if one.bucket != "unexplained":
            add(one, one.bucket, one.reason, one.minutes, one.row_count)
        add(
            one, "unexplained", None, one.unexplained_under_minutes - one.unexplained_over_minutes, one.unexplained_rows
        )
    return found


def moved(before: statement.Statement, after: statement.Statement) -> dict[Key, tuple[Decimal, int]]:
    """What changed between two statements: minutes (to the hundredth) and rows, by line."""
    old, new = lines(before), lines(after)
    nothing = (Decimal(0), 0)
    found = {}
    for key in old.keys() | new.keys():
        (was, rows_were), (now, rows_now) = old.get(key, nothing), new.get(key, nothing)
        minutes = round(now - was, 2)
        if minutes or rows_now != rows_were:
            found[key] = (minutes, rows_now - rows_were)
    return found


@contextmanager
def start_job(home: Path, databases: Databases, *, seed: int, entries: int, **options: Any) -> Iterator[Job]:
    """A firm, a migrated warehouse and a configuration in `home`; what an earlier job left there is removed."""
    for left in ("rules", "hourline.toml", "secrets.toml", "dlt", "simulators"):
        path = home / left
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    with start_firm(home / "simulators", seed=seed, entries=entries, as_of=AS_OF, **options) as firm:
        configuration.write(home, {name: _chosen(name, one) for name, one in firm.addresses.items()})
        configuration.write_rules(home, firm.out / "rules")
        with databases.fresh() as url, configured.exported({"HOURLINE_WAREHOUSE_URL": url}):
            job = Job(firm, configured.load(home), databases)
            jobs.prepare(job.settings)
            databases.let_have_views(lambda: jobs.build(job.settings))
            yield job


def _chosen(name: str, one: dict[str, Any]) -> Chosen:
    options = {**one["options"], "allowance": ALLOWANCE}
    return Chosen(name, one["base_url"], options, one["secrets"], one.get("ca_file"))
