select
    entry.source_system || '-' || entry.pricebook_entry_id as rate_key,
    entry.source_system,
    entry.pricebook_entry_id as source_id,
    entry.version as source_version_number,
    case
        when entry.employee_number is not null then 'person'
        when entry.project_code is not null then 'project and role'
        else 'client and role'
    end as applies_to,
    entry.pricebook_id,
    entry.employee_number,
    entry.project_code,
    entry.role_name,
    entry.unit_price as rate,
    entry.currency,
    entry.effective_from,
    entry.effective_to,
    null::text as region,
    entry.is_deleted or not entry.is_active as is_deleted,
    entry.landed_at
from {{ ref('stg_salesforce__pricebook_entries') }} as entry
union all
select
    card.source_system || '-' || card.rate_card_role_id as rate_key,
    card.source_system,
    card.rate_card_role_id as source_id,
    card.version as source_version_number,
    'rate card and role'::text as applies_to,
    null::text as pricebook_id,
    null::text as employee_number,
    null::text as project_code,
    role.name as role_name,
    card.rate_in_minor_units / power(10::numeric, currency.minor_units) as rate,
    card.currency,
    card.effective_from,
    null::date as effective_to,
    null::text as region,
    card.is_deleted,
    card.landed_at
from {{ ref('stg_kantata__rate_card_roles') }} as card
left join {{ ref('stg_kantata__roles') }} as role on card.source_system = role.source_system and card.role_id = role.role_id
left join {{ source('rule', 'currency') }} as currency on card.currency = currency.currency
