{% call(connection) per_connection('kantata') %}
select
    hour.*,
    hour.source_system || '-' || hour.source_id as chain_key,
    -- what is in effect at the destination, or may be: an intent whose request is out counts as done
    coalesce(flight.operation not in ('delete', 'reverse'), chain.settled_intent_id is not null, false) as has_base,
    -- taken back by a reversing row, or gone there by hand, and not posted again yet: due as it was before
    coalesce(flight.operation = 'reverse', chain.reversed_intent_id is not null, false) as is_taken_back,
    coalesce(flight.is_adopted, settled.is_adopted, false) as is_adopted,
    case when flight.intent_id is null then chain.settled_legal_entity else flight.legal_entity end as base_legal_entity,
    case when flight.intent_id is null then chain.settled_work_date else flight.work_date end as base_work_date,
    case when flight.intent_id is null then chain.settled_period else flight.period end as base_period,
    case when flight.intent_id is null then chain.settled_minutes else flight.minutes end as base_minutes,
    case when flight.intent_id is null then chain.settled_amount else flight.amount end as base_amount,
    case when flight.intent_id is null then chain.settled_currency else flight.currency end as base_currency,
    case when flight.intent_id is null then chain.settled_fingerprint else flight.fingerprint end as base_fingerprint,
    case
        when flight.intent_id is null then chain.settled_contract_version
        else flight.contract_version
    end as base_contract_version,
    chain.settled_vendor_id,
    place.destination,
    live.go_live_date
from {{ ref('int_labor_rated') }} as hour
left join {{ source('delivery', 'chain') }} as chain
    on chain.sync = 'erp_labor' and chain.chain_key = hour.source_system || '-' || hour.source_id
left join {{ source('delivery', 'intent') }} as settled on chain.settled_intent_id = settled.intent_id
left join lateral ({{ intent_in_flight('erp_labor', 'chain') }}) as flight on true
left join lateral ({{ route_of('erp', 'hour.legal_entity', 'hour.work_date', ['netsuite', 'tryton']) }}) as routed on true
-- The routing table never moves an hour that is in effect somewhere; a change of its own entity does.
cross join lateral (
    select case
        when chain.settled_intent_id is not null and chain.settled_legal_entity is not distinct from hour.legal_entity
            then chain.destination
        else routed.destination
    end as destination
    offset 0
) as place
left join {{ source('rule', 'go_live') }} as live
    on hour.legal_entity = live.legal_entity and place.destination = live.destination
where hour.source_system = '{{ connection }}'
{% endcall %}
