-- level: batch
-- severity: critical
-- batch: loads
-- promise: Less than one record in twenty of a load (or fewer than ten in all) could not be read.
-- remedy: Compare landing.quarantine with the vendor's release notes; the source's shape has changed.
select b.resource as subject
from {batch} as b
where
  b.rows_quarantined >= 10
  and b.rows_quarantined * 20 > b.rows_read
