"""The delivery ledger: what we meant to write, what we asked, what was answered, and what is in effect.

Nothing here is ever deleted: no role has the right. ``event``, ``request`` and ``attempt`` are append-only by trigger as
well. There are no foreign keys between the large tables, so that they can be distributed by chain; the engine alone writes.

Revision ID: 0003_delivery
"""

from alembic import op

revision = "0003_delivery"
down_revision = "0002_landing"
branch_labels = None
depends_on = None

OPEN_STATES = "('planned', 'held', 'refused', 'sending', 'accepted', 'in_doubt', 'unknown')"

TABLES = f"""
create schema if not exists delivery;

create table delivery.epoch (
    epoch integer primary key,
    opened_at timestamptz not null default clock_timestamp(),
    opened_by text not null,
    why text not null
);
insert into delivery.epoch (epoch, opened_by, why) values (1, 'migration', 'first epoch');

-- The material fields of each contract version. Old versions stay, so that what was sent under them can be compared.
create table delivery.contract (
    sync text not null,
    version integer not null,
    material_fields text[] not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (sync, version)
);

create table delivery.plan (
    plan_id bigint generated always as identity primary key,
    sync text not null,
    destination text,                        -- null: every destination of the sync
    scope text not null default 'sweep' check (scope in ('sweep', 'keys', 'adoption')),
    snapshot pg_snapshot,                    -- what the sweep saw; null unless a whole sweep was planned
    created_at timestamptz not null default clock_timestamp(),
    totals jsonb not null default '{{}}',
    batch_state text not null check (batch_state in ('ready', 'needs_approval', 'held', 'approved', 'stopped')),
    message text
);
create index plan_by_sync on delivery.plan (sync, plan_id desc) where snapshot is not null;

create table delivery.intent (
    intent_id bigint generated always as identity primary key,
    sync text not null,
    source_system text not null,
    source_id text not null,
    chain_key text not null check (chain_key ~ '^[A-Za-z0-9_-]+$'),
    generation integer not null check (generation > 0),
    record_key text not null,                -- chain key + generation: the vendor's external id
    revision integer not null check (revision > 0),
    request_key text not null,               -- record key + revision + direction
    destination text,
    operation text not null check (operation in ('create', 'amend', 'delete', 'reverse', 'repost')),
    legal_entity text,
    work_date date,
    period date,
    minutes numeric,                         -- what is in effect there once this is done; a delete leaves 0
    amount numeric,
    currency text,
    delta_minutes numeric,                   -- signed, against what was in effect (or in flight) before it
    delta_amount numeric,                    -- null when the currency changes: read base_amount and amount
    base_legal_entity text,                  -- where the delta starts from; null: nothing was there
    base_work_date date,
    base_period date,
    base_minutes numeric,
    base_amount numeric,
    base_currency text,
    fields jsonb not null,
    context jsonb not null default '{{}}',
    rules jsonb,
    payload jsonb,                           -- as sent; null until first claimed
    contract_version integer not null,
    fingerprint text not null,
    correlation_id uuid not null,
    supersedes bigint,
    superseded_by bigint,
    reverses bigint,
    waits_for bigint,                        -- not sent before that intent is in effect
    desired_state text not null check (desired_state in ('present', 'void', 'held')),
    decided_state text not null check (decided_state in ('planned', 'held')),
    decided_reason text,
    state text not null check (state in ('planned', 'held', 'sending', 'accepted', 'acknowledged', 'refused',
                                         'in_doubt', 'unknown', 'by_file', 'superseded')),
    reason text,
    owner text,
    held_by text check (held_by in ('rule', 'door', 'mass_change', 'retries', 'integrity', 'person')),
    state_since timestamptz not null default clock_timestamp(),
    is_adopted boolean not null default false,
    vendor_id text,
    vendor_detail jsonb,
    next_attempt_at timestamptz default clock_timestamp(),  -- null: waits for another intent
    attempt_count integer not null default 0, -- claims; with lease_owner the fence of every state change
    failure_count integer not null default 0, -- tries that failed: what runs out
    last_call_id bigint,
    doubt_since timestamptz,
    look_count integer not null default 0,
    lease_owner text,
    lease_until timestamptz,
    plan_id bigint not null,
    landed_version bigint,
    created_at timestamptz not null default clock_timestamp(),
    unique (sync, chain_key, revision)
);
-- Partial: they hold what is open, and stay small however much is settled.
create index intent_open on delivery.intent (sync, chain_key) where state in {OPEN_STATES};
create index intent_due on delivery.intent (sync, destination, next_attempt_at, intent_id) where state = 'planned';
create index intent_leased on delivery.intent (lease_until) where state = 'sending';
create index intent_doubtful on delivery.intent (sync, destination, next_attempt_at) where state = 'in_doubt';
create index intent_accepted on delivery.intent (sync, destination, next_attempt_at) where state = 'accepted';
create index intent_waiting on delivery.intent (waits_for) where state in ('planned', 'held') and waits_for is not null;
create index intent_stuck on delivery.intent (sync, state) where state in ('held', 'refused', 'unknown');
create index intent_by_plan on delivery.intent (plan_id);
create index intent_by_record_key on delivery.intent (record_key);
create index intent_by_correlation on delivery.intent (correlation_id);

create table delivery.intent_line (
    intent_id bigint not null,
    source_system text not null,
    source_id text not null,
    version bigint,
    minutes numeric,
    primary key (intent_id, source_system, source_id)
);
create index intent_line_by_source on delivery.intent_line (source_system, source_id);

create table delivery.chain (
    sync text not null,
    source_system text not null,
    source_id text not null,
    chain_key text not null,
    destination text,                        -- where it is in effect, else where it is headed
    generation integer not null default 1,   -- the one in effect, else the one the next create opens
    revision integer not null default 0,     -- the last one given out
    settled_intent_id bigint,                -- settled_*: null when nothing is in effect there
    settled_minutes numeric,
    settled_amount numeric,
    settled_currency text,
    settled_work_date date,
    settled_period date,
    settled_legal_entity text,
    settled_vendor_id text,
    settled_record_key text,
    settled_state text check (settled_state in ('acknowledged', 'by_file')),
    settled_fingerprint text,
    settled_contract_version integer,
    settled_at timestamptz,
    open_intent_id bigint,                   -- the newest open intent
    primary key (sync, chain_key)
);
create index chain_by_source on delivery.chain (source_id, source_system);

-- One call is an 'asked' row, committed before it, and an 'answered' row after it. A call with no answer was interrupted.
create sequence delivery.call_id_seq;
create table delivery.request (
    call_id bigint not null default nextval('delivery.call_id_seq'),
    phase text not null check (phase in ('asked', 'answered')),
    sync text not null,
    destination text not null,
    kind text not null check (kind in ('send', 'find', 'job')),
    operation text,
    at timestamptz not null default clock_timestamp(),
    intent_count integer not null default 1,
    worker text,
    period text,                             -- of a job: what it covers
    vendor_job_ref text,
    outcome text,
    status integer,
    latency_ms numeric,
    vendor_request_id text,
    http_calls jsonb,                        -- [{{"method","path","status","ms","request_id"}}], redacted
    message text,
    primary key (call_id, phase)
);
create index request_by_time on delivery.request (destination, at);

create table delivery.attempt (
    attempt_id bigint generated always as identity primary key,
    intent_id bigint not null,
    call_id bigint,                          -- null: refused by our own payload rules, nothing was asked
    attempt_no integer not null,
    at timestamptz not null default clock_timestamp(),
    outcome text not null,
    vendor_id text,
    category text,
    code text,
    message text,
    is_late boolean not null default false   -- answered after the lease was lost: kept, but it changed no state
);
create index attempt_by_intent on delivery.attempt (intent_id, attempt_id);

create table delivery.exception (
    exception_id bigint generated always as identity primary key,
    intent_id bigint,                        -- null: about the sync as a whole
    sync text not null,
    source_system text,
    chain_key text,
    destination text,
    category text not null,
    cause text not null,
    owner text not null,
    message text not null,
    money numeric,
    currency text,
    minutes numeric,
    legal_entity text,
    period date,
    opened_at timestamptz not null default clock_timestamp(),
    last_seen_at timestamptz not null default clock_timestamp(),
    closed_at timestamptz,
    closed_by text,
    closed_reason text,
    closed_intent_id bigint,                 -- the intent that took its place
    replay_count integer not null default 0
);
create unique index exception_one_open on delivery.exception (intent_id, (category = 'integrity'))
    where closed_at is null and intent_id is not null;
create index exception_open on delivery.exception (sync, category, cause) where closed_at is null;
create index exception_by_intent on delivery.exception (intent_id);

create table delivery.event (
    event_id bigint generated always as identity primary key,
    xid xid8 not null default pg_current_xact_id(),
    epoch integer not null,
    at timestamptz not null default clock_timestamp(),
    actor text not null,
    verb text not null,
    subject text not null,                   -- intent:<id>, plan:<id>, sync:<name>, destination:<name>
    detail jsonb not null default '{{}}',
    sealed_hash text
);
create index event_by_subject on delivery.event (subject, event_id);
create index event_unsealed on delivery.event (event_id) where sealed_hash is null;
"""

FUNCTIONS = """
create function delivery.current_epoch() returns integer language sql stable as 'select max(epoch) from delivery.epoch';
alter table delivery.event alter column epoch set default delivery.current_epoch();

-- jsonb text is canonical: keys sorted by length then bytes, one spacing, numbers as written (ours are strings).
create function delivery.fingerprint(contract_version integer, fields jsonb) returns text
    language sql immutable strict parallel safe
    as $$ select encode(sha256(convert_to(contract_version::text || chr(10) || fields::text, 'UTF8')), 'hex') $$;

-- Only the keys of a contract version, so that a field added later changes no fingerprint made before it.
create function delivery.material(fields jsonb, names text[]) returns jsonb
    language sql immutable strict parallel safe
    as $$ select case when fields - names = '{}'::jsonb then fields
                      else coalesce((select jsonb_object_agg(f.key, f.value) from jsonb_each(fields) f where f.key = any(names)), '{}') end $$;

create function delivery.correlation(sync text, request_key text) returns uuid
    language sql immutable strict parallel safe
    as $$ select encode(substr(sha256(convert_to(sync || ':' || request_key, 'UTF8')), 1, 16), 'hex')::uuid $$;

create function delivery.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception using message = 'delivery.' || tg_table_name || ' is append-only: ' || lower(tg_op) || ' is refused',
        errcode = 'insufficient_privilege', hint = 'Append a correcting row; what happened stays written.';
end $$;

-- The sealer alone touches a written event, and just once: its hash, from null.
create function delivery.allow_only_sealing() returns trigger language plpgsql as $$
begin
    if old.sealed_hash is null and new.sealed_hash is not null
       and to_jsonb(old) - 'sealed_hash' = to_jsonb(new) - 'sealed_hash' then
        return new;
    end if;
    raise exception using message = 'delivery.event is append-only: update is refused',
        errcode = 'insufficient_privilege', hint = 'Append a correcting event; what happened stays written.';
end $$;

create trigger event_no_update before update on delivery.event for each row execute function delivery.allow_only_sealing();
create trigger event_no_delete before delete on delivery.event for each row execute function delivery.refuse_change();
create trigger event_no_truncate before truncate on delivery.event for each statement execute function delivery.refuse_change();
create trigger request_no_change before update or delete on delivery.request for each row execute function delivery.refuse_change();
create trigger request_no_truncate before truncate on delivery.request for each statement execute function delivery.refuse_change();
create trigger attempt_no_change before update or delete on delivery.attempt for each row execute function delivery.refuse_change();
create trigger attempt_no_truncate before truncate on delivery.attempt for each statement execute function delivery.refuse_change();
"""

VIEWS = """
-- The last sweep of each sync: versions landed after its snapshot are 'not planned yet'.
create view delivery.last_plan as
select distinct on (sync) sync, plan_id, snapshot, created_at, batch_state, totals
from delivery.plan where snapshot is not null order by sync, plan_id desc;

-- What every unsettled intent adds and takes, each where it belongs: +minutes at its own entity and period, -base at the
-- base's. Summed with chain.settled_* it gives what is due.
create view delivery.intent_effect as
select i.intent_id, i.sync, i.source_system, i.chain_key, i.destination, i.operation, i.state, i.reason, i.owner, i.state_since,
       e.side, e.legal_entity, e.work_date, e.period, e.minutes, e.amount, e.currency
from delivery.intent i
cross join lateral (
    values ('to', i.legal_entity, i.work_date, i.period, i.minutes, i.amount, i.currency),
           ('from', i.base_legal_entity, i.base_work_date, i.base_period, -i.base_minutes, -i.base_amount, i.base_currency)
) e (side, legal_entity, work_date, period, minutes, amount, currency)
where i.state in ('planned', 'held', 'refused', 'sending', 'accepted', 'in_doubt', 'unknown')
  and (e.minutes <> 0 or e.amount <> 0);

create view delivery.ops_runs as
select p.plan_id, p.sync, p.scope, p.created_at, p.batch_state, p.message,
       count(i.intent_id) as intents,
       count(i.intent_id) filter (where i.operation = 'create') as creates,
       count(i.intent_id) filter (where i.operation = 'amend') as amends,
       count(i.intent_id) filter (where i.operation = 'delete') as deletes,
       count(i.intent_id) filter (where i.state = 'acknowledged') as acknowledged,
       count(i.intent_id) filter (where i.state in ('planned', 'sending')) as waiting,
       count(i.intent_id) filter (where i.state = 'accepted') as accepted,
       count(i.intent_id) filter (where i.state = 'held') as held,
       count(i.intent_id) filter (where i.state = 'refused') as refused,
       count(i.intent_id) filter (where i.state in ('in_doubt', 'unknown')) as in_doubt,
       count(i.intent_id) filter (where i.state = 'superseded') as superseded,
       coalesce(sum(i.delta_minutes) filter (where i.state <> 'superseded'), 0) as minutes,
       max(i.state_since) as last_change_at
from delivery.plan p left join delivery.intent i using (plan_id)
group by p.plan_id;

create view delivery.ops_rows as
select i.intent_id, i.plan_id, i.sync, i.source_system, i.source_id, i.chain_key, i.record_key, i.request_key, i.correlation_id,
       i.generation, i.revision, i.destination, i.operation, i.legal_entity, i.work_date, i.period,
       i.minutes, i.amount, i.currency, i.delta_minutes, i.delta_amount, i.state, i.reason, i.owner, i.held_by, i.state_since,
       i.is_adopted, i.vendor_id, i.attempt_count, i.next_attempt_at, i.waits_for, i.supersedes, i.superseded_by,
       i.landed_version, i.created_at,
       c.settled_intent_id = i.intent_id as is_in_effect
from delivery.intent i join delivery.chain c using (sync, chain_key);

create view delivery.ops_exceptions as
select x.exception_id, x.intent_id, x.sync, x.source_system, x.chain_key, x.destination, x.category, x.cause, x.owner, x.message,
       x.money, x.currency, x.minutes, x.minutes / 60 as hours, x.legal_entity, x.period,
       x.opened_at, x.last_seen_at, x.closed_at, x.closed_by, x.closed_reason, x.closed_intent_id, x.replay_count,
       x.closed_at is null as is_open, coalesce(x.closed_at, clock_timestamp()) - x.opened_at as age,
       i.source_id, i.operation, i.state, i.work_date, i.correlation_id
from delivery.exception x left join delivery.intent i using (intent_id);
"""

# Analysts read the views only: payloads and fields of payroll intents are pay data.
GRANTS = """
-- The foundation's rights for new tables are wider than a ledger allows: start from nothing.
revoke all on all tables in schema delivery from hourline_load, hourline_deliver, hourline_operate, hourline_transform, hourline_analyse;
grant usage on schema delivery to hourline_load, hourline_deliver, hourline_operate, hourline_transform, hourline_analyse;
grant select on all tables in schema delivery to hourline_load, hourline_deliver, hourline_operate, hourline_transform;
grant insert on delivery.contract, delivery.plan, delivery.intent, delivery.intent_line, delivery.chain, delivery.request,
    delivery.attempt, delivery.exception, delivery.event to hourline_deliver;
grant update on delivery.plan, delivery.intent, delivery.chain, delivery.exception to hourline_deliver, hourline_operate;
grant insert on delivery.event, delivery.exception, delivery.epoch to hourline_operate;
grant usage on sequence delivery.call_id_seq, delivery.intent_intent_id_seq to hourline_deliver;
do $$ begin execute format('grant temporary on database %I to hourline_deliver', current_database()); end $$;
grant select on delivery.ops_runs, delivery.ops_rows, delivery.ops_exceptions, delivery.last_plan, delivery.intent_effect to hourline_analyse;
"""

STATEMENTS = (TABLES, FUNCTIONS, VIEWS, GRANTS)


def upgrade() -> None:
    """Make the ledger, its stable views and its grants."""
    cursor = op.get_bind().connection.cursor()  # the driver's own: several statements in one go
    for script in STATEMENTS:
        cursor.execute(script)


def downgrade() -> None:
    """Refuse: a ledger is not undone by a command."""
    msg = "The delivery ledger is not removed by a migration: restore a backup from before it instead."
    raise NotImplementedError(msg)
