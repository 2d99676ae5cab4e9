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
    null::text as region,
    account.is_deleted,
    account.landed_at
from {{ ref('stg_salesforce__accounts') }} as account
