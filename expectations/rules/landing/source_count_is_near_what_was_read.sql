-- level: batch
-- severity: warning
-- batch: loads
-- promise: A full listing read as many records as the source says it has, within one per cent.
-- remedy: Land the source again with --full; a page may have been lost.
select b.resource as subject
from {batch} as b
inner join (
  select
    total.load_id,
    total.resource,
    sum(total.source_count) as source_count
  from landing.control_total as total
  group by total.load_id, total.resource
) as told
  on b.load_id = told.load_id and b.resource = told.resource
inner join landing.resource as known
  on b.connection = known.connection and b.resource = known.resource
where
  b.cursor_from is null
  and b.rows_tombstoned = 0
  -- a resource with work dates is listed by months, and held against its source's count by the statement's first line
  and known.work_date is null
  and abs(told.source_count - b.rows_read) * 100 > greatest(told.source_count, 1)
