select
    current.source_system,
    current.source_id as line_item_lock_id,
    (current.record ->> 'locked_to')::date as locked_to,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('kantata', 'line_item_locks') }} as current
