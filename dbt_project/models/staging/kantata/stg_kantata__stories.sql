select
    current.source_system,
    current.source_id as story_id,
    current.record ->> 'workspace_id' as workspace_id,
    current.record ->> 'title' as title,
    coalesce((current.record ->> 'billable')::boolean, false) as is_billable,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('kantata', 'stories') }} as current
