{% call(connection) per_connection('gusto') %}
select
    '{{ connection }}'::text as source_system,
    latest.source_id,
    latest.record #>> '{metadata,dw_key}' as external_id,
    latest.record ->> 'entity_uuid' as employee_uuid,
    latest.record ->> 'job_uuid' as job_uuid,
    latest.record ->> 'status' as status,
    latest.record ->> 'time_zone' as time_zone,
    (
        select coalesce(sum((entry.value ->> 'hours_worked')::numeric), 0) * 60
        from jsonb_array_elements(latest.record -> 'entries') as entry (value)
    ) as minutes,
    latest.is_deleted,
    {{ local_date_of_sheet('latest.record') }} as work_date,
    (latest.record ->> 'shift_started_at')::timestamptz as shift_started_at,
    (latest.record ->> 'synced_to_payroll_at')::timestamptz as synced_to_payroll_at,
    latest.version,
    latest.source_version,
    latest.landed_xid,
    latest.landed_at
from {{ latest_raw('gusto', connection, 'time_sheets') }} as latest
{% endcall %}
