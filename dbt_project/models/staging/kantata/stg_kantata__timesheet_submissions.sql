{% call(connection) per_connection('kantata') %}
select
    '{{ connection }}'::text as source_system,
    latest.source_id,
    latest.record ->> 'user_id' as user_id,
    latest.record ->> 'workspace_id' as workspace_id,
    latest.record ->> 'status' as status,
    latest.is_deleted,
    (latest.record ->> 'start_date')::date as start_date,
    (latest.record ->> 'end_date')::date as end_date,
    (latest.record ->> 'current_resolution_created_at_date')::timestamptz as resolved_at,
    latest.version,
    latest.landed_xid,
    latest.landed_at
from {{ latest_raw('kantata', connection, 'timesheet_submissions') }} as latest
{% endcall %}
