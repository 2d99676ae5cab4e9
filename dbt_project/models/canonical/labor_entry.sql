select
    hour.source_system || '-' || hour.source_id as labor_entry_key,
    hour.source_system,
    hour.source_id,
    hour.version as source_version_number,
    coalesce(hour.hr_system || '-' || hour.worker_id, hour.source_system || '-' || hour.user_id) as consultant_key,
    hour.source_system || '-' || hour.workspace_id as project_key,
    hour.source_system || '-' || hour.story_id as project_phase_key,
    hour.crm_system || '-' || hour.contract_id as contract_key,
    hour.work_type as work_type_key,
    hour.legal_entity,
    hour.region,
    hour.time_zone,
    hour.work_date,
    hour.period,
    hour.minutes as source_quantity,
    'minute'::text as source_unit,
    hour.minutes,
    hour.is_billable,
    hour.is_leave,
    case
        when hour.approval_state = 'deleted' then 'deleted'
        when hour.duplicate_of is not null then 'duplicate'
        else hour.approval_state
    end as state,
    hour.approval_rule,
    hour.duplicate_of,
    hour.resolved_at,
    hour.source_version,
    hour.landed_xid,
    hour.landed_at
from {{ ref('int_labor_resolved') }} as hour
