"""Who uses which vendor account just now, which destination is left alone, and what must be in effect by when.

The traffic tables hold no history: rows come and go within a minute. Every time is the database's own clock, so that machines whose
clocks differ share one allowance.
"""

from alembic import op

revision = "0013_traffic"
down_revision = "0011_statistics"
branch_labels = None
depends_on = None

TABLES = """
create table hourline.traffic_account (
    account text primary key,
    learned_concurrency integer check (learned_concurrency > 0),  -- null: as declared
    learned_at timestamptz,
    rests_until timestamptz
);
create table hourline.traffic_holder (
    account text not null,
    holder text not null,
    slots integer not null,
    wanted integer not null,
    since timestamptz not null,        -- when it came to hold a slot, or to wait for one
    lease_until timestamptz not null,
    primary key (account, holder)
);
create table hourline.traffic_taken (
    account text not null,
    taken_at timestamptz not null,
    calls integer not null check (calls > 0)
);
create index traffic_taken_by_time on hourline.traffic_taken (account, taken_at);

-- A row while it is open.
create table delivery.breaker (
    destination text primary key,
    opened_at timestamptz not null,
    trips integer not null,
    probe_at timestamptz not null,
    probe_worker text,
    probe_lease_until timestamptz,
    why text not null
);

-- What must be in effect by when; null: no cut-off. Claims go by it: work nearest its cut-off first.
alter table delivery.intent add column cutoff_at timestamptz;
create index intent_due_by_cutoff on delivery.intent (sync, destination, coalesce(cutoff_at, 'infinity'), next_attempt_at, intent_id)
    where state = 'planned';
drop index delivery.intent_due;
"""

FUNCTIONS = """
-- The account's row, locked: whoever deals with an account takes turns here.
create function hourline.lock_account(p_account text) returns hourline.traffic_account language plpgsql as $$
declare a hourline.traffic_account;
begin
    insert into hourline.traffic_account (account) values (p_account) on conflict do nothing;
    select * into a from hourline.traffic_account where account = p_account for update;
    return a;
end $$;

-- Shares are equal; what one does not want, others may have. With more processes than calls at once they take turns.
create function hourline.hold_slots(p_account text, p_holder text, p_wanted integer, p_in_use integer, p_declared integer,
    p_lease_seconds double precision, p_turn_seconds double precision, out slots integer, out rest_seconds double precision)
language plpgsql as $$
declare
    a hourline.traffic_account := hourline.lock_account(p_account);
    t timestamptz := clock_timestamp();
    mine hourline.traffic_holder;
    total integer; holders integer; others integer; ahead integer; share integer; is_crowded boolean;
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
    slots := greatest(slots, p_in_use);
    insert into hourline.traffic_holder as h (account, holder, slots, wanted, since, lease_until)
    values (p_account, p_holder, slots, p_wanted, mine.since, t + make_interval(secs => p_lease_seconds))
    on conflict (account, holder) do update
    set slots = excluded.slots, wanted = excluded.wanted, lease_until = excluded.lease_until,
        since = case when (h.slots = 0) = (excluded.slots = 0) then h.since else t end;
    rest_seconds := greatest(0, coalesce(extract(epoch from a.rests_until - t), 0));
end $$;

create function hourline.release_slots(p_account text, p_holder text) returns void language sql as $$
    delete from hourline.traffic_holder where account = p_account and holder = p_holder
$$;

create function hourline.take_calls(p_account text, p_wanted integer, p_requests integer, p_window_seconds double precision,
    out calls integer, out wait_seconds double precision)
language plpgsql as $$
declare
    a hourline.traffic_account := hourline.lock_account(p_account);
    t timestamptz := clock_timestamp();
    used integer; oldest timestamptz;
begin
    delete from hourline.traffic_taken k where k.account = p_account and k.taken_at <= t - make_interval(secs => p_window_seconds);
    select coalesce(sum(k.calls), 0), min(k.taken_at) into used, oldest from hourline.traffic_taken k where k.account = p_account;
    calls := greatest(0, least(p_wanted, p_requests - used));
    wait_seconds := 0;
    if calls > 0 then
        insert into hourline.traffic_taken (account, taken_at, calls) values (p_account, t, calls);
    else
        wait_seconds := p_window_seconds - extract(epoch from t - oldest);
    end if;
end $$;

create function hourline.note_left(p_account text, p_requests integer, p_window_seconds double precision, p_left integer)
returns void language plpgsql as $$
declare
    a hourline.traffic_account := hourline.lock_account(p_account);
    t timestamptz := clock_timestamp();
    used integer;
begin
    select coalesce(sum(k.calls), 0) into used from hourline.traffic_taken k
    where k.account = p_account and k.taken_at > t - make_interval(secs => p_window_seconds);
    if p_requests - p_left > used then
        insert into hourline.traffic_taken (account, taken_at, calls) values (p_account, t, p_requests - p_left - used);
    end if;
end $$;

create function hourline.rest_account(p_account text, p_seconds double precision) returns void language plpgsql as $$
declare a hourline.traffic_account := hourline.lock_account(p_account);
begin
    update hourline.traffic_account acc
    set rests_until = greatest(acc.rests_until, clock_timestamp() + make_interval(secs => p_seconds))
    where acc.account = p_account;
end $$;

-- A burst of refusals is one lesson.
create function hourline.slow_account(p_account text, p_declared integer) returns void language plpgsql as $$
declare a hourline.traffic_account := hourline.lock_account(p_account);
begin
    if a.learned_at is null or a.learned_at < clock_timestamp() - interval '2 seconds' then
        update hourline.traffic_account acc
        set learned_concurrency = greatest(1, least(p_declared, coalesce(a.learned_concurrency, p_declared)) - 1),
            learned_at = clock_timestamp()
        where acc.account = p_account;
    end if;
end $$;
"""

# A cut-off is a local wall time. Of a time that the clock shows twice the first counts, and one that it skips is the instant
# when it would have come had the clock not moved: a cut-off is never later than people read it.
CUT_OFFS = """
create function rule.local_instant(p_local timestamp, p_zone text) returns timestamptz
    language sql stable parallel safe strict
    as $$ select min(t) from (values (p_local at time zone p_zone), ((p_local at time zone p_zone) - interval '1 hour')) v (t)
          where t at time zone p_zone = p_local
             or (t = p_local at time zone p_zone
                 and not exists (select where (p_local at time zone p_zone) at time zone p_zone = p_local)) $$;

-- By when the hours of a period must be in effect: the earlier of the firm's own cut-off (`cutoff_days:<role>` after the period's
-- last day, at minute `cutoff_minute:<role>` of the day there, end of the day if there is none) and the vendor's deadline.
create function rule.cutoff_at(p_role text, p_legal_entity text, p_period_end date, p_vendor_deadline timestamptz) returns timestamptz
    language sql stable parallel safe
    as $$
        select least(p_vendor_deadline, (
            select rule.local_instant(
                (p_period_end + cast(days.value as integer)) + make_interval(mins => cast(coalesce(minute.value, 1440) as integer)),
                entity.time_zone)
            from rule.legal_entity entity
            join lateral (select p.value from rule.policy p where p.name = 'cutoff_days:' || p_role
                          and p.legal_entity in ('', entity.legal_entity) order by p.legal_entity desc limit 1) days on true
            left join lateral (select p.value from rule.policy p where p.name = 'cutoff_minute:' || p_role
                               and p.legal_entity in ('', entity.legal_entity) order by p.legal_entity desc limit 1) minute on true
            where entity.legal_entity = p_legal_entity))
    $$;
"""

GRANTS = """
grant select, insert, update, delete on hourline.traffic_account, hourline.traffic_holder, hourline.traffic_taken
    to hourline_load, hourline_deliver;
revoke all on delivery.breaker from hourline_load, hourline_operate, hourline_transform, hourline_analyse;
grant select, insert, update, delete on delivery.breaker to hourline_deliver;
grant select on delivery.breaker to hourline_operate;
grant select on hourline.traffic_account, hourline.traffic_holder, hourline.traffic_taken to hourline_operate;
"""


def upgrade() -> None:
    """Make the tables and the functions that share an allowance."""
    cursor = op.get_bind().connection.cursor()  # the driver's own: several statements in one go
    for script in (TABLES, FUNCTIONS, CUT_OFFS, GRANTS):
        cursor.execute(script)


def downgrade() -> None:
    """Take them back: they hold nothing that lasts."""
    for name in (
        "hold_slots",
        "release_slots",
        "take_calls",
        "note_left",
        "rest_account",
        "slow_account",
        "lock_account",
    ):
        op.execute(f"drop function hourline.{name}")
    op.execute("drop function rule.cutoff_at, rule.local_instant")
    op.execute("drop table hourline.traffic_taken, hourline.traffic_holder, hourline.traffic_account, delivery.breaker")
    op.execute(
        "create index intent_due on delivery.intent (sync, destination, next_attempt_at, intent_id) where state = 'planned'"
    )
    op.execute("alter table delivery.intent drop column cutoff_at")
