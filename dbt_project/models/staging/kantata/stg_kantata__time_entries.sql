{% call(connection) per_connection('kantata') %}
select
    -- ids
    '{{ connection }}'::text as source_system,
    latest.source_id,
    field.user_id,
    field.workspace_id,
    field.story_id,
    field.role_id,
    field.submission_id,
    field.user_id_and_date,
    -- strings
    field.notes_token,
    field.currency,
    field.work_date_text,
    -- numerics
    field.minutes,
    -- booleans
    field.is_billable,
    field.is_approved,
    latest.is_deleted,
    -- dates and timestamps
    field.work_date_text::date as work_date,
    field.created_at,
    -- lineage
    latest.version,
    latest.source_version,
    latest.landed_xid,
    latest.landed_at
from {{ latest_raw('kantata', connection, 'time_entries') }} as latest
-- `offset 0` keeps the fields columns: look-ups by them are then remembered from row to row in a sweep, where an
-- expression over the whole record would be looked up for each.
cross join lateral (
    select
        latest.record ->> 'user_id' as user_id,
        latest.record ->> 'workspace_id' as workspace_id,
        latest.record ->> 'story_id' as story_id,
        latest.record ->> 'role_id' as role_id,
        coalesce(latest.record ->> 'active_submission_id', latest.record ->> 'recent_submission_id') as submission_id,
        rule.person_day_id(latest.record ->> 'user_id', latest.record ->> 'date_performed') as user_id_and_date,
        latest.record ->> 'notes' as notes_token,
        latest.record ->> 'currency' as currency,
        latest.record ->> 'date_performed' as work_date_text,
        (latest.record ->> 'time_in_minutes')::numeric as minutes,
        coalesce((latest.record ->> 'billable')::boolean, false) as is_billable,
        coalesce((latest.record ->> 'approved')::boolean, false) as is_approved,
        (latest.record ->> 'created_at')::timestamptz as created_at
    offset 0
) as field
{% endcall %}
