select
    contract.source_system || '-' || contract.contract_id as contract_key,
    contract.source_system,
    contract.contract_id as source_id,
    contract.version as source_version_number,
    contract.source_system || '-' || contract.account_id as customer_key,
    contract.contract_number,
    contract.billing_type,
    contract.currency,
    contract.pricebook_id,
    contract.status,
    contract.start_date,
    contract.end_date,
    customer.region,
    contract.is_deleted,
    contract.landed_at
from {{ ref('stg_salesforce__contracts') }} as contract
left join {{ ref('customer') }} as customer
    on contract.source_system = customer.source_system and contract.account_id = customer.source_id
