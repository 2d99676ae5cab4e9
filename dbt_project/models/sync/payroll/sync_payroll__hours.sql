{% call(connection) per_connection('kantata') %}
select
    day.source_system,
    day.source_id,
    day.chain_key,
    day.destination,
    day.legal_entity,
    day.is_approved,
    day.is_due,
    case
        when day.is_approved and not day.is_due and day.void_reason in ('leave', 'subcontractor', 'no_destination', 'before_go_live')
            then day.void_reason
    end as not_due_rule,
    day.desired_state,
    day.reason,
    case when day.desired_state = 'held' then {{ owner_of('day.reason') }} end as owner,
    day.work_date,
    day.period,
    day.minutes,
    null::numeric as amount,
    null::text as currency,
    {{ payroll_fields('day', 'day.minutes') }} as fields,
    jsonb_build_object(
        'pay_schedule_ref', day.pay_schedule_ref,
        'pay_period_start', day.pay_period_start,
        'pay_period_end', day.pay_period_end,
        'deadline_at', day.deadline_at,
        'period_closed', day.is_period_closed,
        'correction_date', day.correction_date,
        'correction_period_end', day.correction_period_end,
        'periods_back', day.periods_back,
        'hours', day.hours
    ) as context,
    coalesce(
        (
            select jsonb_agg(jsonb_build_object(
                'source_system', day.source_system,
                'source_id', hour.source_id,
                'version', hour.version,
                'minutes', case day.desired_state when 'present' then hour.target_minutes else hour.due_minutes end
            ) order by hour.source_id)
            from jsonb_to_recordset(day.hours)
                as hour (source_id text, version bigint, target_minutes numeric, due_minutes numeric)
            where case day.desired_state when 'present' then hour.target_minutes else hour.due_minutes end <> 0
        ), '[]'
    ) as members,
    jsonb_strip_nulls(jsonb_build_object(
        'entity', day.person_method,
        'employee', day.employee_method,
        'decision', coalesce(day.reason, 'approved and due')
    )) as rules,
    day.landed_version,
    day.landed_xid,
    day.landed_at
from {{ ref('int_payroll_days_decided') }} as day
where day.source_system = '{{ connection }}'
{% endcall %}
