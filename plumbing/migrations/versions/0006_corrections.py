"""Corrections of what can't be changed any more: reversing rows, adjustments, proposals and who approved them.

An intent that answers another names it (``corrects``), and is named by it once in effect (``corrected_by``). A chain knows what
it took back last, so that posting again is told from posting anew, and whether a person accepted that its row is gone.

Revision ID: 0006_corrections
"""

from alembic import op

revision = "0006_corrections"
down_revision = "0005_checks"
branch_labels = None
depends_on = None

TABLES = """
alter table delivery.intent
    add column corrects bigint,                           -- whose row this reverses, adjusts or posts again
    add column corrected_by bigint,                       -- what reversed or adjusted it, once that is in effect
    add column is_by_hand boolean not null default false, -- no writer can do it: a person makes it there and says so
    drop constraint intent_operation_check,
    add constraint intent_operation_check check (operation in ('create', 'amend', 'delete', 'reverse', 'adjust')),
    drop constraint intent_held_by_check,
    add constraint intent_held_by_check
        check (held_by in ('rule', 'door', 'mass_change', 'retries', 'integrity', 'person', 'proposal'));
create index intent_correcting on delivery.intent (sync, chain_key) where operation in ('reverse', 'adjust');

alter table delivery.chain
    add column is_in_pieces boolean not null default false,     -- in effect as several rows there: never amended in place
    add column reversed_intent_id bigint,                       -- taken back by a reversing row, and not posted again yet
    add column is_gone_accepted boolean not null default false; -- a person said that what was deleted there stays so

create table delivery.approval (
    approval_id bigint generated always as identity primary key,
    intent_id bigint not null,
    actor text not null check (btrim(actor) <> ''),
    verdict text not null check (verdict in ('approved', 'rejected')),
    why text not null check (btrim(why) <> ''),
    at timestamptz not null default clock_timestamp(),
    xid xid8 not null default pg_current_xact_id()
);
-- One pair of eyes counts once.
create unique index approval_once on delivery.approval (intent_id, lower(btrim(actor))) where verdict = 'approved';
create index approval_by_intent on delivery.approval (intent_id);
create trigger approval_no_change before update or delete on delivery.approval for each row execute function delivery.refuse_change();
create trigger approval_no_truncate before truncate on delivery.approval for each statement execute function delivery.refuse_change();
"""

VIEWS = """
-- One row a step that waits for people: proposed, or approved and to be made by hand.
create view delivery.ops_proposals as
select i.intent_id, i.sync, i.source_system, i.source_id, i.chain_key, i.destination, i.operation, i.revision, i.reason, i.owner, i.held_by,
       i.is_by_hand, i.state_since, i.legal_entity, i.work_date, i.period, i.base_minutes, i.minutes, i.delta_minutes,
       i.base_amount, i.amount, i.delta_amount, coalesce(i.currency, i.base_currency) as currency, i.corrects, i.waits_for,
       (select count(*) from delivery.approval a where a.intent_id = i.intent_id and a.verdict = 'approved') as approvals,
       (select string_agg(a.actor, ', ' order by a.approval_id) from delivery.approval a
        where a.intent_id = i.intent_id and a.verdict = 'approved') as approved_by
from delivery.intent i
where i.state = 'held' and (i.held_by = 'proposal' or i.held_by = 'person' and i.is_by_hand);
"""

GRANTS = """
revoke all on delivery.approval from hourline_load, hourline_deliver, hourline_operate, hourline_transform, hourline_analyse;
revoke all on delivery.ops_proposals from hourline_load, hourline_deliver, hourline_operate, hourline_transform, hourline_analyse;
grant select on delivery.approval, delivery.ops_proposals to hourline_load, hourline_deliver, hourline_operate, hourline_transform;
grant select on delivery.ops_proposals to hourline_analyse;
grant insert on delivery.approval to hourline_operate;
"""

STATEMENTS = (TABLES, VIEWS, GRANTS)


def upgrade() -> None:
    """Widen the ledger; what it holds keeps its meaning."""
    cursor = op.get_bind().connection.cursor()  # the driver's own: several statements in one go
    for script in STATEMENTS:
        cursor.execute(script)


def downgrade() -> None:
    """Refuse: a ledger is not undone by a command."""
    msg = "The delivery ledger is not removed by a migration: restore a backup from before it instead."
    raise NotImplementedError(msg)
