select
    current.source_system,
    current.source_id as customer_id,
    current.record ->> 'entityid' as entity_number,
    current.record ->> 'companyname' as name,
    current.record ->> 'parent' as parent_customer_id,
    current.record ->> 'subsidiary' as subsidiary_id,
    current.record ->> 'currency' as currency,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('netsuite', 'customers') }} as current
