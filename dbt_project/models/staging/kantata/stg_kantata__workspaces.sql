select
    current.source_system,
    current.source_id as workspace_id,
    current.record ->> 'rate_card_id' as rate_card_id,
    current.record ->> 'title' as title,
    rule.project_code(current.record ->> 'title') as project_code,
    current.record ->> 'currency' as currency,
    current.record #>> '{status,message}' as status,
    coalesce((current.record ->> 'require_time_approvals')::boolean, true) as requires_approval,
    coalesce((current.record ->> 'archived')::boolean, false) as is_archived,
    (current.record ->> 'start_date')::date as start_date,
    (current.record ->> 'due_date')::date as due_date,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('kantata', 'workspaces') }} as current
