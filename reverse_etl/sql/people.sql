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
update delivery.intent i
set state = 'planned', state_since = hourline.now(), reason = null, owner = null, held_by = null, payload = null, failure_count = 0,
    next_attempt_at = case when i.waits_for is null then hourline.now() end
from delivery.exception x
where x.intent_id = i.intent_id and x.closed_at is null and x.category <> 'integrity'
    and (i.state = 'refused' or i.state = 'held' and i.held_by in ('retries', 'door'))
    and (cast(:intent_ids as bigint[]) is null or i.intent_id = any(cast(:intent_ids as bigint[])))
    and (cast(:exception_ids as bigint[]) is null or x.exception_id = any(cast(:exception_ids as bigint[])))
    and (cast(:cause as text) is null or x.cause = :cause)
    and (cast(:sync as text) is null or i.sync = :sync)
    and (cast(:period as date) is null or i.period = :period)
returning i.intent_id;

-- name: count_replay
update delivery.exception x set replay_count = x.replay_count + 1
where x.intent_id = any(cast(:ids as bigint[])) and x.closed_at is null and x.category <> 'integrity';
