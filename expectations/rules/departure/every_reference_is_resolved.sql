-- level: row
-- severity: critical
-- promise: An intent names its person, and a labour line its project and item, as the destination knows them.
-- remedy: Look at the match of the record (hourline trace) and decide it, or create the record at the destination.
select b.intent_id as subject
from {batch} as b
where
  b.operation in ('create', 'amend', 'adjust')
  and (
    (b.sync in ('erp_labor', 'payroll_hours') and b.fields ->> 'employee_ref' is null)
    or (b.sync = 'erp_labor' and (b.fields ->> 'project_ref' is null or b.fields ->> 'item_ref' is null))
    or (b.sync = 'psa_invoice_status' and (b.fields ->> 'subject_id' is null or b.fields ->> 'invoice_ref' is null))
  )
