{% call(connection) per_connection('netsuite') %}
select
    '{{ connection }}'::text as source_system,
    latest.source_id,
    nullif(latest.record ->> 'externalid', '') as external_id,
    latest.record ->> 'employee' as employee_id,
    latest.record ->> 'customer' as job_id,
    latest.record ->> 'casetaskevent' as project_task_id,
    latest.record ->> 'item' as item_id,
    latest.record ->> 'subsidiary' as subsidiary_id,
    (latest.record ->> 'hours')::numeric * 60 as minutes,
    (latest.record ->> 'rate')::numeric as rate,
    coalesce((latest.record ->> 'isbillable')::boolean, false) as is_billable,
    latest.is_deleted,
    (latest.record ->> 'trandate')::date as work_date,
    latest.version,
    latest.source_version,
    latest.landed_xid,
    latest.landed_at
from {{ latest_raw('netsuite', connection, 'time_bills') }} as latest
{% endcall %}
