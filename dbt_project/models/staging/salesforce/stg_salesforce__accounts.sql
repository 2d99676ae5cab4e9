select
    current.source_system,
    current.source_id as account_id,
    current.record ->> 'ParentId' as parent_account_id,
    current.record ->> 'AccountNumber' as account_number,
    rule.number_key(current.record ->> 'AccountNumber') as account_number_key,
    current.record ->> 'Name' as name,
    current.record ->> 'BillingCountryCode' as country,
    current.record ->> 'CurrencyIsoCode' as currency,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('salesforce', 'accounts') }} as current
