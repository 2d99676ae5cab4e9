-- level: batch
-- severity: critical
-- batch: loads
-- promise: No declared field disappeared or changed its type in the load.
-- remedy: Bring ingest's declaration of the resource up to date with the vendor's contract.
select
  change.resource as subject,
  change.field
from {batch} as b
inner join landing.schema_change as change
  on b.load_id = change.load_id and b.resource = change.resource
where change.change in ('gone', 'retyped')
