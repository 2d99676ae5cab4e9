-- What the plan decides: one row per chain whose desire differs from what is in effect, in flight or already open.
-- {relation}, {wanted_filter}, {known_filter}, {intent_filter}: composed by planner.py; everything else is a parameter.
--   1 wanted     the sync view
--   2 known      the ledger's chain
--   3 flight     its intent whose request is or may be out: taken as done; what follows waits for it
--   4 unsent     its open intents that were never sent: kept when they still say the same, else superseded
--   5 situation  base, desired, change and place, which the decision table turns into steps
create temporary table decision on commit drop as
with
contract as materialized (
    select version, material_fields from delivery.contract where sync = :sync
),
rule as materialized (
    select * from jsonb_to_recordset(cast(:decision_table as jsonb)) as r (
        can_amend boolean, can_delete boolean, base text, desired text, change text, place text,
        step_no integer, operation text, state text, reason text, at_base boolean)
),
capability as materialized (
    select * from jsonb_to_recordset(cast(:capabilities as jsonb)) as c (destination text, can_amend boolean, can_delete boolean)
),
wanted as {materialized} (
    select source_system, source_id, chain_key, destination, legal_entity, is_approved, is_due, not_due_rule, desired_state,
           reason, owner, work_date, period, minutes, amount, currency,
           coalesce(fields, '{{}}') as fields, coalesce(context, '{{}}') as context, members, rules, landed_version
    from {relation} {wanted_filter}
),
known as {materialized} (
    select * from delivery.chain where sync = :sync {known_filter}
),
flight as (
    select distinct on (chain_key) chain_key, intent_id, operation, destination, generation, legal_entity, work_date, period,
           minutes, amount, currency, fingerprint, contract_version
    from delivery.intent
    where sync = :sync and state in ('sending', 'accepted', 'in_doubt', 'unknown') {intent_filter}
    order by chain_key, revision desc
),
unsent as (
    select chain_key, intent_id, contract_version, operation, decided_state, decided_reason, destination, legal_entity, fingerprint,
           row_number() over (partition by chain_key order by revision) as step_no
    from delivery.intent
    where sync = :sync and state in ('planned', 'held', 'refused') {intent_filter}
),
unsent_by_chain as (
    select chain_key, count(*) as steps, array_agg(intent_id order by step_no) as intent_ids
    from unsent group by chain_key
),
placed as (
    select
        coalesce(w.chain_key, c.chain_key) as chain_key,
        coalesce(w.source_system, c.source_system) as source_system,
        coalesce(w.source_id, c.source_id) as source_id,
        w.chain_key is not null as is_wanted,
        c.chain_key is not null and (c.source_system, c.source_id) is distinct from (w.source_system, w.source_id)
            and w.chain_key is not null as is_collision,
        w.destination, w.legal_entity, w.is_approved, w.not_due_rule, w.desired_state, w.reason, w.owner, w.work_date, w.period,
        w.minutes, w.amount, w.currency, w.fields, w.context, w.members, w.rules, w.landed_version,
        coalesce(c.revision, 0) as last_revision,
        f.intent_id as flight_id,
        case when f.intent_id is not null then f.operation <> 'delete' else c.settled_intent_id is not null end as has_base,
        coalesce(f.intent_id, c.settled_intent_id) as base_id,
        case when f.intent_id is not null then f.destination else c.destination end as base_destination,
        case when f.intent_id is not null then f.legal_entity else c.settled_legal_entity end as base_legal_entity,
        case when f.intent_id is not null then f.work_date else c.settled_work_date end as base_work_date,
        case when f.intent_id is not null then f.period else c.settled_period end as base_period,
        case when f.intent_id is not null then f.minutes else c.settled_minutes end as base_minutes,
        case when f.intent_id is not null then f.amount else c.settled_amount end as base_amount,
        case when f.intent_id is not null then f.currency else c.settled_currency end as base_currency,
        case when f.intent_id is not null then f.fingerprint else c.settled_fingerprint end as base_fingerprint,
        case when f.intent_id is not null then f.contract_version else c.settled_contract_version end as base_contract_version,
        coalesce(c.generation, 1) + (coalesce(f.operation, '') = 'delete')::integer as generation,
        c.settled_intent_id
    from wanted w
    full join known c on c.chain_key = w.chain_key
    left join flight f on f.chain_key = c.chain_key
),
weighed as (
    select p.*,
        p.has_base and p.legal_entity is not null and p.legal_entity is distinct from p.base_legal_entity as is_moved,
        p.has_base and p.is_wanted and p.destination is distinct from p.base_destination as is_elsewhere,
        p.has_base and p.is_wanted
            and delivery.fingerprint(p.base_contract_version, delivery.material(p.fields, k.material_fields)) = p.base_fingerprint
            as has_same_fields
    from placed p left join contract k on k.version = p.base_contract_version
),
situation as (
    select s.*,
        case when s.has_base then 'in_effect' else 'absent' end as base,
        case
            when not s.is_wanted then 'missing'
            when s.desired_state = 'held' and s.reason = any(cast(:re_approval_reasons as text[])) then 're_approval'
            when s.desired_state = 'void' and s.has_base and not s.is_moved and s.is_approved
                and s.not_due_rule = any(cast(:configuration_rules as text[])) then 'present'
            when s.desired_state = 'present' and s.destination is null and not s.has_base then 'held'
            else s.desired_state
        end as desired,
        case
            when s.is_moved then 'moved'
            when s.is_elsewhere and (s.minutes, s.work_date) is not distinct from (s.base_minutes, s.base_work_date) then 'same'
            when not s.is_elsewhere and s.has_same_fields then 'same'
            else 'changed'
        end as change,
        case
            when s.context ->> 'destination_state' = 'billed' or s.context ->> 'period_closed' = 'true' then 'frozen'
            when s.context ->> 'destination_state' = 'on_draft_invoice' then 'draft'
            when s.is_elsewhere and not s.is_moved and s.desired_state <> 'void' then 'rerouted'
            else 'open'
        end as place
    from weighed s
),
step as (
    select s.chain_key, r.step_no, r.operation, r.state, r.at_base,
        case when r.state = 'held' then coalesce(r.reason, s.reason, 'held') end as reason,
        case when r.operation = 'create' then s.destination else s.base_destination end as destination,
        case when r.at_base then s.base_legal_entity else s.legal_entity end as legal_entity
    from situation s
    left join capability b on b.destination = s.base_destination
    join rule r on (r.base, r.desired, r.change, r.place) = (s.base, s.desired, s.change, s.place)
        and r.can_amend = coalesce(b.can_amend, true) and r.can_delete = coalesce(b.can_delete, true)
),
step_by_chain as (
    select chain_key, count(*) as steps from step group by chain_key
),
-- An open intent says the same when operation, state, reason, place and material fields agree, these under its own contract.
agreeing as (
    select t.chain_key, count(*) as steps
    from step t
    join unsent u on (u.chain_key, u.step_no) = (t.chain_key, t.step_no)
    join situation s on s.chain_key = t.chain_key
    left join contract k on k.version = u.contract_version
    where u.operation = t.operation and u.decided_state = t.state
        and u.decided_reason is not distinct from t.reason
        and u.destination is not distinct from t.destination
        and u.legal_entity is not distinct from t.legal_entity
        and case when t.at_base then u.fingerprint = s.base_fingerprint
                 else u.fingerprint = delivery.fingerprint(u.contract_version, delivery.material(s.fields, k.material_fields)) end
    group by t.chain_key
)
select s.*,
    coalesce(n.steps, 0) as steps,
    u.intent_ids as unsent_ids,
    case
        when s.is_collision then 'collision'
        when s.desired = 'missing' then 'missing'
        else 'replace'
    end as action
from situation s
left join step_by_chain n on n.chain_key = s.chain_key
left join unsent_by_chain u on u.chain_key = s.chain_key
left join agreeing a on a.chain_key = s.chain_key
where s.is_collision
    or (s.desired = 'missing' and (s.has_base or u.steps is not null))
    or (s.desired <> 'missing' and (coalesce(n.steps, 0), coalesce(u.steps, 0)) <> (0, 0)
        and not (coalesce(n.steps, 0) = coalesce(u.steps, 0) and coalesce(a.steps, 0) = coalesce(n.steps, 0)))
