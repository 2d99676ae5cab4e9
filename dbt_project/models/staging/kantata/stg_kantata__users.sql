select
    current.source_system,
    current.source_id as user_id,
    current.record ->> 'full_name' as full_name_token,
    current.record ->> 'email_address' as email_token,
    current.record ->> 'role_id' as role_id,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('kantata', 'users') }} as current
