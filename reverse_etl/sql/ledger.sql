-- name: release_waiting
update delivery.intent i
set next_attempt_at = hourline.now()
where i.sync = :sync and i.destination = :destination and i.state = 'planned' and i.next_attempt_at is null
    and i.waits_for is not null
    and exists (select from delivery.intent w where w.intent_id = i.waits_for and {is_let_go});

-- name: take_over
-- A lease that ran out: its request may have been carried out. The quiet period counts from the lease's end, as no request of
-- its holder is out any later.
with expired as (
    select intent_id from delivery.intent
    where state = 'sending' and sync = :sync and destination = :destination and lease_until < hourline.now()
    order by intent_id for update skip locked
), doubted as (
    update delivery.intent i
    set state = 'in_doubt', state_since = hourline.now(), reason = 'interrupted', doubt_since = i.lease_until, look_count = 0,
        next_attempt_at = hourline.now(), lease_owner = null, lease_until = null
    from expired e where i.intent_id = e.intent_id
    returning i.intent_id, i.last_call_id
)
insert into delivery.event (actor, verb, subject, detail)
select :worker, 'in_doubt', 'intent:' || intent_id, jsonb_build_object('why', 'its lease ran out', 'call_id', last_call_id) from doubted
returning subject;

-- name: claim
-- Locked, not yet taken: `take` follows in the same transaction, once the payloads are made.
select {columns}
from (
    select i.* from delivery.intent i
    where i.sync = :sync and i.destination = :destination and i.state = 'planned' and i.next_attempt_at <= hourline.now()
        and (i.waits_for is null
             or exists (select from delivery.intent w where w.intent_id = i.waits_for and {is_let_go}))
    order by coalesce(i.cutoff_at, 'infinity'), i.next_attempt_at, i.intent_id limit :limit for update of i skip locked
) i
join delivery.chain c on c.sync = i.sync and c.chain_key = i.chain_key
left join delivery.intent p on p.intent_id = {previous}
order by i.intent_id;

-- name: put_off
update delivery.intent i
set next_attempt_at = greatest(i.next_attempt_at, hourline.now() + make_interval(secs => :seconds)), reason = 'put off after trouble'
where i.sync = :sync and i.destination = :destination and i.state = 'planned' and i.next_attempt_at is not null
    and i.fields ->> :field = :subject
returning i.intent_id;

-- name: take
-- The lease begins here. What is sent now is kept as it is sent.
update delivery.intent i
set state = 'sending', state_since = hourline.now(), reason = null, owner = null, held_by = null,
    attempt_count = v.attempt_no, lease_owner = :worker,
    lease_until = hourline.now() + make_interval(secs => :lease_seconds),
    last_call_id = coalesce(v.call_id, i.last_call_id), payload = coalesce(cast(v.payload as jsonb), i.payload),
    vendor_id = v.vendor_id, look_count = 0
from json_to_recordset(cast(:taken as json)) as v (intent_id bigint, call_id bigint, attempt_no integer, vendor_id text, payload text)
where i.intent_id = v.intent_id;

-- name: claim_doubtful
with due as (
    select i.intent_id from delivery.intent i
    where i.sync = :sync and i.destination = :destination and i.state = 'in_doubt' and i.next_attempt_at <= hourline.now()
        and (i.lease_until is null or i.lease_until < hourline.now())
    order by i.next_attempt_at, i.intent_id limit :limit for update skip locked
), claimed as (
    update delivery.intent i
    set attempt_count = i.attempt_count + 1, lease_owner = :worker,
        lease_until = hourline.now() + make_interval(secs => :lease_seconds),
        doubt_since = coalesce(i.doubt_since, hourline.now())
    from due where i.intent_id = due.intent_id
    returning i.*
)
select {columns}
from claimed i
join delivery.chain c on c.sync = i.sync and c.chain_key = i.chain_key
left join delivery.intent p on p.intent_id = {previous}
order by i.intent_id;

-- name: pick
select {columns}, i.state, i.reason, i.held_by, i.is_by_hand, i.source_system, i.source_id, i.chain_key, c.settled_intent_id,
       c.destination as chain_destination, c.settled_intent_id = i.intent_id as is_in_effect, c.is_gone_accepted, c.is_in_pieces,
       exists (select from delivery.intent f where f.sync = i.sync and f.chain_key = i.chain_key
               and f.state in ('sending', 'accepted', 'in_doubt', 'unknown')) as is_in_flight
from delivery.intent i
join delivery.chain c on c.sync = i.sync and c.chain_key = i.chain_key
left join delivery.intent p on p.intent_id = {previous}
where i.intent_id = :intent_id
for update of i, c;

-- name: accepted
select {columns}
from delivery.intent i
join delivery.chain c on c.sync = i.sync and c.chain_key = i.chain_key
left join delivery.intent p on p.intent_id = {previous}
where i.sync = :sync and i.destination = :destination and i.state = 'accepted'
order by i.intent_id;

-- name: number_calls
select nextval('delivery.call_id_seq') as call_id from generate_series(1, :number);

-- name: ask
insert into delivery.request (call_id, phase, sync, destination, kind, operation, intent_count, worker)
select c.call_id, 'asked', :sync, :destination, :kind, c.operation, c.intent_count, :worker
from unnest(cast(:call_ids as bigint[]), cast(:operations as text[]), cast(:counts as integer[])) as c (call_id, operation, intent_count);

-- name: name_calls
update delivery.intent i
set last_call_id = v.call_id
from unnest(cast(:intent_ids as bigint[]), cast(:call_ids as bigint[])) as v (intent_id, call_id)
where i.intent_id = v.intent_id and i.lease_owner = :worker;

-- name: answer
insert into delivery.request (call_id, phase, sync, destination, kind, operation, intent_count, worker, vendor_job_ref, outcome, status,
                              latency_ms, vendor_request_id, http_calls, message)
select a.call_id, 'answered', :sync, :destination, :kind, a.operation, a.intent_count, :worker, a.vendor_job_ref, a.outcome, a.status,
       a.latency_ms, a.vendor_request_id, a.http_calls, a.message
from json_to_recordset(cast(:answers as json)) as a (call_id bigint, operation text, intent_count integer, vendor_job_ref text,
     outcome text, status integer, latency_ms numeric, vendor_request_id text, http_calls jsonb, message text);

-- name: lock_chains
select c.chain_key from delivery.chain c
where (c.sync, c.chain_key) in (select i.sync, i.chain_key from delivery.intent i where i.intent_id = any(cast(:intent_ids as bigint[])))
order by c.chain_key for update;

-- name: change_state
-- Fenced: only who holds the lease of this very claim changes the state.
update delivery.intent i
set state = v.state, state_since = case when i.state = v.state then i.state_since else hourline.now() end,
    reason = v.reason, owner = v.owner, held_by = v.held_by,
    vendor_id = coalesce(v.vendor_id, i.vendor_id), vendor_detail = coalesce(v.vendor_detail, i.vendor_detail),
    is_taken = v.is_taken and i.state = 'accepted',
    next_attempt_at = hourline.now() + make_interval(secs => v.wait_seconds),
    failure_count = i.failure_count + v.failures,
    doubt_since = case when v.state = 'in_doubt' then coalesce(i.doubt_since, hourline.now()) end,
    look_count = case when v.state = 'in_doubt' then i.look_count + v.looks else 0 end,
    lease_owner = null, lease_until = null
from json_to_recordset(cast(:changes as json)) as v (intent_id bigint, attempt_no integer, state text, reason text, owner text,
     held_by text, vendor_id text, vendor_detail jsonb, is_taken boolean, wait_seconds double precision, failures integer,
     looks integer)
where i.intent_id = v.intent_id and i.attempt_count = v.attempt_no and i.lease_owner is not distinct from :holder
    and i.state = any(cast(:from_states as text[]))
returning i.intent_id;

-- name: append_attempts
insert into delivery.attempt (intent_id, call_id, attempt_no, outcome, vendor_id, category, code, message, is_late)
select a.intent_id, a.call_id, a.attempt_no, a.outcome, a.vendor_id, a.category, a.code, a.message,
       not a.intent_id = any(cast(:changed as bigint[]))
from json_to_recordset(cast(:attempts as json)) as a (intent_id bigint, call_id bigint, attempt_no integer, outcome text,
     vendor_id text, category text, code text, message text)
order by a.intent_id;

-- name: settle_written
update delivery.chain c
set settled_intent_id = i.intent_id, settled_minutes = i.minutes, settled_amount = i.amount, settled_currency = i.currency,
    settled_work_date = i.work_date, settled_period = i.period, settled_legal_entity = i.legal_entity, settled_vendor_id = i.vendor_id,
    settled_record_key = i.record_key, settled_state = i.state, settled_fingerprint = i.fingerprint,
    settled_contract_version = i.contract_version, settled_at = hourline.now(), destination = i.destination, generation = i.generation,
    open_intent_id = nullif(c.open_intent_id, i.intent_id),
    is_in_pieces = i.operation = 'adjust', reversed_intent_id = null, is_gone_accepted = false
from delivery.intent i
where i.intent_id = any(cast(:intent_ids as bigint[])) and i.operation in ('create', 'amend', 'adjust')
    and c.sync = i.sync and c.chain_key = i.chain_key;

-- name: settle_deleted
update delivery.chain c
set settled_intent_id = null, settled_minutes = null, settled_amount = null, settled_currency = null, settled_work_date = null,
    settled_period = null, settled_legal_entity = null, settled_vendor_id = null, settled_record_key = null, settled_state = null,
    settled_fingerprint = null, settled_contract_version = null, settled_at = null, generation = i.generation + 1,
    open_intent_id = nullif(c.open_intent_id, i.intent_id),
    is_in_pieces = false, reversed_intent_id = case when i.operation = 'reverse' then i.corrects end
from delivery.intent i
where i.intent_id = any(cast(:intent_ids as bigint[])) and i.operation in ('delete', 'reverse')
    and c.sync = i.sync and c.chain_key = i.chain_key;

-- name: link_corrected
update delivery.intent o set corrected_by = i.intent_id
from delivery.intent i
where i.intent_id = any(cast(:intent_ids as bigint[])) and i.operation in ('reverse', 'adjust') and o.intent_id = i.corrects;

-- name: open_exceptions
insert into delivery.exception (intent_id, sync, source_system, chain_key, destination, category, cause, owner, message, money, currency,
                                minutes, legal_entity, period)
select i.intent_id, i.sync, i.source_system, i.chain_key, i.destination, v.category, v.cause, v.owner, v.message, i.delta_amount,
       i.currency, i.delta_minutes, i.legal_entity, i.period
from json_to_recordset(cast(:exceptions as json)) as v (intent_id bigint, category text, cause text, owner text, message text)
join delivery.intent i on i.intent_id = v.intent_id
on conflict (intent_id, (category = 'integrity')) where closed_at is null and intent_id is not null
do update set last_seen_at = hourline.now(), category = excluded.category, cause = excluded.cause, owner = excluded.owner,
              message = excluded.message;

-- name: supersede_refused
-- What stood there refused was changed or taken away by these: it isn't what stands there any more.
with replaced as (
    update delivery.intent w
    set state = 'superseded', state_since = hourline.now(), superseded_by = i.intent_id
    from delivery.intent i
    where i.intent_id = any(cast(:intent_ids as bigint[])) and w.intent_id = i.waits_for and w.state = 'refused' and w.is_taken
    returning w.intent_id, w.superseded_by
), closed as (
    update delivery.exception x
    set closed_at = hourline.now(), closed_by = :actor, closed_reason = 'a newer revision stands there now', closed_intent_id = r.superseded_by
    from replaced r where x.intent_id = r.intent_id and x.closed_at is null and x.category <> 'integrity'
)
insert into delivery.event (actor, verb, subject, detail)
select :actor, 'superseded', 'intent:' || intent_id, jsonb_build_object('by', superseded_by) from replaced;

-- name: close_exceptions
update delivery.exception x
set closed_at = hourline.now(), closed_by = :actor, closed_reason = :why
where x.intent_id = any(cast(:intent_ids as bigint[])) and x.closed_at is null and x.category <> 'integrity';

-- name: record_changes
insert into delivery.event (actor, verb, subject, detail)
select :actor, v.verb, 'intent:' || v.intent_id, v.detail
from json_to_recordset(cast(:events as json)) as v (intent_id bigint, verb text, detail jsonb);

-- name: outlook
select count(*) as waiting, min(next_attempt_at) as next_at,
       extract(epoch from min(next_attempt_at) - hourline.now()) as seconds
from (
    select next_attempt_at from delivery.intent where sync = :sync and destination = :destination and state = 'planned'
    union all
    select greatest(next_attempt_at, lease_until) from delivery.intent
    where sync = :sync and destination = :destination and state = 'in_doubt'
    union all
    select lease_until from delivery.intent where sync = :sync and destination = :destination and state = 'sending'
) w;
