select
    project.project_key,
    project.source_system,
    project.source_id,
    project.project_code,
    project.title,
    project.contract_key,
    project.customer_key,
    project.billing_type,
    project.currency,
    project.status,
    project.is_deleted
from {{ ref('project') }} as project
