select
    current.source_system,
    current.source_id as pay_schedule_uuid,
    current.record ->> 'frequency' as frequency,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('gusto', 'pay_schedules') }} as current
