-- level: row
-- severity: critical
-- promise: An amount has a currency, and hours that are billed have an amount that is not negative.
-- remedy: Look at the rate that was chosen (hourline trace shows the rule) and correct the rate card.
select b.intent_id as subject
from {batch} as b
where
  (b.amount is not null and b.currency is null)
  or b.amount < 0
  or (
    b.sync = 'erp_labor'
    and b.operation in ('create', 'amend', 'adjust')
    and b.fields ->> 'is_billable' = 'true'
    and b.amount is null
  )
