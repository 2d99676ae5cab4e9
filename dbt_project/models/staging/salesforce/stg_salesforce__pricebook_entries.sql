select
    current.source_system,
    current.source_id as pricebook_entry_id,
    current.record ->> 'Pricebook2Id' as pricebook_id,
    current.record ->> 'Person__c' as employee_number,
    rule.number_key(current.record ->> 'Person__c') as employee_number_key,
    current.record ->> 'Project__c' as project_code,
    current.record ->> 'Role__c' as role_name,
    current.record ->> 'CurrencyIsoCode' as currency,
    (current.record ->> 'UnitPrice')::numeric as unit_price,
    coalesce((current.record ->> 'IsActive')::boolean, true) as is_active,
    (current.record ->> 'Effective_From__c')::date as effective_from,
    (current.record ->> 'Effective_To__c')::date as effective_to,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('salesforce', 'pricebook_entries') }} as current
