select
    current.source_system,
    current.source_id as contract_id,
    current.record ->> 'AccountId' as account_id,
    current.record ->> 'Pricebook2Id' as pricebook_id,
    current.record ->> 'ContractNumber' as contract_number,
    rule.number_key(current.record ->> 'ContractNumber') as contract_number_key,
    current.record ->> 'Billing_Type__c' as billing_type,
    current.record ->> 'CurrencyIsoCode' as currency,
    current.record ->> 'Status' as status,
    (current.record ->> 'StartDate')::date as start_date,
    (current.record ->> 'EndDate')::date as end_date,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('salesforce', 'contracts') }} as current
