"""A process that uses more than its share of a vendor account's calls at once is told its share, and what it uses stays counted.

Before, it was told what it used: one that began a call whenever one ended used everything at every asking, and gave nothing back.
"""

from alembic import op

revision = "0018_shares"
down_revision = "0017_taken"
branch_labels = None
depends_on = None

# `slots` is what the process may use from now on; the account is charged with what it uses already, until that has ended.
HOLD = """
-- Shares are equal; what one does not want, others may have. With more processes than calls at once they take turns.
create or replace function hourline.hold_slots(p_account text, p_holder text, p_wanted integer, p_in_use integer, p_declared integer,
    p_lease_seconds double precision, p_turn_seconds double precision, out slots integer, out rest_seconds double precision)
language plpgsql as $$
declare
    a hourline.traffic_account := hourline.lock_account(p_account);
    t timestamptz := clock_timestamp();
    mine hourline.traffic_holder;
    total integer; holders integer; others integer; ahead integer; share integer; charged integer;
    is_crowded boolean;
begin
    if a.learned_concurrency is not null and a.learned_at < t - interval '30 seconds' then
        update hourline.traffic_account acc
        set learned_concurrency = nullif(least(a.learned_concurrency + 1, p_declared), p_declared), learned_at = t
        where acc.account = p_account returning * into a;
    end if;
    total := least(p_declared, coalesce(a.learned_concurrency, p_declared));
    delete from hourline.traffic_holder h where h.account = p_account and h.lease_until < t;
    select * into mine from hourline.traffic_holder h where h.account = p_account and h.holder = p_holder;
    mine.since := coalesce(mine.since, t);
    mine.slots := coalesce(mine.slots, 0);
    select count(*) + 1, coalesce(sum(h.slots), 0), count(*) filter (where h.slots = 0 and h.since < mine.since)
    into holders, others, ahead
    from hourline.traffic_holder h where h.account = p_account and h.holder <> p_holder;
    share := greatest(1, total / holders);
    is_crowded := exists (select from hourline.traffic_holder h
                          where h.account = p_account and h.holder <> p_holder and h.slots < least(h.wanted, share));
    -- Who is alone holds everything, so that more calls at once need no asking; it gives back when somebody comes.
    slots := case when holders = 1 then total else greatest(0, least(p_wanted, total - others)) end;
    if is_crowded then
        slots := least(slots, share);
    end if;
    if mine.slots = 0 and slots <= ahead then
        slots := 0;                                   -- those who waited longer go first
    elsif is_crowded and holders > total and mine.slots > 0 and mine.since < t - make_interval(secs => p_turn_seconds) then
        slots := 0;                                   -- its turn is over
    end if;
    {charge}
    insert into hourline.traffic_holder as h (account, holder, slots, wanted, since, lease_until)
    values (p_account, p_holder, charged, p_wanted, mine.since, t + make_interval(secs => p_lease_seconds))
    on conflict (account, holder) do update
    set slots = excluded.slots, wanted = excluded.wanted, lease_until = excluded.lease_until,
        since = case when (h.slots = 0) = (excluded.slots = 0) then h.since else t end;
    rest_seconds := greatest(0, coalesce(extract(epoch from a.rests_until - t), 0));
end $$;
"""
TOLD_ITS_SHARE = "charged := greatest(slots, p_in_use);"
TOLD_WHAT_IT_USES = "slots := greatest(slots, p_in_use); charged := slots;"


def upgrade() -> None:
    """Tell a process its share."""
    op.get_bind().connection.cursor().execute(HOLD.format(charge=TOLD_ITS_SHARE))


def downgrade() -> None:
    """Tell it what it uses."""
    op.get_bind().connection.cursor().execute(HOLD.format(charge=TOLD_WHAT_IT_USES))
