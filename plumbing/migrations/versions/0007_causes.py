"""Causes: what many exceptions have in common, when each is due, and who was told of it.

A cause is named when its exception is written, by a trigger, so that every writer of exceptions names it alike and none
can forget to: sync, destination, category, code or field, and the subject that is wrong (a period, an employee, a
project), as ``delivery.cause_rule`` says. The name is a hash of these and stands on the row: it is the same on every
machine and stays when a rule, an owner or a text changes. No shared row is written, so workers never wait for each other.

Revision ID: 0007_causes
"""

from alembic import op

revision = "0007_causes"
down_revision = "0006_corrections"
branch_labels = None
depends_on = None

TABLES = """
create table delivery.cause_rule (
    priority integer primary key,            -- the first that fits decides
    category text not null,                  -- patterns of LIKE
    cause text not null,
    subject_kind text not null
        check (subject_kind in ('none', 'period', 'employee', 'project', 'task', 'work_type', 'person_day', 'plan'))
);
insert into delivery.cause_rule (priority, category, cause, subject_kind) values
    (10, 'closed_period', '%', 'period'), (11, 'held', 'period closed', 'period'), (12, 'held', 'no pay period', 'period'),
    (20, 'held', 'unknown employee', 'employee'), (21, 'held', 'legal entity unresolved', 'employee'),
    (22, 'invalid_reference', '%employee%', 'employee'), (23, 'invalid_reference', '%entity_uuid%', 'employee'),
    (24, 'invalid_reference', '%job%', 'employee'),
    (30, 'held', 'unknown project', 'project'), (31, 'held', 'project deleted', 'project'), (32, 'held', 'project closed', 'project'),
    (33, 'held', 'rate missing', 'project'), (34, 'invalid_reference', '%project%', 'project'),
    (35, 'invalid_reference', '%customer%', 'project'),
    (40, 'held', 'unknown work type', 'work_type'), (41, 'invalid_reference', '%item%', 'work_type'),
    (50, 'held', 'unknown phase', 'task'), (51, 'invalid_reference', '%task%', 'task'),
    (60, 'held', 'day total over limit', 'person_day'),
    (70, 'held', 'batch held', 'plan'), (71, 'held', 'mass change', 'plan');

alter table delivery.exception add column subject_kind text, add column subject text, add column cause_key text;

-- One row a cause and episode: from its first open exception to its last. Kept by `hourline notify`.
create table delivery.cause (
    cause_key text not null,
    episode integer not null,
    sync text not null,
    destination text,
    category text not null,
    cause text not null,
    subject_kind text not null,
    subject text not null,
    owner text not null,
    opened_at timestamptz not null,
    solved_at timestamptz,
    step integer not null default 0,         -- messages asked for so far
    told_at timestamptz,
    told_rows bigint,
    is_told_overdue boolean not null default false,
    is_closed boolean not null default false,  -- solved, and nothing more to say
    primary key (cause_key, episode)
);
create unique index cause_one_open on delivery.cause (cause_key) where solved_at is null;
create index cause_unclosed on delivery.cause (cause_key) where not is_closed;

-- Asked for in the transaction that decides it, sent after, and then marked; once a cause, step and channel.
create table delivery.notification (
    notification_id bigint generated always as identity primary key,
    cause_key text not null,
    episode integer not null,
    step integer not null,
    kind text not null check (kind in ('opened', 'grown', 'overdue', 'solved')),
    channel text not null,
    title text not null,
    body text not null,
    state text not null default 'asked' check (state in ('asked', 'sending', 'sent', 'dropped', 'failed')),
    asked_at timestamptz not null default clock_timestamp(),
    next_attempt_at timestamptz not null default clock_timestamp(),
    attempts integer not null default 0,
    interruptions integer not null default 0,
    lease_until timestamptz,
    sent_at timestamptz,
    last_error text,
    unique (cause_key, episode, step, channel)
);
create index notification_due on delivery.notification (next_attempt_at) where state in ('asked', 'sending');
"""

FUNCTIONS = """
create function delivery.cause_subject(kind text, i delivery.intent) returns text language sql stable as $$
    select case kind
        when 'period' then coalesce((i.context ->> 'pay_period_start') || '/' || (i.context ->> 'pay_period_end'),
                                    to_char(coalesce(i.period, i.base_period), 'YYYY-MM'))
        when 'employee' then who.person
        when 'person_day' then concat_ws(' ', who.person, coalesce(i.work_date, i.base_work_date))
        when 'project' then coalesce(i.fields ->> 'project_ref', 'workspace ' || (i.context ->> 'workspace_id'))
        when 'task' then coalesce(i.fields ->> 'task_ref', 'story ' || (i.context ->> 'story_id'))
        when 'work_type' then coalesce(i.fields ->> 'item_ref', i.context ->> 'work_type')
        when 'plan' then 'plan ' || i.plan_id
    end
    -- Where the destination doesn't know the person, the source's own id names them: a payroll day's id begins with it.
    from (select coalesce(i.fields ->> 'employee_ref', 'user ' || (i.context ->> 'user_id'),
                          'user ' || substring(i.source_id from '^(.+)-[0-9]{8}-[^-]+$')) as person) who
$$;

create function delivery.name_cause() returns trigger language plpgsql as $$
declare
    about delivery.intent;
begin
    if tg_op = 'UPDATE' and new.cause_key is not null
       and (new.intent_id, new.sync, new.destination, new.category, new.cause)
           is not distinct from (old.intent_id, old.sync, old.destination, old.category, old.cause) then
        return new;
    end if;
    new.subject_kind := coalesce(
        (select r.subject_kind from delivery.cause_rule r where new.category like r.category and new.cause like r.cause
         order by r.priority limit 1), 'none');
    if new.subject_kind <> 'none' and new.intent_id is not null then
        select * into about from delivery.intent i where i.intent_id = new.intent_id;
        new.subject := delivery.cause_subject(new.subject_kind, about);
    end if;
    new.subject := coalesce(new.subject, '');
    new.cause_key := 'c' || left(encode(sha256(convert_to(concat_ws(chr(31), new.sync, coalesce(new.destination, ''), new.category,
        new.cause, new.subject_kind, new.subject), 'UTF8')), 'hex'), 12);
    return new;
end $$;
create trigger exception_names_cause before insert or update of intent_id, sync, destination, category, cause
    on delivery.exception for each row execute function delivery.name_cause();
update delivery.exception set category = category;
alter table delivery.exception alter column cause_key set not null, alter column subject set not null,
    alter column subject_kind set not null;
create index exception_by_cause on delivery.exception (cause_key, exception_id) where closed_at is null;

-- A figure of rule.policy that holds for all entities.
-- Definer's rights: analysts see the views, not the tables below.
create function delivery.policy(wanted text) returns numeric language sql stable security definer set search_path = pg_catalog as
    $$ select value from rule.policy where name = wanted and legal_entity = '' $$;

-- When a cause is due. Policy names: sla_hours:<category> (by the clock) or sla_business_hours:<category>, of the exact cause
-- first, then of the category, then of 'default'; business hours are Monday to Friday, business_day_starts to
-- business_day_ends (9 and 17) by the wall clock of the zone. Unless policy says otherwise: 16 business hours.
create function delivery.due_at(category text, cause text, since timestamptz, zone text) returns timestamptz
    language sql stable security definer set search_path = pg_catalog as $$
    with chosen as (
        select coalesce(
            (select array[p.value, (p.name like 'sla_business%')::integer] from rule.policy p
             join (values (1, due_at.cause), (2, due_at.category), (3, 'default')) n (place, called)
                 on p.name in ('sla_hours:' || n.called, 'sla_business_hours:' || n.called)
             where p.legal_entity = '' order by n.place, p.name limit 1),
            array[16, 1]) as sla
    ), given as (
        select sla[1] as hours, sla[2] = 1 as is_business, due_at.since at time zone due_at.zone as local,
               coalesce(delivery.policy('business_day_starts'), 9) as starts, coalesce(delivery.policy('business_day_ends'), 17) as ends
        from chosen
    ), span as (
        select day, greatest(g.local, day + make_interval(mins => (g.starts * 60)::integer)) as begins,
               day + make_interval(mins => (g.ends * 60)::integer) as ends
        from given g
        cross join lateral generate_series(date_trunc('day', g.local),
            date_trunc('day', g.local) + make_interval(days => 14 + ceil(g.hours / nullif(g.ends - g.starts, 0) * 2)::integer), '1 day') day
        where g.is_business and extract(isodow from day) < 6
    ), summed as (
        select begins, ends, sum(ends - begins) over (order by day) as worked from span where ends > begins
    )
    select case
        when not g.is_business then due_at.since + make_interval(secs => g.hours * 3600)
        else (select s.ends - (s.worked - make_interval(secs => g.hours * 3600)) from summed s
              where s.worked >= make_interval(secs => g.hours * 3600) order by s.begins limit 1) at time zone due_at.zone
    end
    from given g
$$;
"""

VIEWS = """
create or replace view delivery.ops_exceptions as
select x.exception_id, x.intent_id, x.sync, x.source_system, x.chain_key, x.destination, x.category, x.cause, x.owner, x.message,
       x.money, x.currency, x.minutes, x.minutes / 60 as hours, x.legal_entity, x.period,
       x.opened_at, x.last_seen_at, x.closed_at, x.closed_by, x.closed_reason, x.closed_intent_id, x.replay_count,
       x.closed_at is null as is_open, coalesce(x.closed_at, clock_timestamp()) - x.opened_at as age,
       i.source_id, i.operation, i.state, i.work_date, i.correlation_id,
       x.cause_key, x.subject_kind, x.subject
from delivery.exception x left join delivery.intent i using (intent_id);

-- One row a cause that has an open exception. Money never adds up over currencies.
create view delivery.ops_causes as
with counted as (
    select x.cause_key, x.currency, count(*) as exceptions, sum(x.minutes) as minutes, sum(x.money) as money,
           min(x.opened_at) as first_seen_at, max(x.last_seen_at) as last_seen_at,
           min(x.exception_id) as first_id, min(x.legal_entity) as legal_entity,
           count(*) filter (where i.state in ('planned', 'sending', 'accepted', 'in_doubt')) as under_way,
           count(*) filter (where i.state = 'refused' or i.state = 'held' and i.held_by in ('retries', 'door')) as replayable
    from delivery.exception x left join delivery.intent i using (intent_id)
    where x.closed_at is null
    group by x.cause_key, x.currency
), summed as (
    select cause_key, sum(exceptions)::bigint as exceptions, coalesce(sum(minutes), 0) as minutes,
           coalesce(jsonb_object_agg(currency, money::text) filter (where currency is not null and money is not null), '{}') as money,
           min(first_seen_at) as first_seen_at, max(last_seen_at) as last_seen_at, min(first_id) as first_id,
           min(legal_entity) as legal_entity, sum(under_way)::bigint as under_way, sum(replayable)::bigint as replayable
    from counted group by cause_key
)
select s.cause_key, x.sync, x.destination, x.category, x.cause, x.subject_kind, x.subject, x.owner, x.message as example,
       s.exceptions, s.minutes, s.money, s.first_seen_at, s.last_seen_at, hourline.now() - s.first_seen_at as age,
       d.due_at, d.due_at < hourline.now() as is_overdue, s.under_way, s.replayable
from summed s
join delivery.exception x on x.exception_id = s.first_id
left join rule.legal_entity e on e.legal_entity = s.legal_entity
cross join lateral (select delivery.due_at(x.category, x.cause, s.first_seen_at, coalesce(e.time_zone, 'UTC')) as due_at) d;
"""

GRANTS = """
revoke insert, update on delivery.cause_rule from hourline_deliver;
revoke insert, update on delivery.cause, delivery.notification from hourline_deliver;
grant select on delivery.ops_causes to hourline_analyse;
"""


def upgrade() -> None:
    """Name the causes, of what is written already too."""
    cursor = op.get_bind().connection.cursor()  # the driver's own: several statements in one go
    for script in (TABLES, FUNCTIONS, VIEWS, GRANTS):
        cursor.execute(script)


def downgrade() -> None:
    """Refuse: a ledger is not undone by a command."""
    msg = "The delivery ledger is not changed back by a migration: restore a backup from before it instead."
    raise NotImplementedError(msg)
