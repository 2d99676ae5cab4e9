-- name: hold
update delivery.intent i
set state = 'held', state_since = hourline.now(), reason = :reason,
    owner = coalesce(cast(:owner as text), cast(:owners as jsonb) ->> i.sync), held_by = 'door'
where {condition} and i.state = 'planned'
returning i.intent_id;

-- name: open_for_hold
insert into delivery.exception (intent_id, sync, source_system, chain_key, destination, category, cause, owner, message, money, currency,
                                minutes, legal_entity, period)
select i.intent_id, i.sync, i.source_system, i.chain_key, i.destination, 'held', i.reason, i.owner, :message, i.delta_amount, i.currency,
       i.delta_minutes, i.legal_entity, i.period
from delivery.intent i where i.intent_id = any(cast(:ids as bigint[]))
on conflict (intent_id, (category = 'integrity')) where closed_at is null and intent_id is not null
do update set last_seen_at = hourline.now(), category = excluded.category, cause = excluded.cause, owner = excluded.owner,
              message = excluded.message;

-- name: release_batch
update delivery.intent i
set state = 'planned', state_since = hourline.now(), reason = null, owner = null, held_by = null,
    next_attempt_at = case when i.waits_for is null then hourline.now() end
where i.plan_id = :plan_id and i.state = 'held'
    and (i.held_by = 'mass_change' or i.held_by = 'door' and i.reason = 'batch held')
returning i.intent_id;

-- name: close_for_release
update delivery.exception x set closed_at = hourline.now(), closed_by = :actor, closed_reason = :why
where x.intent_id = any(cast(:ids as bigint[])) and x.closed_at is null and x.category = 'held';

-- name: replay
-- What the destination had taken before it refused it stands there: it is followed up again, and never sent a second time.
with chosen as materialized (
    select i.intent_id, x.exception_id, i.state = 'refused' and i.is_taken as is_taken
    from delivery.exception x join delivery.intent i on i.intent_id = x.intent_id
    where x.closed_at is null and x.category <> 'integrity'
        and (i.state = 'refused' or i.state = 'held' and i.held_by in ('retries', 'door'))
        and (cast(:intent_ids as bigint[]) is null or i.intent_id = any(cast(:intent_ids as bigint[])))
        and (cast(:exception_ids as bigint[]) is null or x.exception_id = any(cast(:exception_ids as bigint[])))
        and (cast(:cause as text) is null or x.cause_key = :cause or x.cause = :cause)
        and (cast(:sync as text) is null or i.sync = :sync)
        and (cast(:period as date) is null or i.period = :period)
        and (cast(:since as timestamptz) is null or x.opened_at >= :since)
        and (cast(:until as timestamptz) is null or x.opened_at < :until)
    order by i.intent_id for update of i
), back as (
    update delivery.intent i
    set state = case when c.is_taken then 'accepted' else 'planned' end, state_since = hourline.now(), reason = null, owner = null,
        held_by = null, payload = case when c.is_taken then i.payload end, failure_count = 0,
        next_attempt_at = case when i.waits_for is null or c.is_taken then hourline.now() end
    from chosen c where i.intent_id = c.intent_id
    returning i.intent_id, c.exception_id, i.state
), counted as (
    update delivery.exception x set replay_count = x.replay_count + 1
    from back where x.exception_id = back.exception_id
), told as (
    insert into delivery.event (actor, verb, subject, detail)
    select :actor, 'replayed', 'intent:' || intent_id,
           jsonb_build_object('why', cast(:why as text), 'exception_id', exception_id, 'state', state)
    from back order by intent_id
)
select count(*) from back
