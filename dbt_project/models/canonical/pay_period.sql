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
    home.region,
    payroll.is_deleted,
    payroll.landed_at
from {{ ref('stg_gusto__payrolls') }} as payroll
left join lateral (
    -- The region of the entities it pays, while they share one.
    select min(entity.region) as region
    from {{ source('rule', 'routing') }} as route
    inner join {{ source('rule', 'legal_entity') }} as entity on route.legal_entity = entity.legal_entity
    where route.role = 'payroll' and route.destination = payroll.source_system
    having count(distinct entity.region) = 1
) as home on true
where not payroll.is_off_cycle
