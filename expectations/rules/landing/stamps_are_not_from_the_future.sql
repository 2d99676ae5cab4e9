-- level: batch
-- severity: warning
-- batch: loads
-- promise: The cursor a load ended on is no more than a day ahead of the warehouse's clock.
-- remedy: Compare the clocks; a cursor in the future hides later changes from the next load.
select b.resource as subject
from {batch} as b
where b.cursor_to ~ '^\d\d\d\d-\d\d-\d\d' and left(b.cursor_to, 10)::date > (hourline.now() + interval '1 day')::date
