-- What the account itself holds, as the last load saw it: one row a time row, in the words of the sync's material fields.
select t.source_id as vendor_id, t.employee_id as employee_ref, t.job_id as project_ref, t.project_task_id as task_ref,
       t.work_date, round(t.minutes) as minutes, t.external_id as record_key
from staging.stg_netsuite__time_bills t
where t.source_system = :destination and not t.is_deleted
