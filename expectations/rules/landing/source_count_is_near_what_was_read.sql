-- level: batch
-- severity: warning
-- batch: loads
-- promise: A full listing read as many records as the source says it has, within one per cent.
-- remedy: Land the source again with --full; a page may have been lost.
select b.resource as subject
from {batch} as b
inner join (
  select
    load.run_id,
    total.resource,
    sum(total.source_count) as source_count
  from landing.control_total as total
  inner join landing.load as load on total.load_id = load.load_id
  group by load.run_id, total.resource
) as told
  on b.run_id = told.run_id and b.resource = told.resource
where
  b.scope = 'listing'
  and b.status = 'landed'
  and not exists (
    select 1
    from landing.load as later
    where
      later.run_id = b.run_id
      and later.resource = b.resource
      and later.scope = 'listing'
      and later.read_started_at > b.read_started_at
  )
  and abs(told.source_count - b.rows_read) * 100 > greatest(told.source_count, 1)
