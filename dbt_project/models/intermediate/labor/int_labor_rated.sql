{% call(connection) per_connection('kantata') %}
select
    hour.*,
    hour.is_billable and coalesce(hour.posts_as_billable, false) as posts_as_billable_time,
    rate.rate,
    rate.currency as rate_currency,
    rate.rule as rate_rule,
    rate.source_system as rate_system,
    rate.source_id as rate_id,
    greatest(hour.facts_landed_at, rate.landed_at) as priced_landed_at,
    currency.minor_units,
    round(hour.minutes * rate.rate / 60, currency.minor_units) as amount
from {{ ref('int_labor_resolved') }} as hour
left join lateral (
    select
        offer.rate,
        offer.currency,
        offer.rule,
        offer.source_system,
        offer.source_id,
        offer.landed_at
    from (
        select
            p.unit_price as rate,
            p.currency,
            p.source_system,
            p.pricebook_entry_id as source_id,
            p.landed_at,
            p.effective_from,
            1 as strength,
            'price book: person' as rule
        from {{ ref('stg_salesforce__pricebook_entries') }} as p
        where
            p.source_system = hour.crm_system
            and p.pricebook_id = hour.pricebook_id
            and p.employee_number_key = hour.employee_number_key
            and p.is_active
            and not p.is_deleted
            and hour.work_date between coalesce(p.effective_from, '-infinity') and coalesce(p.effective_to, 'infinity')
        union all
        select
            p.unit_price as rate,
            p.currency,
            p.source_system,
            p.pricebook_entry_id as source_id,
            p.landed_at,
            p.effective_from,
            case when p.project_code is not null then 2 else 3 end as strength,
            case when p.project_code is not null then 'price book: project and role' else 'price book: role' end as rule
        from {{ ref('stg_salesforce__pricebook_entries') }} as p
        where
            p.source_system = hour.crm_system
            and p.pricebook_id = hour.pricebook_id
            and p.role_name = hour.role_name
            and p.employee_number is null
            and coalesce(p.project_code = hour.project_code, true)
            and p.is_active
            and not p.is_deleted
            and hour.work_date between coalesce(p.effective_from, '-infinity') and coalesce(p.effective_to, 'infinity')
        union all
        select
            card.rate_in_minor_units / power(10::numeric, known.minor_units) as rate,
            card.currency,
            card.source_system,
            card.rate_card_role_id as source_id,
            card.landed_at,
            card.effective_from,
            4 as strength,
            'rate card: role' as rule
        from {{ ref('stg_kantata__rate_card_roles') }} as card
        inner join {{ source('rule', 'currency') }} as known on card.currency = known.currency
        where
            card.source_system = '{{ connection }}'
            and card.rate_card_set_id = hour.rate_card_set_id
            and card.role_id = hour.role_id
            and card.effective_from <= hour.work_date
            and not card.is_deleted
    ) as offer
    where
        hour.is_billable
        and hour.posts_as_billable
        -- An offer in a currency the contract is not in prices another client's hour, save where nobody knows the currency.
        and (
            offer.currency = hour.contract_currency
            or not exists (select 1 from {{ source('rule', 'currency') }} as c where c.currency = offer.currency)
        )
    order by offer.strength asc, offer.effective_from desc nulls last, offer.source_id asc
    limit 1
) as rate on true
left join {{ source('rule', 'currency') }} as currency on rate.currency = currency.currency
where hour.source_system = '{{ connection }}'
{% endcall %}
