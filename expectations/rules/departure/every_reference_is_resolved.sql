-- level: row
-- severity: critical
-- promise: An intent names its person, and a labour line its project and item (or the task in its place), as known there.
-- remedy: Look at the match of the record (hourline trace) and decide it, or create the record at the destination.
select b.intent_id as subject
from {batch} as b
where
  b.operation in ('create', 'amend', 'adjust')
  and (
    (b.sync in ('erp_labor', 'payroll_hours') and b.fields ->> 'employee_ref' is null)
    or (b.sync = 'erp_labor' and b.fields ->> 'project_ref' is null)
    or (
      b.sync = 'erp_labor'
      and b.fields ->> case
        -- There the task is the kind of work, and its rate.
        when exists (
            select from landing.resource as r
            where r.connection = b.destination and r.system = 'tryton'
          ) then 'task_ref'
        else 'item_ref'
      end is null
    )
    or (b.sync = 'psa_invoice_status' and (b.fields ->> 'subject_id' is null or b.fields ->> 'invoice_ref' is null))
  )
