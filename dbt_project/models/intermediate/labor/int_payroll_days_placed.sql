{% call(connection) per_connection('kantata') %}
select
    day.*,
    employee.target_id as employee_ref,
    employee.method as employee_method,
    worker.primary_job_uuid as job_ref,
    pay_period.pay_schedule_uuid as pay_schedule_ref,
    pay_period.period_start_date as pay_period_start,
    pay_period.period_end_date as pay_period_end,
    coalesce(pay_period.is_closed, false) as is_period_closed
from {{ ref('int_payroll_days_staffed') }} as day
left join lateral ({{ target_of('xref_consultant', connection, 'day.user_id', 'day.destination') }}) as employee on true
left join lateral (
    select e.primary_job_uuid
    from {{ ref('stg_gusto__employees') }} as e
    where e.source_system = day.destination and e.employee_uuid = employee.target_id
    limit 1
) as worker on true
left join lateral (
    select
        p.pay_schedule_uuid,
        p.period_start_date,
        p.period_end_date,
        p.is_processed
        or coalesce(p.processing_status in ('calculating', 'submitting', 'submit_success'), false) as is_closed
    from {{ ref('stg_gusto__payrolls') }} as p
    where
        p.source_system = day.destination
        and day.work_date between p.period_start_date and p.period_end_date
        and not p.is_off_cycle
        and not p.is_deleted
    order by p.period_start_date desc
    limit 1
) as pay_period on true
where day.source_system = '{{ connection }}'
{% endcall %}
