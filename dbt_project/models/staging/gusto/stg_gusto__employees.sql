select
    current.source_system,
    current.source_id as employee_uuid,
    current.record ->> 'employee_code' as employee_code,
    rule.number_key(current.record ->> 'employee_code') as employee_number_key,
    coalesce(current.record ->> 'work_email', current.record ->> 'email') as email_token,
    coalesce((current.record ->> 'terminated')::boolean, false) as is_terminated,
    (
        select coalesce(min(job.value ->> 'uuid') filter (where (job.value ->> 'primary')::boolean), min(job.value ->> 'uuid'))
        from jsonb_array_elements(current.record -> 'jobs') as job (value)
    ) as primary_job_uuid,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('gusto', 'employees') }} as current
