select
    current.source_system,
    current.source_id as payroll_uuid,
    current.record #>> '{pay_period,pay_schedule_uuid}' as pay_schedule_uuid,
    current.record #>> '{processing_request,status}' as processing_status,
    coalesce((current.record ->> 'processed')::boolean, false) as is_processed,
    coalesce((current.record ->> 'off_cycle')::boolean, false) as is_off_cycle,
    (current.record #>> '{pay_period,start_date}')::date as period_start_date,
    (current.record #>> '{pay_period,end_date}')::date as period_end_date,
    current.record #>> '{pay_period,start_date}' as period_starts_on,
    (current.record ->> 'check_date')::date as check_date,
    (current.record ->> 'payroll_deadline')::timestamptz as deadline_at,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('gusto', 'payrolls') }} as current
