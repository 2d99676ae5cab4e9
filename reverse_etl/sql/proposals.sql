-- name: list
-- One row a chain: what is proposed for it, or approved and to be made by hand.
select min(p.intent_id) as proposal_id, array_agg(p.intent_id order by p.revision) as intent_ids, p.sync, p.source_system, p.source_id,
       p.chain_key, string_agg(distinct p.destination, ', ') as destination, p.reason, min(p.owner) as owner,
       array_agg(p.operation order by p.revision) as operations, bool_or(p.is_by_hand) as is_by_hand,
       bool_or(p.held_by = 'person') as is_approved, min(p.legal_entity) as legal_entity, min(p.work_date) as work_date,
       min(p.period) as period, sum(coalesce(p.base_minutes, 0)) as minutes_there,
       sum(coalesce(p.base_minutes, 0)) + sum(p.delta_minutes) as minutes_wanted, sum(p.base_amount) as amount_there,
       sum(p.base_amount) + sum(p.delta_amount) as amount_wanted, min(p.currency) as currency, min(p.approved_by) as approved_by,
       min(p.state_since) as since
from delivery.ops_proposals p
where (cast(:sync as text) is null or p.sync = :sync)
    and (cast(:reason as text) is null or p.reason = :reason)
    and (cast(:owner as text) is null or p.owner = :owner)
group by p.sync, p.source_system, p.source_id, p.chain_key, p.reason
order by p.sync, min(p.intent_id);

-- name: choose
-- Every step of each chosen proposal, locked: a proposal is decided whole.
select i.intent_id, i.is_by_hand, i.chain_key
from delivery.intent i
where i.state = 'held' and i.held_by = 'proposal'
    and (i.sync, i.chain_key) in (
        select c.sync, c.chain_key from delivery.intent c
        where c.state = 'held' and c.held_by = 'proposal'
            and (cast(:proposal_ids as bigint[]) is null or c.intent_id = any(cast(:proposal_ids as bigint[])))
            and (cast(:sync as text) is null or c.sync = :sync)
            and (cast(:reason as text) is null or c.reason = :reason)
            and (cast(:period as date) is null or c.period = :period))
order by i.intent_id for update;

-- name: say
insert into delivery.approval (intent_id, actor, verdict, why)
select intent_id, :actor, :verdict, :why from unnest(cast(:ids as bigint[])) intent_id
on conflict (intent_id, lower(btrim(actor))) where verdict = 'approved' do nothing
returning intent_id;

-- name: agreed
select a.intent_id from delivery.approval a
where a.intent_id = any(cast(:ids as bigint[])) and a.verdict = 'approved'
group by a.intent_id having count(distinct lower(btrim(a.actor))) >= :people;

-- name: release
update delivery.intent i
set state = 'planned', state_since = hourline.now(), reason = null, owner = null, held_by = null,
    next_attempt_at = case when i.waits_for is null then hourline.now() end
where i.intent_id = any(cast(:ids as bigint[])) and i.state = 'held' and not i.is_by_hand
returning i.intent_id;

-- name: hand_over
update delivery.intent i
set state_since = hourline.now(), held_by = 'person'
where i.intent_id = any(cast(:ids as bigint[])) and i.state = 'held' and i.is_by_hand
returning i.intent_id;

-- name: close_released
update delivery.exception x set closed_at = hourline.now(), closed_by = :actor, closed_reason = :why, closed_intent_id = x.intent_id
where x.intent_id = any(cast(:ids as bigint[])) and x.closed_at is null and x.category = 'proposal';

-- name: tell_by_hand
update delivery.exception x
set last_seen_at = hourline.now(),
    message = 'Approved: ' || x.cause || '. Make it there by hand, then say so: hourline decide ' || x.intent_id || ' there --as ID.'
where x.intent_id = any(cast(:ids as bigint[])) and x.closed_at is null;

-- name: reject
update delivery.intent i set state_since = hourline.now(), held_by = 'person', reason = :rejected, is_by_hand = false
where i.intent_id = any(cast(:ids as bigint[])) and i.state = 'held'
returning i.intent_id;

-- name: tell_rejected
update delivery.exception x
set last_seen_at = hourline.now(), category = 'held', cause = :rejected, message = 'Rejected by ' || cast(:actor as text) || ': ' || cast(:why as text)
where x.intent_id = any(cast(:ids as bigint[])) and x.closed_at is null;
