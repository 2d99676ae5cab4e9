select
    account.source_system || '-' || account.account_id as customer_key,
    account.source_system,
    account.account_id as source_id,
    account.version as source_version_number,
    account.account_number,
    account.name,
    account.source_system || '-' || account.parent_account_id as parent_customer_key,
    account.country,
    account.currency,
    home.region,
    account.is_deleted,
    account.landed_at
from {{ ref('stg_salesforce__accounts') }} as account
left join lateral (
    -- The entity whose books hold the customer.
    select entity.region
    from {{ ref('stg_netsuite__customers') }} as client
    inner join {{ ref('stg_netsuite__subsidiaries') }} as subsidiary
        on client.source_system = subsidiary.source_system and client.subsidiary_id = subsidiary.subsidiary_id
    inner join {{ source('rule', 'legal_entity') }} as entity on subsidiary.name = entity.erp_subsidiary_name
    where client.entity_number = account.account_number and not client.is_deleted
    order by entity.region
    limit 1
) as home on true
