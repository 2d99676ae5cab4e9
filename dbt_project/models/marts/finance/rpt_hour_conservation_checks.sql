{{ config(materialized='stable_view') }}

select
    statement.scope,
    statement.name,
    statement.legal_entity,
    statement.destination,
    statement.period,
    statement.line,
    case when sum(statement.unexplained_rows) > 0 then 'unexplained' else 'made by hand' end as finding,
    sum(statement.unexplained_under_minutes) as unexplained_under_minutes,
    sum(statement.unexplained_over_minutes) as unexplained_over_minutes,
    sum(statement.unexplained_under_amount) as unexplained_under_amount,
    sum(statement.unexplained_over_amount) as unexplained_over_amount,
    sum(statement.unexplained_rows)::bigint as unexplained_rows,
    coalesce(sum(abs(statement.minutes)) filter (where statement.is_made_by_hand), 0) as made_by_hand_minutes,
    coalesce(sum(statement.row_count) filter (where statement.is_made_by_hand), 0)::bigint as made_by_hand_rows,
    string_agg(distinct coalesce(statement.reason, statement.bucket), ', ')
    filter (where statement.unexplained_rows > 0 or statement.is_made_by_hand) as because
from {{ ref('rpt_hour_conservation') }} as statement
group by statement.scope, statement.name, statement.legal_entity, statement.destination, statement.period, statement.line
having sum(statement.unexplained_rows) > 0 or bool_or(statement.is_made_by_hand)
