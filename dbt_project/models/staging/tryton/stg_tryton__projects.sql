select
    current.source_system,
    current.source_id as project_id,
    rule.project_code(current.record ->> 'name') as project_code,
    current.record ->> 'name' as name,
    landing.reference(current.record -> 'party') as party_id,
    landing.reference(current.record -> 'company') as company_id,
    current.record ->> 'project_invoice_method' as invoice_method,
    coalesce((current.record #>> '{status,progress}')::numeric >= 1, false) as is_closed,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('tryton', 'projects') }} as current
