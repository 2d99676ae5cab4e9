select
    project.source_system || '-' || project.source_id as project_key,
    project.source_system,
    project.source_id,
    workspace.version as source_version_number,
    project.project_code,
    project.title,
    project.crm_system || '-' || project.contract_id as contract_key,
    project.crm_system || '-' || project.account_id as customer_key,
    project.billing_type,
    coalesce(project.contract_currency, project.currency) as currency,
    project.requires_approval,
    project.status,
    project.start_date,
    project.due_date,
    null::text as region,
    project.is_deleted,
    workspace.landed_at
from {{ ref('int_projects_matched') }} as project
inner join {{ ref('stg_kantata__workspaces') }} as workspace
    on project.source_system = workspace.source_system and project.source_id = workspace.workspace_id
