{{ config(alias='legal_entity') }}

select
    entity.legal_entity as legal_entity_key,
    entity.legal_entity,
    entity.name,
    entity.region,
    entity.functional_currency,
    entity.time_zone,
    entity.hr_company_code,
    entity.erp_subsidiary_name,
    coalesce(
        (
            select jsonb_object_agg(live.destination, live.go_live_date)
            from {{ source('rule', 'go_live') }} as live
            where live.legal_entity = entity.legal_entity
        ), '{}'
    ) as go_live_dates
from {{ source('rule', 'legal_entity') }} as entity
