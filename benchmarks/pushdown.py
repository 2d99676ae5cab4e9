"""How much of the warehouse one changed hour reads: each sync view, called by key, at two sizes.

The event lane asks a sync view for a handful of keys. That has to cost the same however long the firm's history is. This
fills the landing tables with a synthetic firm by SQL, asks every view by `source_system = $1 and source_id = any($2)`,
and counts what PostgreSQL read: buffers, and rows that left a scan or were filtered in one.

    python -m benchmarks.pushdown [--entries 400000]

Runs on an embedded warehouse of its own, at that size (two and a half versions an entry) and at a tenth of it. Exits 1
when a call by one or ten keys reads more than 1.3 times as much of the large history as of the small one.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from pydantic import SecretStr

from benchmarks._sql_proofs import build
from plumbing import embedded
from plumbing.settings import load
from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

USERS = 400
PER_DAY = 4  # entries of one person on one day
VERSIONS = 2.5  # of one entry, on average
VIEWS = {
    "sync.sync_erp__labor": "labor",
    "sync.sync_payroll__hours": "days",
    "sync.sync_psa__invoice_status": "labor",
    "intermediate.int_payroll_days_decided": "days",
}

MASTERS = f"""
insert into rule.legal_entity values ('US', 'Inc.', 'us', 'USD', 'America/New_York', 'CO_US', 'Inc.') on conflict do nothing;
insert into rule.routing values ('US', 'erp', 'netsuite', '2020-01-01'), ('US', 'payroll', 'gusto', '2020-01-01') on conflict do nothing;
insert into rule.go_live values ('US', 'netsuite', '2020-01-01'), ('US', 'gusto', '2020-01-01') on conflict do nothing;
insert into rule.billing_policy values ('Time and Materials', true, true) on conflict do nothing;
insert into rule.policy values ('max_minutes_per_day', '', 1440), ('max_entry_minutes', '', 1440), ('reapproval_limit_days', '', 14)
    on conflict do nothing;
insert into rule.work_type_map values ('kantata', 'role_name', 'Role 0', 'role_0', false, 'R0'), ('kantata', 'role_name', 'Role 1', 'role_1', false, 'R1')
    on conflict do nothing;
create temporary view master as
select 'kantata' as system, 'users' as resource, (1000 + u)::text as id,
       jsonb_build_object('email_address', 'pii_' || u, 'role_id', (u % 2)::text) as record from generate_series(0, {USERS - 1}) as u
union all select 'kantata', 'external_references', 'u' || u, jsonb_build_object('subject_id', (1000 + u)::text, 'subject_type', 'User',
       'service_name', 'hris', 'service_model', 'employee', 'service_model_ref', (100 + u)::text) from generate_series(0, {USERS - 1}) as u
union all select 'workday', 'workers', 'E' || lpad((100 + u)::text, 5, '0'), jsonb_build_object('Employee_ID', 'E' || lpad((100 + u)::text, 5, '0'),
       'Company', 'CO_US', 'Worker_Type', 'Employee', 'Work_Email', 'pii_' || u) from generate_series(0, {USERS - 1}) as u
union all select 'netsuite', 'employees', u::text, jsonb_build_object('entityid', 'E' || lpad((100 + u)::text, 5, '0')) from generate_series(0, {USERS - 1}) as u
union all select 'gusto', 'employees', 'gu' || u, jsonb_build_object('employee_code', 'E' || lpad((100 + u)::text, 5, '0'),
       'jobs', jsonb_build_array(jsonb_build_object('uuid', 'job' || u, 'primary', true))) from generate_series(0, {USERS - 1}) as u
union all select 'kantata', 'roles', r::text, jsonb_build_object('name', 'Role ' || r) from generate_series(0, 1) as r
union all select 'netsuite', 'items', r::text, jsonb_build_object('itemid', 'R' || r) from generate_series(0, 1) as r
union all select 'kantata', 'workspaces', w::text, jsonb_build_object('title', 'P' || w || ' Work', 'require_time_approvals', true) from generate_series(0, 99) as w
union all select 'kantata', 'external_references', 'w' || w, jsonb_build_object('subject_id', w::text, 'subject_type', 'Workspace',
       'service_name', 'salesforce', 'service_model', 'Contract', 'service_model_ref', (9000 + w)::text) from generate_series(0, 99) as w
union all select 'kantata', 'stories', w::text, jsonb_build_object('workspace_id', w::text, 'title', 'Phase') from generate_series(0, 99) as w
union all select 'salesforce', 'contracts', 'c' || w, jsonb_build_object('ContractNumber', (9000 + w)::text, 'Billing_Type__c', 'Time and Materials',
       'CurrencyIsoCode', 'USD', 'Pricebook2Id', 'b' || w) from generate_series(0, 99) as w
union all select 'salesforce', 'pricebook_entries', 'p' || w || '-' || r, jsonb_build_object('Pricebook2Id', 'b' || w, 'Role__c', 'Role ' || r,
       'UnitPrice', 100 + r, 'CurrencyIsoCode', 'USD') from generate_series(0, 99) as w, generate_series(0, 9) as r
union all select 'netsuite', 'jobs', 'j' || w, jsonb_build_object('entityid', 'P' || w, 'entitystatus', 'Open') from generate_series(0, 99) as w
union all select 'netsuite', 'project_tasks', 't' || w, jsonb_build_object('project', 'j' || w, 'title', 'Phase', 'status', 'Open') from generate_series(0, 99) as w
union all select 'netsuite', 'accounting_periods', m::text, jsonb_build_object('periodname', m::text, 'startdate', d::date, 'enddate', (d + interval '1 month - 1 day')::date,
       'closed', 'F') from (select m, date '2025-01-01' + make_interval(months => m) as d from generate_series(0, 23) as m) as month
union all select 'gusto', 'payrolls', m::text, jsonb_build_object('processed', false, 'pay_period', jsonb_build_object('pay_schedule_uuid', 's',
       'start_date', d::date, 'end_date', (d + interval '1 month - 1 day')::date)) from (select m, date '2025-01-01' + make_interval(months => m) as d from generate_series(0, 23) as m) as month;
insert into landing.current_record (source_system, resource, source_id, version, source_version, is_deleted, record, landed_at)
select system, resource, id, 1, '2025-01-01', false, record, now() from master;
"""

# Every entry twice, half of them three times: each pass is a later landing, so that versions of one key lie far apart.
PASS = f"""
insert into raw_kantata.time_entries (source_id, source_version, read_started_at, load_id, is_deleted, content_hash, record)
select (100000 + g)::text, timestamptz '2025-01-01' + make_interval(days => %(pass)s), now(), 'pass ' || %(pass)s, false, g || '-' || %(pass)s,
       jsonb_build_object('id', (100000 + g)::text, 'user_id', (1000 + g %% {USERS})::text, 'workspace_id', (g %% 100)::text, 'story_id', (g %% 100)::text,
           'role_id', (g %% 2)::text, 'date_performed', date '2025-01-01' + g / {USERS * PER_DAY}, 'time_in_minutes', 30 + %(pass)s * 10 + g %% 60, 'billable', true,
           'approved', true, 'notes', 'pii_' || g, 'active_submission_id', (g %% {USERS} + 1000 * (g / {USERS * PER_DAY * 5}))::text,
           'created_at', '2025-01-01T09:00:00Z', 'currency', 'USD')
from generate_series(0, %(entries)s - 1) as g where %(pass)s < 2 or g %% 2 = 0
"""

REST = f"""
insert into raw_kantata.timesheet_submissions (source_id, read_started_at, load_id, is_deleted, content_hash, record)
select s::text, now(), 'submissions', false, s::text, jsonb_build_object('status', 'approved')
from (select distinct g % {USERS} + 1000 * (g / {USERS * PER_DAY * 5}) as s from generate_series(0, %(entries)s - 1) as g) as submission;
insert into landing.neighbourhood (source_system, kind, key_1, key_2, member_ids)
select 'kantata', 'person_day', (1000 + g % {USERS})::text, (date '2025-01-01' + g / {USERS * PER_DAY})::text, array_agg((100000 + g)::text)
from generate_series(0, %(entries)s - 1) as g group by 3, 4;
insert into delivery.contract (sync, version, material_fields)
values ('erp_labor', 1, array['employee_ref', 'project_ref', 'task_ref', 'item_ref', 'work_date', 'minutes', 'is_billable', 'rate', 'currency']),
       ('payroll_hours', 1, array['employee_ref', 'job_ref', 'work_date', 'time_zone', 'entries']) on conflict do nothing;
insert into delivery.intent (sync, source_system, source_id, chain_key, generation, record_key, revision, request_key, destination, operation, legal_entity,
       work_date, period, minutes, fields, contract_version, fingerprint, correlation_id, desired_state, decided_state, state, vendor_id, plan_id)
select 'erp_labor', 'kantata', (100000 + g)::text, 'kantata-' || (100000 + g), 1, 'kantata-' || (100000 + g) || '-g1', 1, 'r', 'netsuite', 'create', 'US',
       date '2025-01-01' + g / {USERS * PER_DAY}, date_trunc('month', date '2025-01-01' + g / {USERS * PER_DAY}), 60, '{{}}', 1, 'f', gen_random_uuid(), 'present',
       'planned', 'acknowledged', 'v' || g, 1
from generate_series(0, %(entries)s - 1, 2) as g;
insert into delivery.intent_line (intent_id, source_system, source_id, version, minutes)
select intent_id, source_system, source_id, 1, minutes from delivery.intent where sync = 'erp_labor';
insert into delivery.chain (sync, source_system, source_id, chain_key, destination, revision, settled_intent_id, settled_minutes, settled_work_date, settled_period,
       settled_legal_entity, settled_vendor_id, settled_record_key, settled_state, settled_fingerprint, settled_contract_version)
select sync, source_system, source_id, chain_key, destination, 1, intent_id, minutes, work_date, period, legal_entity, vendor_id, record_key, 'acknowledged', 'f', 1
from delivery.intent where sync = 'erp_labor';
insert into raw_netsuite.invoices (source_id, read_started_at, load_id, is_deleted, content_hash, record)
select i::text, now(), 'invoices', false, i::text, jsonb_build_object('status', 'A', 'trandate', '2025-06-01', 'tranid', 'INV' || i, 'time', jsonb_build_object('items', '[]'::jsonb))
from generate_series(0, %(entries)s / 40) as i;
insert into landing.neighbourhood (source_system, kind, key_1, key_2, member_ids)
select 'netsuite', 'invoice_of_time', 'v' || g, '', array[(g / 40)::text] from generate_series(0, %(entries)s - 1, 4) as g;
"""


@dataclass(frozen=True)
class Reading:
    """What one call of one view read. `keys` asked for, `rows` returned."""

    view: str
    keys: int
    returned: int
    rows_read: int
    buffers: int
    milliseconds: float


def fill(connection: psycopg.Connection[Any], entries: int) -> int:
    """Fills an empty, migrated and built warehouse; returns the number of time-entry versions in it."""
    connection.execute(MASTERS)
    for number in range(3):
        connection.execute(
            PASS.replace("%(pass)s", str(number)).replace("%(entries)s", str(entries)).replace("%%", "%")
        )
    connection.execute(REST.replace("%(entries)s", str(entries)))
    connection.commit()
    with psycopg.connect(connection.info.dsn, autocommit=True) as apart:
        apart.execute("vacuum analyze")
    row = connection.execute("select count(*) from raw_kantata.time_entries").fetchone()
    assert row is not None
    return int(row[0])


def read_by_key(connection: psycopg.Connection[Any], view: str, entries: int, keys: int) -> Reading:
    """One call for `keys` keys spread over the whole history, warm."""
    ids = _keys(VIEWS[view], entries, keys)
    query = f"select * from {view} where source_system = %s and source_id = any(%s)"
    connection.execute(query, ("kantata", ids))
    row = connection.execute(f"explain (analyze, buffers, format json) {query}", ("kantata", ids)).fetchone()
    assert row is not None
    plan = row[0][0]["Plan"]
    return Reading(
        view=view,
        keys=keys,
        returned=int(plan["Actual Rows"]),
        rows_read=round(_rows_read(plan)),
        buffers=plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
        milliseconds=row[0][0]["Execution Time"],
    )


def _keys(kind: str, entries: int, keys: int) -> list[str]:
    """Ids of entries, or of person-days, at even distances; entries that are settled and invoiced."""
    if kind == "labor":
        return [str(100000 + (entries // keys * number) // 4 * 4) for number in range(keys)]
    days = entries // (USERS * PER_DAY)
    found = []
    for number in range(keys):
        day = time.strftime("%Y%m%d", time.gmtime(1735689600 + 86400 * (days * number // keys)))
        found.append(f"{1000 + number * 7 % USERS}-{day}-primary")
    return found


def _rows_read(node: dict[str, Any]) -> float:
    """Rows that left or were dropped by every scan below, over all its loops."""
    own = 0.0
    if "Scan" in node["Node Type"] and "Subquery" not in node["Node Type"] and "CTE" not in node["Node Type"]:
        dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        own = (node["Actual Rows"] + dropped) * node["Actual Loops"]
    return own + sum(_rows_read(child) for child in node.get("Plans", ()))


RATIO = 1.3
KEYS = (1, 10, 100, 1000)


@contextmanager
def built() -> Iterator[tuple[str, str]]:
    """Two empty databases with the models built on them."""
    with tempfile.TemporaryDirectory(prefix="hourline-bench-") as folder:
        home = Path(folder)
        server = embedded.start(home / "warehouse")
        try:
            Warehouse(server.url()).migrate()
            build(replace(load(home), warehouse_url=SecretStr(server.url())))
            with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'hourline'"  # what dbt left open
                )
                connection.execute("create database large template hourline")
            yield server.url(), server.url("large")
        finally:
            embedded.stop(home / "warehouse")


def measure(url: str, entries: int) -> dict[tuple[str, int], Reading]:
    """What each view read for each number of keys."""
    with psycopg.connect(url) as connection:
        versions = fill(connection, entries)
        print(f"{versions:,} versions of {entries:,} entries", flush=True)
        found = {}
        for view in VIEWS:
            for keys in KEYS:
                one = found[view, keys] = read_by_key(connection, view, entries, keys)
                print(
                    f"  {view:40}{keys:5} keys {one.milliseconds:9.1f} ms {one.buffers / keys:8.1f} buffers/key"
                    f"{one.rows_read / keys:8.1f} rows/key {one.returned:5} returned",
                    flush=True,
                )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=400_000)
    entries = parser.parse_args().entries
    with built() as (small_url, large_url):
        small, large = measure(small_url, entries // 10), measure(large_url, entries)
    worst = 0.0
    for (view, keys), one in large.items():
        ratio = max(
            one.buffers / small[view, keys].buffers,
            (one.rows_read + 1) / (small[view, keys].rows_read + 1),
        )
        print(f"ten times the history, {view:40}{keys:5} keys: {ratio:.2f} times as much read")
        worst = max(worst, ratio) if keys <= 10 else worst
    print(f"at most {worst:.2f} times for one or ten keys (bar: {RATIO})")
    return 0 if worst <= RATIO else 1


if __name__ == "__main__":
    raise SystemExit(main())
