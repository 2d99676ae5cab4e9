select
    period.source_system || '-' || period.accounting_period_id as accounting_period_key,
    period.source_system,
    period.accounting_period_id as source_id,
    period.version as source_version_number,
    period.name,
    period.start_date,
    period.end_date,
    period.is_closed,
    null::text as region,
    period.is_deleted,
    period.landed_at
from {{ ref('stg_netsuite__accounting_periods') }} as period
where not period.is_quarter and not period.is_year
{%- if connections('tryton') %}
    union all
    select
        period.source_system || '-' || period.accounting_period_id as accounting_period_key,
        period.source_system,
        period.accounting_period_id as source_id,
        period.version as source_version_number,
        period.name,
        period.start_date,
        period.end_date,
        period.is_closed,
        null::text as region,
        period.is_deleted,
        period.landed_at
    from {{ ref('stg_tryton__accounting_periods') }} as period
    where period.period_type = 'standard'
{%- endif %}
