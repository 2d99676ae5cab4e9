"""A warehouse of its own with a sync view over made-up hours, for benchmarks that plan and push."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from pydantic import SecretStr

from plumbing import embedded
from plumbing.settings import Connection, Settings, load
from plumbing.warehouse import Warehouse
from reverse_etl.planner import plan

SYNC = "erp_labor"
FIELDS = """
    jsonb_build_object('employee_ref', (100 + n % 700)::text, 'project_ref', (2000 + n % 300)::text, 'task_ref', (9000 + n % 1500)::text,
        'item_ref', (70 + n % 8)::text, 'work_date', d.day::text, 'minutes', '480', 'is_billable', true, 'rate', '100', 'currency', 'USD')
"""
VIEW = f"""
create table public.wanted (first bigint, last bigint);
create view sync.sync_erp__labor as
select cast('kantata' as text) as source_system, n::text as source_id, 'kantata-' || n as chain_key, cast('erp' as text) as destination,
    cast('US' as text) as legal_entity, true as is_approved, true as is_due, cast(null as text) as not_due_rule,
    cast('present' as text) as desired_state, cast(null as text) as reason, cast(null as text) as owner, d.day as work_date,
    date_trunc('month', d.day)::date as period, cast(480 as numeric) as minutes, cast(800 as numeric) as amount,
    cast('USD' as text) as currency, {FIELDS} as fields,
    cast('{{"destination_state": "unbilled", "period_closed": false}}' as jsonb) as context,
    jsonb_build_array(jsonb_build_object('source_system', 'kantata', 'source_id', n::text, 'version', 1, 'minutes', '480')) as members,
    cast('{{}}' as jsonb) as rules, cast(1 as bigint) as landed_version
from public.wanted w cross join lateral generate_series(w.first, w.last) n
cross join lateral (select date '2026-01-01' + (n % 300)::int as day) d;
grant select on public.wanted, sync.sync_erp__labor to public;
"""


@dataclass
class Hours:
    """Approved hours that wait to be delivered."""

    settings: Settings
    owner: psycopg.Connection[Any]

    @classmethod
    def make(cls, home: Path) -> Hours:
        """An empty ledger on a server with PostgreSQL's own durability."""
        Warehouse.open(_settings(home)).migrate()
        hours = cls.join(home)
        hours.owner.execute(VIEW)
        return hours

    @classmethod
    def join(cls, home: Path) -> Hours:
        """The ledger that another process made in this folder."""
        settings = _settings(home)
        return cls(settings, Warehouse.open(settings).connect(None, autocommit=True))

    def at(self, system: str, base_url: str) -> Settings:
        """Settings whose connection ``erp`` is written by a writer of this folder."""
        import reverse_etl.erp

        folder = str(Path(__file__).parent / "_writers")
        if folder not in reverse_etl.erp.__path__:
            reverse_etl.erp.__path__.append(folder)
        connection = Connection(name="erp", system=system, base_url=base_url)
        return replace(self.settings, connections={"erp": connection})

    def plan(self, settings: Settings, count: int) -> None:
        """So many new hours, planned."""
        self.owner.execute(
            "insert into public.wanted select last + 1, last + %s from (select coalesce(max(last), 0) as last from public.wanted) w",
            (count,),
        )
        plan(settings, SYNC)

    @property
    def url(self) -> str:
        """Where its PostgreSQL answers."""
        assert self.settings.warehouse_url is not None
        return self.settings.warehouse_url.get_secret_value()

    def durability(self) -> str:
        """What the server says of itself."""
        names = ("fsync", "synchronous_commit", "full_page_writes")
        return ", ".join(f"{name} {self.owner.execute(f'show {name}').fetchone()[0]}" for name in names)  # type: ignore[index]

    def ledger(self) -> dict[str, int]:
        """Rows that a push leaves: each intent in effect, each call asked and answered."""
        row = self.owner.execute(
            "select (select count(*) from delivery.intent where state = 'acknowledged'),"
            " (select coalesce(sum(intent_count), 0) from delivery.request where phase = 'asked'),"
            " (select coalesce(sum(intent_count), 0) from delivery.request where phase = 'answered'),"
            " (select count(*) from delivery.attempt), (select count(*) from delivery.event where verb = 'acknowledged')"
        ).fetchone()
        assert row is not None
        return dict(zip(("acknowledged", "asked", "answered", "attempts", "events"), map(int, row), strict=True))

    def close(self) -> None:
        self.owner.close()


def _settings(home: Path) -> Settings:
    return replace(load(home), warehouse_url=SecretStr(embedded.start(home / "warehouse").url()))
