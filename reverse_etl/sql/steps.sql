-- The intents to be, one row a step, with every value they will carry. Read from the temporary table `decision`.
create temporary table new_intent on commit drop as
with
rule as materialized (
    select * from jsonb_to_recordset(cast(:decision_table as jsonb)) as r (
        means integer, situation text, step_no integer, operation text, state text, way text, reason text, at_base boolean)
),
capability as materialized (
    select * from jsonb_to_recordset(cast(:capabilities as jsonb)) as c (destination text, means integer)
)
select
    d.chain_key, d.source_system, d.source_id, r.step_no, r.operation, r.state as decided_state, r.state, r.at_base,
    case when r.state = 'held' then coalesce(r.reason, d.reason, 'held') end as reason,
    case r.way when 'held' then 'rule' when 'proposed' then 'proposal' when 'by_hand' then 'proposal' end as held_by,
    r.way = 'by_hand' as is_by_hand,
    case when r.state = 'held' then
        case when r.reason is null then coalesce(d.owner, cast(:owners as jsonb) ->> coalesce(d.reason, ''), :default_owner)
             else coalesce(cast(:owners as jsonb) ->> r.reason, :default_owner) end
    end as owner,
    -- A reversing row and an adjustment stand beside what they correct, under a key of their own; what is posted again has the next.
    d.generation + case when r.operation in ('reverse', 'adjust') then 1
                        when r.operation = 'create' and d.has_base then 1 + (first.operation = 'reverse')::integer
                        else 0 end as generation,
    d.last_revision + r.step_no as revision,
    case when r.operation = 'create' then d.destination else d.base_destination end as destination,
    case when r.at_base then d.base_legal_entity else d.legal_entity end as legal_entity,
    case when r.at_base then d.base_work_date else d.work_date end as work_date,
    case when r.at_base then d.base_period else d.period end as period,
    case when r.operation in ('delete', 'reverse') then 0 when r.at_base then d.base_minutes else d.minutes end as minutes,
    case when r.operation in ('delete', 'reverse') and d.base_amount is not null then 0
         when r.at_base then d.base_amount else d.amount end as amount,
    case when r.at_base then d.base_currency else d.currency end as currency,
    case when r.operation <> 'create' then d.base_legal_entity end as base_legal_entity,
    case when r.operation <> 'create' then d.base_work_date end as base_work_date,
    case when r.operation <> 'create' then d.base_period end as base_period,
    case when r.operation <> 'create' then d.base_minutes end as base_minutes,
    case when r.operation <> 'create' then d.base_amount end as base_amount,
    case when r.operation <> 'create' then d.base_currency end as base_currency,
    case when r.at_base then coalesce(b.fields, '{}') else delivery.material(d.fields, cast(:material_fields as text[])) end as fields,
    d.context, d.rules, d.members, d.landed_version,
    case when r.at_base then d.base_contract_version else cast(:contract_version as integer) end as contract_version,
    case when r.at_base then d.base_fingerprint
         else delivery.fingerprint(:contract_version, delivery.material(d.fields, cast(:material_fields as text[]))) end as fingerprint,
    d.desired_state, d.flight_id, d.base_id,
    case when r.operation <> 'create' then d.settled_intent_id end as reverses,
    case when r.operation in ('reverse', 'adjust') or first.operation = 'reverse' then d.base_id
         when r.operation = 'create' and not d.has_base then d.reversed_id end as corrects,
    d.unsent_ids[array_length(d.unsent_ids, 1)] as supersedes,
    coalesce(case when r.operation = 'adjust' then cast(d.context ->> 'correction_period_end' as date) end,
             cast(d.context ->> 'pay_period_end' as date),
             cast(case when r.at_base then d.base_period else d.period end + interval '1 month' as date) - 1) as period_end,
    case when r.operation <> 'adjust' then cast(d.context ->> 'deadline_at' as timestamptz) end as deadline_at,
    cast(null as bigint) as intent_id, cast(null as bigint) as waits_for
from decision d
left join capability c on c.destination = d.base_destination
join rule r on r.situation = d.situation and r.means = coalesce(c.means, 0) and r.step_no is not null
left join rule first on first.situation = r.situation and first.means = r.means and first.step_no = r.step_no - 1
left join delivery.intent b on b.intent_id = d.base_id and r.at_base
where d.action = 'replace'
