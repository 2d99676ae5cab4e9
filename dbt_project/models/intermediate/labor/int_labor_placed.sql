{% call(connection) per_connection('kantata') %}
select
    hour.*,
    employee.target_id as employee_ref,
    employee.method as employee_method,
    job.target_id as project_ref,
    task.target_id as task_ref,
    case when hour.story_id is not null then hour.story_title end as phase_title,
    item.target_id as item_ref,
    period_there.name as posting_period,
    coalesce(period_there.is_closed, false) as is_period_closed,
    coalesce(job_there.is_closed, false) or coalesce(task_there.is_closed, false) as is_project_closed,
    coalesce(invoiced.destination_state, 'unbilled') as destination_state
from {{ ref('int_labor_routed') }} as hour
left join lateral ({{ target_of('xref_consultant', connection, 'hour.user_id', 'hour.destination') }}) as employee on true
left join lateral ({{ target_of('xref_project', connection, 'hour.workspace_id', 'hour.destination') }}) as job on true
left join lateral ({{ target_of('xref_phase', connection, 'hour.story_id', 'hour.destination') }}) as task on true
left join lateral ({{ target_of('xref_work_type', connection, 'hour.work_type', 'hour.destination') }}) as item on true
left join lateral (
    select
        p.name,
        p.is_closed
    from {{ ref('stg_netsuite__accounting_periods') }} as p
    where
        p.source_system = hour.destination
        and hour.work_date between p.start_date and p.end_date
        and not p.is_quarter
        and not p.is_year
        and not p.is_deleted
    limit 1
) as period_there on true
left join lateral (
    select j.status = 'Closed' or j.is_inactive as is_closed
    from {{ ref('stg_netsuite__jobs') }} as j
    where j.source_system = hour.destination and j.job_id = job.target_id
    limit 1
) as job_there on true
left join lateral (
    select t.status = 'Closed' as is_closed
    from {{ ref('stg_netsuite__project_tasks') }} as t
    where t.source_system = hour.destination and t.project_task_id = task.target_id
    limit 1
) as task_there on true
left join lateral (
    select
        case
            when bool_or(invoice.status_code <> 'D') then 'billed'
            when bool_or(invoice.status_code = 'D') then 'on_draft_invoice'
        end as destination_state
    from {{ source('landing', 'neighbourhood') }} as n
    cross join lateral (
        select i.status_code
        from {{ ref('stg_netsuite__invoices') }} as i
        where i.source_system = hour.destination and i.source_id = any(n.member_ids) and not i.is_voided and not i.is_deleted
        offset 0
    ) as invoice
    where
        n.source_system = hour.destination
        and n.kind = 'invoice_of_time'
        and n.key_1 = hour.settled_vendor_id
) as invoiced on true
where hour.source_system = '{{ connection }}'
{% endcall %}
