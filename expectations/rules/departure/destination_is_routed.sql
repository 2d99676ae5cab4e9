-- level: batch
-- severity: critical
-- promise: New hours go only where the routing rules send that entity's hours.
-- remedy: Correct the routing rules, or the entity of the person.
select
  b.legal_entity as subject,
  b.destination
from {batch} as b
where
  b.sync in ('erp_labor', 'payroll_hours')
  and b.operation = 'create'
  and not exists (
    select 1
    from rule.routing as route
    where
      route.legal_entity = b.legal_entity
      and route.destination = b.destination
      and route.valid_from <= b.work_date
  )
group by b.legal_entity, b.destination
