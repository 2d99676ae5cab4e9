select
    current.source_system,
    current.source_id as company_id,
    current.record #>> '{party,name}' as name,
    current.record #>> '{currency,code}' as currency,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('tryton', 'companies') }} as current
