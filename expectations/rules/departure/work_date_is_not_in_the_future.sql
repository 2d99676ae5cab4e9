-- level: row
-- severity: critical
-- promise: No hour is posted before it was worked.
-- remedy: Correct the date of the time entry in the PSA, or wait until the day has come.
select b.intent_id as subject
from {batch} as b
where
  b.sync <> 'psa_invoice_status'
  and b.operation in ('create', 'amend', 'adjust')
  and b.work_date > (hourline.now() + interval '1 day')::date
