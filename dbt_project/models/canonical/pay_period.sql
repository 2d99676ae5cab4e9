select
    payroll.source_system || '-' || payroll.payroll_uuid as pay_period_key,
    payroll.source_system,
    payroll.payroll_uuid as source_id,
    payroll.version as source_version_number,
    payroll.pay_schedule_uuid,
    payroll.period_start_date as start_date,
    payroll.period_end_date as end_date,
    payroll.check_date,
    payroll.deadline_at,
    payroll.is_processed
    or coalesce(payroll.processing_status in ('calculating', 'submitting', 'submit_success'), false) as is_closed,
    null::text as region,
    payroll.is_deleted,
    payroll.landed_at
from {{ ref('stg_gusto__payrolls') }} as payroll
where not payroll.is_off_cycle
