select
    worker.source_system || '-' || worker.worker_id as consultant_key,
    worker.source_system,
    worker.worker_id as source_id,
    worker.version as source_version_number,
    worker.employee_number,
    worker.full_name_token,
    worker.email_token,
    case worker.worker_type when 'Contingent_Worker' then 'subcontractor' else 'employee' end as consultant_type,
    worker.cost_center,
    entity.legal_entity,
    entity.region,
    worker.hire_date,
    worker.termination_date,
    worker.is_active,
    worker.is_deleted,
    worker.landed_at
from {{ ref('stg_workday__workers') }} as worker
left join {{ source('rule', 'legal_entity') }} as entity on worker.hr_company_code = entity.hr_company_code
union all
-- People the PSA knows and HR does not: they have hours, and no legal entity.
select
    person.source_system || '-' || person.user_id as consultant_key,
    person.source_system,
    person.user_id as source_id,
    person.version as source_version_number,
    null::text as employee_number,
    person.full_name_token,
    person.email_token,
    'unknown'::text as consultant_type,
    null::text as cost_center,
    null::text as legal_entity,
    null::text as region,
    null::date as hire_date,
    null::date as termination_date,
    null::boolean as is_active,
    person.is_deleted,
    person.landed_at
from {{ ref('stg_kantata__users') }} as person
left join {{ ref('int_users_matched') }} as matched
    on person.source_system = matched.source_system and person.user_id = matched.source_id
where matched.worker_id is null
