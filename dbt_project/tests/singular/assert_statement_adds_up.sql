-- A returned row is an equation of the statement that its parts and its unexplained columns do not close.
select
    statement.scope,
    statement.name,
    statement.resource,
    statement.legal_entity,
    statement.period,
    statement.currency,
    statement.line,
    sum(case statement.side when 'total' then statement.minutes else -statement.minutes end)
    - sum(statement.unexplained_under_minutes) + sum(statement.unexplained_over_minutes) as minutes_left_over
from {{ ref('rpt_hour_conservation') }} as statement
where statement.line > 1
group by
    statement.scope, statement.name, statement.resource, statement.legal_entity, statement.period, statement.currency, statement.line
having
    abs(
        sum(case statement.side when 'total' then statement.minutes else -statement.minutes end)
        - sum(statement.unexplained_under_minutes) + sum(statement.unexplained_over_minutes)
    ) > 0.000001
