select
    current.source_system,
    current.source_id as employee_id,
    current.record ->> 'entityid' as entity_number,
    rule.number_key(current.record ->> 'entityid') as employee_number_key,
    current.record ->> 'email' as email_token,
    current.record ->> 'subsidiary' as subsidiary_id,
    coalesce((current.record ->> 'isinactive')::boolean, false) as is_inactive,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('netsuite', 'employees') }} as current
