select
    current.source_system,
    current.source_id as item_id,
    current.record ->> 'itemid' as item_code,
    coalesce((current.record ->> 'isinactive')::boolean, false) as is_inactive,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('netsuite', 'items') }} as current
