select
    current.source_system,
    current.source_id as role_id,
    current.record ->> 'name' as name,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('kantata', 'roles') }} as current
