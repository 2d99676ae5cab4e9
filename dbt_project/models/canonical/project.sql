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
    coalesce(contract.region, home.region) as region,
    project.is_deleted,
    workspace.landed_at
from {{ ref('int_projects_matched') }} as project
inner join {{ ref('stg_kantata__workspaces') }} as workspace
    on project.source_system = workspace.source_system and project.source_id = workspace.workspace_id
left join {{ ref('contract') }} as contract on project.crm_system = contract.source_system and project.contract_id = contract.source_id
left join lateral (
    -- A project without a contract is at home where the ERP keeps it.
    select entity.region
    from {{ ref('stg_netsuite__jobs') }} as job
    inner join {{ ref('stg_netsuite__subsidiaries') }} as subsidiary
        on job.source_system = subsidiary.source_system and job.subsidiary_id = subsidiary.subsidiary_id
    inner join {{ source('rule', 'legal_entity') }} as entity on subsidiary.name = entity.erp_subsidiary_name
    where job.project_code = project.project_code and not job.is_deleted
    order by entity.region
    limit 1
) as home on true
