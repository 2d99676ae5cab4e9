-- level: batch
-- severity: critical
-- promise: No chain has two intents on their way, unless the second waits for the first.
-- remedy: Stop the workers and ask for help with the output of `hourline trace`; the ledger's head and its intents differ.
select b.chain_key as subject
from {batch} as b
where
  b.waits_for is null
  and exists (
    select 1
    from delivery.intent as other
    where
      other.sync = b.sync
      and other.chain_key = b.chain_key
      and other.intent_id <> b.intent_id
      and other.waits_for is null
      and other.state in ('planned', 'held', 'sending', 'accepted', 'in_doubt', 'unknown')
  )
