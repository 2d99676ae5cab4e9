-- level: batch
-- severity: critical
-- batch: loads
-- promise: A full listing is not empty where more than a hundred records stood before.
-- remedy: Look at the source's permissions and filters, then land again; nothing was deleted here.
select b.resource as subject
from {batch} as b
where
  b.status = 'landed'
  and b.scope = 'listing'
  and b.rows_read = 0
  and (
    select max(earlier.rows_read)
    from landing.load as earlier
    where
      earlier.connection = b.connection
      and earlier.resource = b.resource
      and earlier.scope = 'listing'
      and earlier.load_id <> b.load_id
  ) > 100
