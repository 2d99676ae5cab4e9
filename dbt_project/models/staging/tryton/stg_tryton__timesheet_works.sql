select
    current.source_system,
    current.source_id as work_id,
    split_part(current.record ->> 'origin', ',', 1) as origin_model,
    split_part(current.record ->> 'origin', ',', 2) as origin_id,
    (current.record ->> 'timesheet_start_date')::date as start_date,
    (current.record ->> 'timesheet_end_date')::date as end_date,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('tryton', 'timesheet_works') }} as current
