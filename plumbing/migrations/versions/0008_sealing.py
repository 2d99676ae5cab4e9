"""The audit chain: one seal a row of ``event``, ``request`` and ``attempt``, in the order of their transactions.

A row is sealed once every transaction that began before its own has ended, so that nothing can appear in front of it later;
positions have no gaps, though ids may (a rolled back insert leaves one). Events are append-only without exception now: the
seal stands in a table of its own, which can be written to at the end and nowhere else.

Revision ID: 0008_sealing
"""

from alembic import op

revision = "0008_sealing"
down_revision = "0007_causes"
branch_labels = None
depends_on = None

TABLES = """
drop trigger event_no_update on delivery.event;
drop function delivery.allow_only_sealing();
drop index delivery.event_unsealed;
alter table delivery.event drop column sealed_hash;
create trigger event_no_update before update on delivery.event for each row execute function delivery.refuse_change();

alter table delivery.request add column xid xid8 not null default pg_current_xact_id();
alter table delivery.attempt add column xid xid8 not null default pg_current_xact_id();
create index event_by_xid on delivery.event (xid, event_id);
create index request_by_xid on delivery.request (xid, (call_id * 2 + (phase = 'answered')::integer));
create index attempt_by_xid on delivery.attempt (xid, attempt_id);

create table delivery.seal (
    position bigint primary key check (position > 0),
    kind smallint not null check (kind in (1, 2, 3)),  -- event, request, attempt
    row_id bigint not null,                   -- event_id; call_id * 2, and 1 more where answered; attempt_id
    hash bytea not null check (length(hash) = 32)
);
-- Where the numbers of transactions began anew (a dump restored into another server): what stood there then is sealed
-- whatever its number says, and only rows with higher ids count from there on.
create table delivery.seal_restart (
    restart_id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    position bigint not null,
    event_floor bigint not null,
    request_floor bigint not null,
    attempt_floor bigint not null
);
create trigger seal_no_change before update or delete on delivery.seal for each row execute function delivery.refuse_change();
create trigger seal_no_truncate before truncate on delivery.seal for each statement execute function delivery.refuse_change();
create trigger seal_restart_no_change before update or delete on delivery.seal_restart
    for each row execute function delivery.refuse_change();
create trigger seal_restart_no_truncate before truncate on delivery.seal_restart
    for each statement execute function delivery.refuse_change();
"""

FUNCTIONS = """
-- What of a row is sealed, as text that is the same under any setting of the session.
create function delivery.sealed_text(e delivery.event) returns text language sql stable as $$
    select jsonb_build_array(e.event_id, e.xid::text, e.epoch, extract(epoch from e.at)::text, e.actor, e.verb, e.subject, e.detail)::text
$$;
create function delivery.sealed_text(r delivery.request) returns text language sql stable as $$
    select jsonb_build_array(r.call_id, r.phase, r.xid::text, r.sync, r.destination, r.kind, r.operation, extract(epoch from r.at)::text,
        r.intent_count, r.worker, r.period, r.vendor_job_ref, r.outcome, r.status, r.latency_ms, r.vendor_request_id, r.http_calls,
        r.message)::text
$$;
create function delivery.sealed_text(a delivery.attempt) returns text language sql stable as $$
    select jsonb_build_array(a.attempt_id, a.xid::text, a.intent_id, a.call_id, a.attempt_no, extract(epoch from a.at)::text, a.outcome,
        a.vendor_id, a.category, a.code, a.message, a.is_late)::text
$$;
"""

GRANTS = """
revoke all on delivery.seal, delivery.seal_restart from hourline_load, hourline_deliver, hourline_transform, hourline_operate;
grant select on delivery.seal, delivery.seal_restart to hourline_load, hourline_deliver, hourline_transform;
grant select, insert on delivery.seal, delivery.seal_restart to hourline_operate;
"""


def upgrade() -> None:
    """Make the chain; what is written already is sealed by the first pass of the sealer."""
    cursor = op.get_bind().connection.cursor()  # the driver's own: several statements in one go
    for script in (TABLES, FUNCTIONS, GRANTS):
        cursor.execute(script)


def downgrade() -> None:
    """Refuse: an audit chain is not undone by a command."""
    msg = "The audit chain is not removed by a migration: restore a backup from before it instead."
    raise NotImplementedError(msg)
