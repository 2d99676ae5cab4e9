-- level: batch
-- severity: critical
-- batch: loads
-- promise: The newest load of every resource of the source came to its end.
-- remedy: Read the load's error, mend its cause, and land the source again.
select b.resource as subject
from {batch} as b
where b.status <> 'landed'
