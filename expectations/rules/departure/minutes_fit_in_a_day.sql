-- level: row
-- severity: critical
-- promise: What is to be posted for one day is longer than nothing and no longer than 24 hours.
-- remedy: Correct the time entry in the PSA.
select b.intent_id as subject
from {batch} as b
where
  b.sync <> 'psa_invoice_status'
  and b.operation in ('create', 'amend', 'adjust')
  and (b.minutes <= 0 or b.minutes > 1440)
