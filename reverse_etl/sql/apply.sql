-- name: number_intents
-- Oldest work first: claims go by this order.
update new_intent n set intent_id = numbered.intent_id
from (select place, nextval('delivery.intent_intent_id_seq') as intent_id
      from (select ctid as place from new_intent order by destination, work_date, chain_key, step_no) ordered) numbered
where n.ctid = numbered.place;

-- name: link_steps
update new_intent n
set waits_for = coalesce((select f.intent_id from new_intent f where f.chain_key = n.chain_key and f.step_no = n.step_no - 1), n.flight_id)
where n.step_no > 1 or n.flight_id is not null;

-- name: list_unsent
-- The open intents that the plan has something to say about, and what takes their place.
create temporary table unsent_intent on commit drop as
select u.intent_id, d.chain_key, d.action, n.intent_id as successor
from decision d
cross join lateral unnest(d.unsent_ids) as u (intent_id)
left join lateral (select n.intent_id from new_intent n where n.chain_key = d.chain_key order by n.step_no desc limit 1) n on true
where d.unsent_ids is not null;

-- name: analyze_unsent
analyze unsent_intent;

-- name: save_plan
insert into delivery.plan (sync, scope, snapshot, totals, batch_state, message)
values (:sync, :scope, cast(:snapshot as pg_snapshot), cast(:totals as jsonb), :batch_state, :message)
returning plan_id;

-- name: save_chains
insert into delivery.chain as c (sync, source_system, source_id, chain_key, destination, revision, open_intent_id)
select :sync, d.source_system, d.source_id, d.chain_key,
       -- where it is in effect or in flight; else where it is headed
       case when d.has_base or d.settled_intent_id is not null then d.base_destination else d.destination end,
       d.last_revision + d.steps,
       coalesce((select n.intent_id from new_intent n where n.chain_key = d.chain_key order by n.step_no desc limit 1), d.flight_id)
from decision d where d.action = 'replace'
on conflict (sync, chain_key) do update
set revision = excluded.revision, open_intent_id = excluded.open_intent_id, destination = excluded.destination;

-- name: save_intents
insert into delivery.intent (
    intent_id, sync, source_system, source_id, chain_key, generation, record_key, revision, request_key, destination, operation,
    legal_entity, work_date, period, minutes, amount, currency, delta_minutes, delta_amount,
    base_legal_entity, base_work_date, base_period, base_minutes, base_amount, base_currency,
    fields, context, rules, contract_version, fingerprint, correlation_id, supersedes, reverses, corrects, is_by_hand, waits_for,
    desired_state, decided_state, decided_reason, state, reason, owner, held_by, next_attempt_at, cutoff_at, plan_id, landed_version)
overriding system value
select n.intent_id, :sync, n.source_system, n.source_id, n.chain_key, n.generation, k.record_key, n.revision, k.request_key,
       n.destination, n.operation, n.legal_entity, n.work_date, n.period, n.minutes, n.amount, n.currency,
       n.minutes - coalesce(n.base_minutes, 0),
       case when n.base_currency is null or n.base_currency is not distinct from n.currency
            then n.amount - coalesce(n.base_amount, 0) end,
       n.base_legal_entity, n.base_work_date, n.base_period, n.base_minutes, n.base_amount, n.base_currency,
       n.fields, n.context, n.rules, n.contract_version, n.fingerprint, delivery.correlation(:sync, k.request_key),
       n.supersedes, n.reverses, n.corrects, n.is_by_hand, n.waits_for, n.desired_state, n.decided_state,
       case when n.decided_state = 'held' then n.reason end,
       n.state, n.reason, n.owner, n.held_by,
       case when n.waits_for is null then hourline.now() end,
       c.cutoff_at, :plan_id, n.landed_version
from new_intent n
left join new_cutoff c on c.legal_entity = n.legal_entity and c.period_end = n.period_end
    and coalesce(c.deadline_at, 'infinity') = coalesce(n.deadline_at, 'infinity')
cross join lateral (
    select n.chain_key || '-g' || n.generation as record_key,
           n.chain_key || '-g' || n.generation || '-r' || n.revision || '-'
               || case n.operation when 'create' then 'c' when 'amend' then 'a' when 'reverse' then 'v' when 'adjust' then 'j' else 'd' end as request_key
) k
order by n.intent_id;

-- name: save_lines
insert into delivery.intent_line (intent_id, source_system, source_id, version, minutes)
select x.intent_id, x.source_system, x.source_id, max(x.version), sum(x.minutes)
from (
    select n.intent_id, m.source_system, m.source_id, m.version,
           case when n.operation in ('delete', 'reverse') then 0 else m.minutes end as minutes
    from new_intent n
    cross join lateral jsonb_to_recordset(n.members) as m (source_system text, source_id text, version bigint, minutes numeric)
    where jsonb_typeof(n.members) = 'array' and m.source_system is not null and m.source_id is not null
    union all
    -- A member that was in effect of it and is no more: the revision that drops it is part of its story.
    select n.intent_id, l.source_system, l.source_id, l.version, 0
    from new_intent n
    join delivery.intent_line l on l.intent_id = n.base_id and l.minutes <> 0
    where n.operation <> 'create'
) x
group by x.intent_id, x.source_system, x.source_id;

-- name: supersede
update delivery.intent i
set state = 'superseded', state_since = hourline.now(), lease_owner = null, lease_until = null, superseded_by = u.successor
from unsent_intent u
where u.action = 'replace' and i.intent_id = u.intent_id and i.state in ('planned', 'held', 'refused');

-- name: close_superseded_exceptions
update delivery.exception x
set closed_at = hourline.now(), closed_by = :actor, closed_reason = 'superseded by a newer desire', closed_intent_id = u.successor
from unsent_intent u
where u.action = 'replace' and x.intent_id = u.intent_id and x.closed_at is null and x.category <> 'integrity';

-- name: open_hold_exceptions
insert into delivery.exception (intent_id, sync, source_system, chain_key, destination, category, cause, owner, message, money, currency,
                                minutes, legal_entity, period)
select n.intent_id, :sync, n.source_system, n.chain_key, n.destination, case n.held_by when 'proposal' then 'proposal' else 'held' end,
       n.reason, n.owner,
       case when n.held_by is distinct from 'proposal' then 'Held: ' || n.reason || '.'
            when n.is_by_hand then 'Proposed: ' || n.reason || '. Two people approve it, then it is made there by hand.'
            else 'Proposed: ' || n.reason || '. Two people approve it, then it is sent.' end,
       n.amount - coalesce(n.base_amount, 0), n.currency,
       n.minutes - coalesce(n.base_minutes, 0), n.legal_entity, n.period
from new_intent n where n.state = 'held';

-- name: record_intents
insert into delivery.event (actor, verb, subject, detail)
select :actor, n.state, 'intent:' || n.intent_id,
       jsonb_strip_nulls(jsonb_build_object('plan_id', cast(:plan_id as bigint), 'chain_key', n.chain_key, 'operation', n.operation,
           'revision', n.revision, 'fingerprint', n.fingerprint, 'reason', n.reason, 'held_by', n.held_by, 'supersedes', n.supersedes,
           'corrects', n.corrects))
from new_intent n;

-- name: record_superseded
insert into delivery.event (actor, verb, subject, detail)
select :actor, 'superseded', 'intent:' || u.intent_id,
       jsonb_strip_nulls(jsonb_build_object('plan_id', cast(:plan_id as bigint), 'by', u.successor))
from unsent_intent u where u.action = 'replace';

-- name: record_plan
insert into delivery.event (actor, verb, subject, detail)
values (:actor, 'planned', 'plan:' || cast(:plan_id as bigint),
        jsonb_build_object('sync', cast(:sync as text), 'batch_state', cast(:batch_state as text), 'totals', cast(:totals as jsonb)));

-- name: raise_integrity
insert into delivery.exception (intent_id, sync, source_system, chain_key, destination, category, cause, owner, message, money, currency,
                                minutes, legal_entity, period)
select d.base_id, :sync, d.source_system, d.chain_key, d.base_destination, 'integrity', :cause, :owner,
       'What is in effect at ' || coalesce(d.base_destination, 'its destination')
           || ' has no row in the sync view any more. Nothing was taken back: find out why the row vanished.',
       d.base_amount, d.base_currency, d.base_minutes, d.base_legal_entity, d.base_period
from decision d where d.action = 'missing' and d.has_base
on conflict (intent_id, (category = 'integrity')) where closed_at is null and intent_id is not null
do update set last_seen_at = hourline.now();

-- name: hold_missing
update delivery.intent i
set state = 'held', decided_state = 'held', decided_reason = :cause, reason = :cause, owner = :owner, held_by = 'integrity',
    state_since = hourline.now()
from unsent_intent u
where u.action = 'missing' and i.intent_id = u.intent_id and i.state = 'planned';

-- name: open_missing_exceptions
insert into delivery.exception (intent_id, sync, source_system, chain_key, destination, category, cause, owner, message, money, currency,
                                minutes, legal_entity, period)
select i.intent_id, :sync, i.source_system, i.chain_key, i.destination, 'held', :cause, :owner,
       'Held: its row is no longer in the sync view.', i.delta_amount, i.currency, i.delta_minutes, i.legal_entity, i.period
from unsent_intent u join delivery.intent i on i.intent_id = u.intent_id
where u.action = 'missing' and i.state = 'held' and i.held_by = 'integrity'
on conflict (intent_id, (category = 'integrity')) where closed_at is null and intent_id is not null
do update set last_seen_at = hourline.now(), cause = excluded.cause, owner = excluded.owner, message = excluded.message;

-- name: close_integrity
update delivery.exception x
set closed_at = hourline.now(), closed_by = :actor, closed_reason = 'the row is back in the sync view'
where x.sync = :sync and x.category = 'integrity' and x.closed_at is null
    and not exists (select from decision d where d.action = 'missing' and d.chain_key = x.chain_key)
    and (cast(:seen_keys as text[]) is null and :scope = 'sweep' or x.chain_key = any(cast(:seen_keys as text[])));

-- name: raise_empty
insert into delivery.exception (sync, category, cause, owner, message)
select :sync, 'integrity', :cause, :owner, :message
where not exists (select from delivery.exception x where x.sync = :sync and x.intent_id is null and x.cause = :cause and x.closed_at is null);
