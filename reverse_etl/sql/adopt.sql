-- name: match
-- Approved labour from before go-live, one to one with what the destination holds and the ledger doesn't know: same employee,
-- project, task, day and minutes. Equal candidates are paired in the order of their ids; which of equals it is changes nothing.
create temporary table adoption on commit drop as
with
ours as (
    select w.*, k.*, row_number() over (
        partition by k.employee_ref, k.project_ref, k.task_ref, k.work_day, k.whole_minutes order by w.chain_key) as nth
    from {relation} w
    cross join lateral (
        select w.fields ->> 'employee_ref' as employee_ref, w.fields ->> 'project_ref' as project_ref,
               coalesce(w.fields ->> 'task_ref', '') as task_ref, w.work_date as work_day, round(w.minutes) as whole_minutes
    ) k
    where w.destination = :destination and w.is_approved and w.not_due_rule = 'before_go_live'
        and not exists (select from delivery.chain c where c.sync = :sync and c.chain_key = w.chain_key
                        and (c.settled_intent_id is not null or c.open_intent_id is not null))
),
theirs as (
    select r.vendor_id, r.employee_ref, r.project_ref, coalesce(r.task_ref, '') as task_ref, r.work_date as work_day,
           r.minutes as whole_minutes, row_number() over (
        partition by r.employee_ref, r.project_ref, r.task_ref, r.work_date, r.minutes order by length(r.vendor_id), r.vendor_id) as nth
    from ({readback}) r
    where not exists (select from delivery.chain c where c.sync = :sync and c.destination = :destination
                      and c.settled_vendor_id = r.vendor_id)
        and not exists (select from delivery.intent i where i.sync = :sync and i.record_key = r.record_key)
        and r.work_date < (select max(g.go_live_date) from rule.go_live g where g.destination = :destination)
)
select o.source_system, o.source_id, o.chain_key, o.destination, o.legal_entity, o.period, o.minutes, o.amount, o.currency,
       o.fields, o.context, o.members, o.rules, o.landed_version,
       coalesce(o.work_day, t.work_day) as work_date, t.vendor_id, coalesce(o.whole_minutes, t.whole_minutes) as whole_minutes,
       coalesce(o.employee_ref, t.employee_ref) as employee_ref, coalesce(o.project_ref, t.project_ref) as project_ref,
       case when o.chain_key is null then 'theirs' when t.vendor_id is null then 'ours' else 'both' end as side,
       cast(null as bigint) as intent_id
from ours o
full join theirs t on t.employee_ref = o.employee_ref and t.project_ref = o.project_ref and t.task_ref = o.task_ref
    and t.work_day = o.work_day and t.whole_minutes = o.whole_minutes and t.nth = o.nth;

-- name: number
update adoption a set intent_id = n.intent_id
from (select place, nextval('delivery.intent_intent_id_seq') as intent_id
      from (select ctid as place from adoption where side = 'both' order by work_date, chain_key) o) n
where a.ctid = n.place;

-- name: save_chains
insert into delivery.chain as c (sync, source_system, source_id, chain_key, destination, generation, revision)
select :sync, a.source_system, a.source_id, a.chain_key, a.destination, 1, 1 from adoption a where a.side = 'both' order by a.chain_key
on conflict (sync, chain_key) do update set revision = c.revision + 1, destination = excluded.destination;

-- name: save_intents
insert into delivery.intent (
    intent_id, sync, source_system, source_id, chain_key, generation, record_key, revision, request_key, destination, operation,
    legal_entity, work_date, period, minutes, amount, currency, delta_minutes, delta_amount, fields, context, rules, contract_version,
    fingerprint, correlation_id, desired_state, decided_state, state, is_adopted, vendor_id, plan_id, landed_version)
overriding system value
select a.intent_id, :sync, a.source_system, a.source_id, a.chain_key, c.generation, k.record_key, c.revision, k.request_key, a.destination,
       'create', a.legal_entity, a.work_date, a.period, a.minutes, a.amount, a.currency, a.minutes, a.amount, f.fields, a.context, a.rules,
       :contract_version, delivery.fingerprint(:contract_version, f.fields), delivery.correlation(:sync, k.request_key),
       'present', 'planned', 'acknowledged', true, a.vendor_id, :plan_id, a.landed_version
from adoption a
join delivery.chain c on c.sync = :sync and c.chain_key = a.chain_key
cross join lateral (select delivery.material(a.fields, cast(:material_fields as text[])) as fields) f
cross join lateral (
    select a.chain_key || '-g' || c.generation as record_key,
           a.chain_key || '-g' || c.generation || '-r' || c.revision || '-c' as request_key) k
where a.side = 'both'
order by a.intent_id;

-- name: settle
update delivery.chain c
set settled_intent_id = i.intent_id, settled_minutes = i.minutes, settled_amount = i.amount, settled_currency = i.currency,
    settled_work_date = i.work_date, settled_period = i.period, settled_legal_entity = i.legal_entity, settled_vendor_id = i.vendor_id,
    settled_record_key = i.record_key, settled_state = 'acknowledged', settled_fingerprint = i.fingerprint,
    settled_contract_version = i.contract_version, settled_at = hourline.now(), open_intent_id = null
from adoption a join delivery.intent i on i.intent_id = a.intent_id
where a.side = 'both' and c.sync = i.sync and c.chain_key = i.chain_key;

-- name: save_lines
insert into delivery.intent_line (intent_id, source_system, source_id, version, minutes)
select a.intent_id, m.source_system, m.source_id, max(m.version), sum(m.minutes)
from adoption a
cross join lateral jsonb_to_recordset(a.members) as m (source_system text, source_id text, version bigint, minutes numeric)
where a.side = 'both' and jsonb_typeof(a.members) = 'array' and m.source_id is not null
group by a.intent_id, m.source_system, m.source_id;

-- name: record
insert into delivery.event (actor, verb, subject, detail)
select :actor, 'adopted', 'intent:' || a.intent_id, jsonb_build_object('vendor_id', a.vendor_id, 'chain_key', a.chain_key)
from adoption a where a.side = 'both';
