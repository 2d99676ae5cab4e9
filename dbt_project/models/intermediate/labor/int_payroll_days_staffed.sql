{% call(connection) per_connection('kantata') %}
select
    '{{ connection }}'::text as source_system,
    rule.person_day_id(day.key_1, day.key_2) as source_id,
    '{{ connection }}-' || rule.person_day_id(day.key_1, day.key_2) as chain_key,
    day.key_1 as user_id,
    day.key_2 as work_date_text,
    day.key_2::date as work_date,
    date_trunc('month', day.key_2::date)::date as period,
    day.member_ids,
    person.worker_type,
    person.method as person_method,
    entity.legal_entity,
    entity.time_zone,
    limits.max_day_minutes,
    limits.max_entry_minutes,
    limits.reapproval_limit_days,
    -- what is in effect at the destination, or may be: an intent whose request is out counts as done
    coalesce(flight.operation not in ('delete', 'reverse'), chain.settled_intent_id is not null, false) as has_base,
    coalesce(flight.intent_id, chain.settled_intent_id) as base_intent_id,
    case when flight.intent_id is null then chain.settled_fingerprint else flight.fingerprint end as base_fingerprint,
    case
        when flight.intent_id is null then chain.settled_contract_version
        else flight.contract_version
    end as base_contract_version,
    coalesce(base.minutes_by_entry, '{}') as base_minutes_by_entry,
    case
        when chain.settled_intent_id is not null and chain.settled_legal_entity is not distinct from entity.legal_entity
            then chain.destination
        else routed.destination
    end as destination,
    live.go_live_date
from {{ source('landing', 'neighbourhood') }} as day
left join lateral (
    select matched.*
    from {{ ref('int_users_matched') }} as matched
    where matched.source_system = '{{ connection }}' and matched.source_id = day.key_1
    limit 1
) as person on true
left join {{ source('rule', 'legal_entity') }} as entity on person.hr_company_code = entity.hr_company_code
cross join lateral ({{ limits_of('entity.legal_entity') }}) as limits
left join {{ source('delivery', 'chain') }} as chain
    on
        chain.sync = 'payroll_hours'
        and chain.chain_key = '{{ connection }}-' || rule.person_day_id(day.key_1, day.key_2)
left join lateral ({{ intent_in_flight('payroll_hours', 'chain') }}) as flight on true
left join lateral (
    select jsonb_object_agg(line.source_id, line.minutes) as minutes_by_entry
    from {{ source('delivery', 'intent_line') }} as line
    where
        line.intent_id = coalesce(flight.intent_id, chain.settled_intent_id)
        and line.source_system = '{{ connection }}'
        and line.minutes is distinct from 0
) as base on true
left join lateral ({{ route_of('payroll', 'entity.legal_entity', 'day.key_2::date', ['gusto']) }}) as routed on true
left join {{ source('rule', 'go_live') }} as live
    on entity.legal_entity = live.legal_entity and routed.destination = live.destination
where day.source_system = '{{ connection }}' and day.kind = 'person_day'
{% endcall %}
