select
    current.source_system,
    current.source_id as subsidiary_id,
    current.record ->> 'name' as name,
    current.record ->> 'currency' as currency,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('netsuite', 'subsidiaries') }} as current
