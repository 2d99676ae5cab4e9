{% call(connection) per_connection('kantata') %}
select
    -- ids
    '{{ connection }}'::text as source_system,
    latest.source_id,
    latest.record ->> 'user_id' as user_id,
    latest.record ->> 'workspace_id' as workspace_id,
    latest.record ->> 'story_id' as story_id,
    latest.record ->> 'role_id' as role_id,
    coalesce(latest.record ->> 'active_submission_id', latest.record ->> 'recent_submission_id') as submission_id,
    -- strings
    latest.record ->> 'notes' as notes_token,
    latest.record ->> 'currency' as currency,
    latest.record ->> 'date_performed' as work_date_text,
    -- numerics
    (latest.record ->> 'time_in_minutes')::numeric as minutes,
    -- booleans
    coalesce((latest.record ->> 'billable')::boolean, false) as is_billable,
    coalesce((latest.record ->> 'approved')::boolean, false) as is_approved,
    latest.is_deleted,
    -- dates and timestamps
    (latest.record ->> 'date_performed')::date as work_date,
    (latest.record ->> 'created_at')::timestamptz as created_at,
    -- lineage
    latest.version,
    latest.source_version,
    latest.landed_xid,
    latest.landed_at
from {{ latest_raw('kantata', connection, 'time_entries') }} as latest
{% endcall %}
