select
    current.source_system,
    current.source_id as accounting_period_id,
    current.record ->> 'name' as name,
    current.record ->> 'state' <> 'open' as is_closed,
    current.record ->> 'type' as period_type,
    (current.record ->> 'start_date')::date as start_date,
    (current.record ->> 'end_date')::date as end_date,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('tryton', 'accounting_periods') }} as current
