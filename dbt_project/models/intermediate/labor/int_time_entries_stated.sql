{% call(connection) per_connection('kantata') %}
select
    entry.source_system,
    entry.source_id,
    entry.user_id,
    entry.workspace_id,
    entry.story_id,
    entry.role_id,
    entry.submission_id,
    entry.notes_token,
    entry.work_date_text,
    entry.user_id_and_date,
    entry.work_date,
    entry.minutes,
    entry.is_billable,
    entry.is_deleted,
    entry.created_at,
    approval.approval_state,
    case
        when not workspace.requires_approval then 'project needs no approval'
        when entry.is_approved then 'submission approved'
    end as approval_rule,
    submission.resolved_at,
    entry.version,
    entry.source_version,
    greatest(entry.landed_xid, submission.landed_xid) as landed_xid,
    greatest(entry.landed_at, submission.landed_at) as landed_at
from {{ ref('stg_kantata__time_entries') }} as entry
left join {{ ref('stg_kantata__workspaces') }} as workspace
    on workspace.source_system = '{{ connection }}' and entry.workspace_id = workspace.workspace_id
left join lateral (
    select
        latest.status,
        latest.resolved_at,
        latest.landed_xid,
        latest.landed_at
    from {{ ref('stg_kantata__timesheet_submissions') }} as latest
    where latest.source_system = '{{ connection }}' and latest.source_id = entry.submission_id
    limit 1
) as submission on true
cross join lateral (
    select case
        when entry.is_deleted then 'deleted'
        when not workspace.requires_approval then 'approved'
        when submission.status in ('rejected', 'cancelled') then submission.status
        when entry.is_approved then 'approved'
        when submission.status is null then 'draft'
        else 'pending'
    end as approval_state
    offset 0
) as approval
where entry.source_system = '{{ connection }}'
{% endcall %}
