-- level: row
-- severity: warning
-- batch: raw.time_entries
-- promise: A time entry is longer than nothing and no longer than a day.
-- remedy: Ask the consultant to correct the entry in the PSA; it is held until then.
select b.source_id as subject
from {batch} as b
where
  not b.is_deleted
  and (
    (b.record ->> 'time_in_minutes')::numeric <= 0
    or (b.record ->> 'time_in_minutes')::numeric > 1440
  )
