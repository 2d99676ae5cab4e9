"""A ledger with as many settled intents as asked for, made set-based, and a sync view over it in which some hours changed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from plumbing import embedded
from plumbing.settings import Connection, Settings, load
from plumbing.warehouse import Warehouse
from reverse_etl.syncs import named

if TYPE_CHECKING:
    import psycopg

SYNC = "erp_labor"
DESTINATION = "erp"
FILLED = ("intent", "intent_line", "chain", "request", "attempt", "event")

# One hour's worth of work, as a function of its number; both the ledger and the view are made of it.
HOUR = """
create table public.changed (source_id text primary key, minutes numeric not null);
create function public.hour_fields(n bigint, minutes numeric) returns jsonb language sql immutable parallel safe as $$
    select jsonb_build_object('employee_ref', (100 + n % 800)::text, 'project_ref', (2000 + n % 400)::text,
        'task_ref', (9000 + n % 1600)::text, 'item_ref', (70 + n % 8)::text, 'work_date', (date '2020-01-01' + (n % 2000)::int)::text,
        'minutes', minutes::text, 'is_billable', true, 'rate', '100', 'currency', 'USD') $$;
grant select on public.changed to public;
create view sync.sync_erp__labor as
select c.source_system, c.source_id, c.chain_key, cast('erp' as text) as destination, c.settled_legal_entity as legal_entity, true as is_approved,
    true as is_due, cast(null as text) as not_due_rule, cast('present' as text) as desired_state, cast(null as text) as reason,
    cast(null as text) as owner, c.settled_work_date as work_date, c.settled_period as period, m.minutes,
    m.minutes * 100 / 60 as amount, cast('USD' as text) as currency,
    public.hour_fields(c.source_id::bigint, m.minutes) as fields,
    jsonb_build_object('destination_state', 'unbilled', 'period_closed', false) as context,
    jsonb_build_array(jsonb_build_object('source_system', 'kantata', 'source_id', c.source_id, 'version', 1, 'minutes', m.minutes::text)) as members,
    cast('{}' as jsonb) as rules, cast(1 as bigint) as landed_version
from delivery.chain c
cross join lateral (select coalesce((select k.minutes from public.changed k where k.source_id = c.source_id), 480) as minutes) m;
grant select on sync.sync_erp__labor to public;
"""

# Fields repeat, keys don't: 8,000 kinds of hour are worked out once, as a hash per row would take most of the time.
KINDS = """
create table public.kind as
select n as kind, f.fields, delivery.fingerprint(1, f.fields) as fingerprint, (f.fields ->> 'work_date')::date as day
from generate_series(0, 7999) n cross join lateral (select public.hour_fields(n, 480) as fields) f
"""

INTENTS = """
insert into delivery.intent (sync, source_system, source_id, chain_key, generation, record_key, revision, request_key, destination,
    operation, legal_entity, work_date, period, minutes, amount, currency, delta_minutes, delta_amount, fields, context, rules, payload,
    contract_version, fingerprint, correlation_id, desired_state, decided_state, state, vendor_id, attempt_count, last_call_id, plan_id,
    landed_version)
select 'erp_labor', 'kantata', n::text, 'kantata-' || n, 1, 'kantata-' || n || '-g1', 1, 'kantata-' || n || '-g1-r1-c', 'erp',
    'create', 'US', k.day, date_trunc('month', k.day)::date, 480, 800, 'USD', 480, 800, k.fields,
    '{"destination_state": "unbilled", "period_closed": false}', '{}', k.fields,
    1, k.fingerprint, gen_random_uuid(), 'present', 'planned', 'acknowledged', 'v' || n, 1, n, 1 + n / 10000, 1
from generate_series(cast(%(first)s as bigint), cast(%(last)s as bigint)) n join public.kind k on k.kind = n %% 8000
"""

OTHERS = (
    """insert into delivery.intent_line (intent_id, source_system, source_id, version, minutes)
       select intent_id, source_system, source_id, 1, minutes from delivery.intent where intent_id between %(first)s and %(last)s""",
    """insert into delivery.chain (sync, source_system, source_id, chain_key, destination, revision, settled_intent_id, settled_minutes,
       settled_amount, settled_currency, settled_work_date, settled_period, settled_legal_entity, settled_vendor_id, settled_record_key,
       settled_state, settled_fingerprint, settled_contract_version, settled_at)
       select sync, source_system, source_id, chain_key, destination, 1, intent_id, minutes, amount, currency, work_date, period,
       legal_entity, vendor_id, record_key, 'acknowledged', fingerprint, 1, now()
       from delivery.intent where intent_id between %(first)s and %(last)s""",
    """insert into delivery.request (call_id, phase, sync, destination, kind, operation, worker, outcome, status)
       select n, p, 'erp_labor', 'erp', 'send', 'create', 'bench', case p when 'answered' then 'acknowledged' end,
       case p when 'answered' then 201 end
       from generate_series(cast(%(first)s as bigint), cast(%(last)s as bigint)) n cross join (values ('asked'), ('answered')) q (p)""",
    """insert into delivery.attempt (intent_id, call_id, attempt_no, outcome, vendor_id)
       select n, n, 1, 'acknowledged', 'v' || n from generate_series(cast(%(first)s as bigint), cast(%(last)s as bigint)) n""",
    """insert into delivery.event (actor, verb, subject)
       select 'bench', v, 'intent:' || n
       from generate_series(cast(%(first)s as bigint), cast(%(last)s as bigint)) n cross join (values ('acknowledged')) q (v)""",
)


@dataclass
class BigLedger:
    """A warehouse of its own in a folder."""

    settings: Settings
    owner: psycopg.Connection[Any]
    size: int

    @classmethod
    def make(cls, home: Path, size: int, step: int = 500_000) -> BigLedger:
        """Migrate, fill, index, analyse; a ledger that is there already in that size is taken as it is."""
        url = embedded.start(home / "warehouse").url()
        settings = load(home)
        erp = Connection(DESTINATION, "netsuite", "http://127.0.0.1:9", {"account_id": "BENCH"})
        settings = Settings(**{**settings.__dict__, "warehouse_url": SecretStr(url), "connections": {DESTINATION: erp}})
        Warehouse.open(settings).migrate()
        ledger = cls(settings, Warehouse.open(settings).connect(None, autocommit=True), size)
        filled = ledger.owner.execute("select obj_description(to_regclass('public.changed')) is not null").fetchone()
        if not (filled and filled[0]):
            ledger._fill(step)
        return ledger

    def _fill(self, step: int) -> None:
        self.owner.execute(HOUR)
        self.owner.execute(KINDS)
        self.owner.execute(
            "insert into delivery.contract (sync, version, material_fields) values (%s, 1, %s)",
            (SYNC, list(named(SYNC).material_fields)),
        )
        with self._careless():
            keys, indexes = self._keys_and_indexes()
            for drop, _ in (*keys, *indexes):
                self.owner.execute(drop)
            for first in range(1, self.size + 1, step):
                span = {"first": first, "last": min(first + step - 1, self.size)}
                for statement in (INTENTS, *OTHERS):
                    self.owner.execute(statement, span)
                sys.stderr.write(f"\r  filled {span['last']:,}")
            self.owner.execute("select setval('delivery.call_id_seq', %s)", (self.size,))
            for _, make in (*keys, *indexes):
                self.owner.execute(make)
            for table in FILLED:
                self.owner.execute(f"vacuum (analyze) delivery.{table}")
        self.owner.execute("comment on table public.changed is 'filled'")

    @contextmanager
    def _careless(self) -> Iterator[None]:
        """Durability off while the ledger is made up, and on again before anything is measured."""
        settings = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "'32GB'", "autovacuum": "off"}
        for name, value in settings.items():
            self.owner.execute(f"alter system set {name} = {value}")
        self.owner.execute("select pg_reload_conf()")
        self.owner.execute("set synchronous_commit = off")
        self.owner.execute("set maintenance_work_mem = '1GB'")
        yield
        for name in settings:
            self.owner.execute(f"alter system reset {name}")
        self.owner.execute("select pg_reload_conf()")
        self.owner.execute("checkpoint")

    def _keys_and_indexes(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """How to drop and make each key and index: built after the rows, as that is many times faster."""
        rows = self.owner.execute(
            "select t.oid::regclass::text, c.relname, quote_ident(k.conname), pg_get_constraintdef(k.oid), pg_get_indexdef(i.indexrelid)"
            " from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid"
            " left join pg_constraint k on k.conindid = i.indexrelid"
            " where t.relnamespace = 'delivery'::regnamespace and t.relname = any(%s)",
            (list(FILLED),),
        ).fetchall()
        keys = [
            (f"alter table {table} drop constraint {key}", f"alter table {table} add constraint {key} {definition}")
            for table, _, key, definition, _ in rows
            if key
        ]
        return keys, [(f"drop index delivery.{name}", make) for _, name, key, _, make in rows if not key]

    def change(self, first: int, count: int) -> dict[str, list[str]]:
        """Let so many hours, spread over the newest tenth, want minutes they never had; the keys of a plan."""
        stride = max(1, self.size // 10 // count)
        start = self.size - self.size // 10 + first
        ids = [str(start + stride * number) for number in range(count)]
        self.owner.execute(
            "insert into public.changed select unnest(%s::text[]), (select coalesce(max(minutes), 0) + 1 from public.changed where minutes <> 480)"
            " on conflict (source_id) do update set minutes = excluded.minutes",
            (ids,),
        )
        return {"kantata": ids}

    def close(self) -> None:
        self.owner.close()
