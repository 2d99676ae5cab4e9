"""After a restore from backup: every create is looked up before it is sent, until the read-back covers the lost time.

The rule stands in a trigger, so that it holds for whatever makes a create due: a plan, a replay, an approval, a release.

Revision ID: 0009_recovery
"""

from alembic import op

revision = "0009_recovery"
down_revision = "0008_sealing"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
create table delivery.recovery (
    epoch integer not null references delivery.epoch,
    destination text not null,
    opened_at timestamptz not null,          -- by hourline.now(): quiet periods are counted from it
    opened_real_at timestamptz not null default clock_timestamp(),  -- compared with when a reading began
    covered_at timestamptz,                  -- null: creates are looked up first
    covered_by text,
    covered_why text,
    primary key (epoch, destination)
);
create index recovery_open on delivery.recovery (destination) where covered_at is null;
comment on table delivery.recovery is 'Destinations where a create is looked up before it is sent, as the ledger was restored from a backup.';

alter table delivery.intent add column looked_epoch integer;
comment on column delivery.intent.looked_epoch is 'The recovery epoch in which it was doubted before its first send.';
""",
    """
create function delivery.doubt_after_restore() returns trigger language plpgsql as $$
declare
    guard record;
begin
    select r.epoch, r.opened_at into guard from delivery.recovery r
    where r.destination = new.destination and r.covered_at is null and r.epoch > coalesce(new.looked_epoch, 0)
    order by r.epoch desc limit 1;
    if found then
        new.state := 'in_doubt';
        new.state_since := hourline.now();
        new.reason := 'restored from backup: looked up first';
        new.looked_epoch := guard.epoch;
        new.doubt_since := guard.opened_at;
        new.look_count := 1;  -- what was under way before the restore has had its quiet period when the look comes after it
        new.next_attempt_at := hourline.now();
        insert into delivery.event (actor, verb, subject, detail)
        values ('recovery', 'in_doubt', 'intent:' || new.intent_id,
                jsonb_build_object('why', 'restored from backup: looked up before it is sent', 'epoch', guard.epoch));
    end if;
    return new;
end $$;

-- One without a next attempt waits for another intent, and becomes due by an update.
create trigger intent_doubted_when_made before insert on delivery.intent for each row
    when (new.operation in ('create', 'repost') and new.state = 'planned' and new.next_attempt_at is not null)
    execute function delivery.doubt_after_restore();
create trigger intent_doubted_when_due before update of state, next_attempt_at on delivery.intent for each row
    when (new.operation in ('create', 'repost') and new.state = 'planned' and new.next_attempt_at is not null)
    execute function delivery.doubt_after_restore();
""",
    """
grant select on delivery.recovery to hourline_load, hourline_deliver, hourline_operate, hourline_transform;
grant insert, update on delivery.recovery to hourline_operate;
grant update on delivery.intent, delivery.chain to hourline_operate;
""",
)


def upgrade() -> None:
    """Make the guard."""
    cursor = op.get_bind().connection.cursor()
    for statement in STATEMENTS:
        cursor.execute(statement)


def downgrade() -> None:
    """Refuse: what was doubted under a recovery can't be told apart afterwards."""
    msg = "A recovery is part of the ledger and is not removed by a migration: restore a backup from before it instead."
    raise NotImplementedError(msg)
