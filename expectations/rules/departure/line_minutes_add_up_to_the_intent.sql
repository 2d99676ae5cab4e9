-- level: row
-- severity: critical
-- promise: An intent's minutes are the sum of its members'.
-- remedy: Rebuild the models and plan again; the sync view lost or doubled a member.
select b.intent_id as subject
from {batch} as b
where
  b.operation in ('create', 'amend', 'adjust')
  and exists (
    select 1 from delivery.intent_line as line
    where line.intent_id = b.intent_id
  )
  and b.minutes <> (
    select sum(line.minutes)
    from delivery.intent_line as line
    where line.intent_id = b.intent_id
  )
