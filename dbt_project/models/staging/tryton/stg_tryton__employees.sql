select
    current.source_system,
    current.source_id as employee_id,
    rule.written_number(
        current.record ->> 'code', current.record -> 'identifiers', '{{ var("employee_number_format") }}'
    ) as entity_number,
    rule.number_key(
        rule.written_number(current.record ->> 'code', current.record -> 'identifiers', '{{ var("employee_number_format") }}')
    ) as employee_number_key,
    current.record ->> 'email' as email_token,
    landing.reference(current.record -> 'company') as company_id,
    not coalesce((current.record ->> 'active')::boolean, true) as is_inactive,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('tryton', 'employees') }} as current
