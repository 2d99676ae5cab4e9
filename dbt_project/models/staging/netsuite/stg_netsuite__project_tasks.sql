select
    current.source_system,
    current.source_id as project_task_id,
    current.record ->> 'project' as job_id,
    current.record ->> 'title' as title,
    current.record ->> 'status' as status,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('netsuite', 'project_tasks') }} as current
