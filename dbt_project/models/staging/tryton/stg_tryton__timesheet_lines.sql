{% call(connection) per_connection('tryton') %}
select
    '{{ connection }}'::text as source_system,
    latest.source_id,
    latest.record ->> 'marker' as external_id,
    landing.reference(latest.record -> 'employee') as employee_id,
    landing.reference(latest.record -> 'work') as work_id,
    landing.reference(latest.record -> 'company') as company_id,
    landing.reference(latest.record -> 'invoice_line') as invoice_line_id,
    (latest.record ->> 'minutes')::numeric as minutes,
    latest.is_deleted,
    (latest.record ->> 'date')::date as work_date,
    latest.version,
    latest.source_version,
    latest.landed_xid,
    latest.landed_at
from {{ latest_raw('tryton', connection, 'timesheet_lines') }} as latest
{% endcall %}
