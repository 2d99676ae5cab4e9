select
    current.source_system,
    current.source_id as task_id,
    landing.reference(current.record -> 'parent') as project_id,
    current.record #>> '{timesheet_works,0}' as work_id,
    current.record ->> 'name' as title,
    coalesce((current.record ->> 'list_price')::numeric, 0) as rate,
    coalesce((current.record #>> '{status,progress}')::numeric >= 1, false) as is_closed,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('tryton', 'tasks') }} as current
