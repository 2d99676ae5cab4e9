-- level: batch
-- severity: critical
-- batch: loads
-- promise: A load turns no more than three per cent of a resource (or twenty records) into deletions.
-- remedy: Check at the source whether this many were really deleted; if so, approve the load and land again.
select b.resource as subject
from {batch} as b
where
  b.rows_tombstoned > 20
  and b.rows_tombstoned * 100 > 3 * (
    select greatest(max(whole.rows_read), 1)
    from landing.load as whole
    where
      whole.connection = b.connection
      and whole.resource = b.resource
      and whole.scope = 'listing'
  )
