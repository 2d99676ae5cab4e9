select
    current.source_system,
    current.source_id as job_id,
    current.record ->> 'entityid' as project_code,
    current.record ->> 'companyname' as name,
    current.record ->> 'customer' as customer_id,
    current.record ->> 'subsidiary' as subsidiary_id,
    current.record ->> 'currency' as currency,
    current.record ->> 'entitystatus' as status,
    coalesce((current.record ->> 'isinactive')::boolean, false) as is_inactive,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('netsuite', 'jobs') }} as current
