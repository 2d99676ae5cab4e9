select
    current.source_system,
    current.source_id as party_id,
    current.record ->> 'code' as party_code,
    current.record -> 'identifiers' as identifiers,
    not coalesce((current.record ->> 'active')::boolean, true) as is_inactive,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('tryton', 'parties') }} as current
