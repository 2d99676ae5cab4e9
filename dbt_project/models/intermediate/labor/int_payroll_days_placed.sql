{% call(connection) per_connection('kantata') %}
select
    day.*,
    person.targets #>> array[day.destination, 'id'] as employee_ref,
    person.targets #>> array[day.destination, 'method'] as employee_method,
    person.targets #>> array[day.destination, 'job'] as job_ref,
    pay_period.pay_schedule_uuid as pay_schedule_ref,
    pay_period.period_start_date as pay_period_start,
    pay_period.period_end_date as pay_period_end,
    pay_period.deadline_at,
    coalesce(pay_period.is_closed, false) as is_period_closed,
    correction.period_start_date as correction_date,
    correction.period_end_date as correction_period_end,
    correction.periods_back
from {{ ref('int_payroll_days_staffed') }} as day
left join lateral (
    select
        jsonb_object_agg(
            x.target_system, jsonb_build_object('id', x.target_id, 'method', x.method, 'job', e.primary_job_uuid)
        ) as targets
    from {{ ref('xref_consultant') }} as x
    inner join {{ ref('stg_gusto__employees') }} as e on x.target_system = e.source_system and x.target_id = e.employee_uuid
    where x.source_system = '{{ connection }}' and x.source_id = day.user_id
) as person on true
left join lateral (
    select
        p.pay_schedule_uuid,
        p.period_starts_on,
        p.period_start_date,
        p.period_end_date,
        p.deadline_at,
        p.is_processed
        or coalesce(p.processing_status in ('calculating', 'submitting', 'submit_success'), false) as is_closed
    from {{ ref('stg_gusto__payrolls') }} as p
    where
        p.source_system = day.destination
        and p.period_starts_on <= to_char(day.work_date, 'YYYY-MM-DD')
        and day.work_date <= p.period_end_date
        and not p.is_off_cycle
        and not p.is_deleted
    order by p.period_starts_on desc
    limit 1
) as pay_period on true
left join lateral (
    -- What a processed payroll paid is corrected in the next period that is open, and how many closed ones lie before that.
    select
        p.period_start_date,
        p.period_end_date,
        (
            select count(*)
            from {{ ref('stg_gusto__payrolls') }} as closed
            where
                closed.source_system = day.destination
                and closed.pay_schedule_uuid = pay_period.pay_schedule_uuid
                and closed.period_starts_on >= pay_period.period_starts_on
                and closed.period_starts_on < p.period_starts_on
                and not closed.is_off_cycle
                and not closed.is_deleted
        ) as periods_back
    from {{ ref('stg_gusto__payrolls') }} as p
    where
        p.source_system = day.destination
        and p.pay_schedule_uuid = pay_period.pay_schedule_uuid
        and p.period_starts_on > to_char(pay_period.period_end_date, 'YYYY-MM-DD')
        and not p.is_processed
        and coalesce(p.processing_status, '') not in ('calculating', 'submitting', 'submit_success')
        and not p.is_off_cycle
        and not p.is_deleted
    order by p.period_starts_on asc
    limit 1
) as correction on pay_period.is_closed and day.has_base
where day.source_system = '{{ connection }}'
{% endcall %}
