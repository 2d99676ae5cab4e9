-- level: row
-- severity: warning
-- batch: raw.time_entries
-- promise: A time entry's currency is one that the firm's list of currencies knows.
-- remedy: Correct the project's currency in the PSA; the entry is held until then.
select b.source_id as subject
from {batch} as b
where
  not b.is_deleted
  and nullif(b.record ->> 'currency', '') is not null
  and not exists (
    select 1
    from rule.currency as known
    where known.currency = b.record ->> 'currency'
  )
