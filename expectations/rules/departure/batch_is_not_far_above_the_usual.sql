-- level: batch
-- severity: critical
-- promise: A batch that creates hours is no more than twenty times the median of the last ten that did (and 1,000 hours).
-- remedy: Look at the plan; if it is right, approve it: hourline plan --approve <plan>.
select 'minutes' as subject
from (
  select sum(b.minutes) as minutes
  from {batch} as b
  where b.operation = 'create' and b.sync <> 'psa_invoice_status'
) as this_batch
cross join (
  select
    count(*) as batches,
    percentile_cont(0.5) within group (order by recent.minutes) as median_minutes
  from (
    select sum(settled.minutes) as minutes
    from delivery.intent as settled
    where
      settled.operation = 'create'
      and settled.state = 'acknowledged'
      and not settled.is_adopted
      and settled.sync in (select b.sync from {batch} as b)
    group by settled.plan_id
    order by settled.plan_id desc
    limit 10
  ) as recent
) as usual
where
  usual.batches >= 5
  and this_batch.minutes > 60000
  and this_batch.minutes > 20 * usual.median_minutes
