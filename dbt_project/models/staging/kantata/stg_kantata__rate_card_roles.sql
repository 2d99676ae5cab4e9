select
    current.source_system,
    current.source_id as rate_card_role_id,
    current.record ->> 'rate_card_id' as rate_card_id,
    current.record ->> 'rate_card_set_id' as rate_card_set_id,
    current.record ->> 'role_id' as role_id,
    current.record ->> 'currency' as currency,
    (current.record ->> 'rate')::numeric as rate_in_minor_units,
    (current.record ->> 'effective_date')::date as effective_from,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('kantata', 'rate_card_roles') }} as current
