-- What the plan decides: one row per chain whose desire differs from what is in effect, in flight or already open.
-- {relation}, {wanted_filter}, {known_filter}, {intent_filter}: composed by planner.py; everything else is a parameter.
--   1 wanted     the sync view
--   2 known      the ledger's chain
--   3 flight     its intent whose request is or may be out, or whose record stands there though it was refused afterwards:
--                taken as done; what follows waits for it
--   4 unsent     its open intents of which nothing stands there: kept when they still say the same, else superseded
--   5 situation  what decisions.Situation names, which the decision table turns into steps
create temporary table decision on commit drop as
with
contract as materialized (
    select version, material_fields from delivery.contract where sync = :sync
),
rule as materialized (
    select * from jsonb_to_recordset(cast(:decision_table as jsonb)) as r (
        means integer, situation text, step_no integer, operation text, state text, way text, reason text, at_base boolean)
),
capability as materialized (
    select * from jsonb_to_recordset(cast(:capabilities as jsonb)) as c (destination text, means integer)
),
tolerance as materialized (
    select * from jsonb_to_recordset(cast(:tolerances as jsonb)) as t (
        legal_entity text, minutes numeric, amount numeric, periods_back integer)
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
           minutes, amount, currency, fingerprint, contract_version, corrects
    from delivery.intent
    where sync = :sync and (state in ('sending', 'accepted', 'in_doubt', 'unknown') or state = 'refused' and is_taken) {intent_filter}
    order by chain_key, revision desc
),
unsent as (
    select chain_key, intent_id, contract_version, operation, decided_state, decided_reason, destination, legal_entity, fingerprint,
           corrects is not null and not is_by_hand as is_correction,
           case when context ->> 'period_closed' = 'true'
                then concat_ws('/', context ->> 'correction_date', context ->> 'correction_period_end') end as posted_in,
           row_number() over (partition by chain_key order by revision) as step_no
    from delivery.intent
    where sync = :sync and (state in ('planned', 'held') or state = 'refused' and not is_taken) {intent_filter}
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
        case when w.context ->> 'period_closed' = 'true'
             then concat_ws('/', w.context ->> 'correction_date', w.context ->> 'correction_period_end') end as posted_in,
        coalesce(c.revision, 0) as last_revision,
        f.intent_id as flight_id,
        case when f.intent_id is not null then f.operation not in ('delete', 'reverse') else c.settled_intent_id is not null end as has_base,
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
        case when f.operation in ('delete', 'reverse') then f.generation + 1 else coalesce(f.generation, c.generation, 1) end as generation,
        case when f.intent_id is not null then f.operation = 'adjust' else coalesce(c.is_in_pieces, false) end as is_in_pieces,
        case when f.operation = 'reverse' then f.corrects when f.intent_id is null then c.reversed_intent_id end as reversed_id,
        coalesce(c.is_gone_accepted, false) as is_gone_accepted,
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
            as has_same_fields,
        k.material_fields as base_material_fields,
        case
            -- several rows there, and its period open again: no one row says what is in effect
            when p.is_in_pieces and p.context ->> 'period_closed' is distinct from 'true' then 'shut'
            when p.context ->> 'period_closed' = 'true' and (
                p.context ->> 'correction_date' is null or cast(p.context ->> 'periods_back' as integer) > t.periods_back) then 'shut'
            when p.context ->> 'destination_state' in ('billed', 'posted') then 'billed'
            when p.context ->> 'period_closed' = 'true' then 'closed'
            when p.context ->> 'destination_state' = 'on_draft_invoice' then 'draft'
            when p.context ->> 'destination_state' = 'gone' then 'gone'
            else 'open'
        end as stands,
        t.minutes as tolerance_minutes, t.amount as tolerance_amount
    from placed p
    left join contract k on k.version = p.base_contract_version
    left join lateral (
        select t.* from tolerance t where t.legal_entity in ('', p.base_legal_entity) order by t.legal_entity desc limit 1
    ) t on p.has_base
),
faced as (
    select w.*,
        case
            when not w.is_wanted then 'missing'
            when w.desired_state = 'held' and w.reason = any(cast(:re_approval_reasons as text[])) then 're_approval'
            when w.desired_state = 'void' and w.has_base and not w.is_moved and w.is_approved
                and w.not_due_rule = any(cast(:configuration_rules as text[])) then 'present'
            when w.desired_state = 'present' and w.destination is null and not w.has_base then 'held'
            else w.desired_state
        end as desired,
        case
            when w.is_moved then 'moved'
            when w.is_elsewhere and (w.minutes, w.work_date) is not distinct from (w.base_minutes, w.base_work_date) then 'same'
            when not w.is_elsewhere and w.has_same_fields then 'same'
            when w.stands in ('billed', 'closed', 'shut') and not w.is_elsewhere and size.is_all then 'resized'
            else 'changed'
        end as change
    from weighed w
    -- Only how much of it? Asked of what is frozen there alone, as the intent has to be read for it.
    left join lateral (
        select b.fields - cast(:size_fields as text[])
                   = delivery.material(w.fields, w.base_material_fields) - cast(:size_fields as text[]) as is_all
        from delivery.intent b where b.intent_id = w.base_id
        offset 0
    ) size on w.has_base and w.is_wanted and not w.has_same_fields and w.stands in ('billed', 'closed', 'shut')
),
-- Its name: what decides nothing is left at its default, as decisions.situations() does.
situation as (
    select s.*,
        case
            when not s.has_base then 'absent|' || s.desired
                || case when s.desired = 'present' and s.is_gone_accepted then '|changed|gone|small|more' else '|changed|open|small|more' end
            when s.desired in ('missing', 're_approval') then 'in_effect|' || s.desired || '|changed|open|small|more'
            when s.desired = 'present' and s.change = 'same' then 'in_effect|present|same|open|small|more'
            when s.desired = 'held' then 'in_effect|held|' || replace(s.change, 'resized', 'changed') || '|open|small|more'
            when s.stands in ('billed', 'closed', 'shut') then
                'in_effect|' || s.desired || '|' || case s.desired when 'void' then 'changed' else s.change end || '|' || s.stands
                -- what a correction touches: the difference where only that changes, else the whole hour
                || case
                    when case s.change when 'resized' then abs(s.minutes - s.base_minutes) else greatest(s.base_minutes, s.minutes) end
                            > s.tolerance_minutes
                        or case s.change when 'resized' then abs(s.amount - s.base_amount) else greatest(s.base_amount, s.amount) end
                            > s.tolerance_amount then '|large'
                    else '|small'
                end
                || case when s.desired = 'void' or s.minutes < s.base_minutes then '|less' else '|more' end
            else
                'in_effect|' || s.desired || '|' || case s.desired when 'void' then 'changed' else s.change end || '|'
                || case when s.stands = 'open' and s.is_elsewhere and not s.is_moved and s.desired_state <> 'void' then 'rerouted'
                        else s.stands end
                || '|small|more'
        end as situation
    from faced s
),
step as (
    select s.chain_key, r.step_no, r.operation, r.state, r.at_base,
        case when r.state = 'held' then coalesce(r.reason, s.reason, 'held') end as reason,
        case when r.operation = 'create' then s.destination else s.base_destination end as destination,
        case when r.at_base then s.base_legal_entity else s.legal_entity end as legal_entity
    from situation s
    left join capability b on b.destination = s.base_destination
    join rule r on r.situation = s.situation and r.means = coalesce(b.means, 0)
    where r.step_no is not null
),
step_by_chain as (
    select chain_key, count(*) as steps from step group by chain_key
),
-- An open intent says the same when operation, state, reason, place and material fields agree, these under its own contract;
-- a correction also when its period is closed as it was, and the same later one takes it: else it would go out into a closed one.
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
        and (not u.is_correction or u.posted_in is not distinct from s.posted_in)
        and case when t.at_base then u.fingerprint = s.base_fingerprint
                 else u.fingerprint = delivery.fingerprint(u.contract_version, delivery.material(s.fields, k.material_fields)) end
    group by t.chain_key
)
select s.*,
    coalesce(n.steps, 0) as steps,
    u.intent_ids as unsent_ids,
    case
        when s.is_collision then 'collision'
        when s.situation not in (select r.situation from rule r) then 'unnamed'
        when s.desired = 'missing' then 'missing'
        else 'replace'
    end as action
from situation s
left join step_by_chain n on n.chain_key = s.chain_key
left join unsent_by_chain u on u.chain_key = s.chain_key
left join agreeing a on a.chain_key = s.chain_key
where s.is_collision
    or s.situation not in (select r.situation from rule r)
    or (s.desired = 'missing' and (s.has_base or u.steps is not null))
    or (s.desired <> 'missing' and (coalesce(n.steps, 0), coalesce(u.steps, 0)) <> (0, 0)
        and not (coalesce(n.steps, 0) = coalesce(u.steps, 0) and coalesce(a.steps, 0) = coalesce(n.steps, 0)))
