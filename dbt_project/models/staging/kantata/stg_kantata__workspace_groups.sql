select
    current.source_system,
    current.source_id as workspace_group_id,
    current.record ->> 'name' as name,
    current.record -> 'workspace_ids' as workspace_ids,
    coalesce((current.record ->> 'company')::boolean, false) as is_company,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('kantata', 'workspace_groups') }} as current
