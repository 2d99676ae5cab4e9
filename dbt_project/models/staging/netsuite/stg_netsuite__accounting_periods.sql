select
    current.source_system,
    current.source_id as accounting_period_id,
    current.record ->> 'periodname' as name,
    coalesce((current.record ->> 'closed')::boolean, false) as is_closed,
    coalesce((current.record ->> 'isquarter')::boolean, false) as is_quarter,
    coalesce((current.record ->> 'isyear')::boolean, false) as is_year,
    (current.record ->> 'startdate')::date as start_date,
    (current.record ->> 'enddate')::date as end_date,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('netsuite', 'accounting_periods') }} as current
