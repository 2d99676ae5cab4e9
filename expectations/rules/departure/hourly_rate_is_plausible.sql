-- level: row
-- severity: critical
-- promise: No hour is posted above the highest rate the firm's policy allows (5,000 an hour where it says nothing).
-- remedy: Correct the rate card, or raise `max_hourly_rate` in the policy rules.
select b.intent_id as subject
from {batch} as b
where
  b.operation in ('create', 'amend', 'adjust')
  and b.minutes > 0
  and b.amount * 60 / b.minutes > coalesce(
    (
      select policy.value::numeric
      from rule.policy as policy
      where policy.name = 'max_hourly_rate' and coalesce(policy.legal_entity, '') in ('', b.legal_entity)
      order by coalesce(policy.legal_entity, '') desc
      limit 1
    ),
    5000
  )
