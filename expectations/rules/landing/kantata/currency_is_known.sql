-- level: row
-- severity: warning
-- batch: raw.time_entries
-- promise: A time entry's currency is one of the firm's.
-- remedy: Correct the project's currency in the PSA or add the legal entity that keeps books in it; the entry is held until then.
select b.source_id as subject
from {batch} as b
where
  not b.is_deleted
  and nullif(b.record ->> 'currency', '') is not null
  and not exists (
    select 1
    from rule.legal_entity as entity
    where entity.functional_currency = b.record ->> 'currency'
  )
