{% call(connection) per_connection('kantata') %}
select
    hour.*,
    there.employee_ref,
    there.employee_method,
    there.project_ref,
    there.task_ref,
    there.item_ref,
    there.posting_period,
    there.is_period_closed,
    correction.correction_date,
    there.is_project_closed,
    coalesce(invoiced.destination_state, case when standing.is_deleted then 'gone' end, 'unbilled') as destination_state
from {{ ref('int_labor_routed') }} as hour
-- One look-up a person, project, phase, kind of work and date, each for all destinations at once: a sweep remembers them.
left join lateral (
    select jsonb_object_agg(x.target_system, jsonb_build_object('id', x.target_id, 'method', x.method)) as targets
    from {{ ref('xref_consultant') }} as x
    where x.source_system = '{{ connection }}' and x.source_id = hour.user_id
) as person on true
left join lateral (
    select
        jsonb_object_agg(
            x.target_system, jsonb_build_object('id', x.target_id, 'is_closed', j.status = 'Closed' or j.is_inactive)
        ) as targets
    from {{ ref('xref_project') }} as x
    left join {{ ref('stg_netsuite__jobs') }} as j on x.target_system = j.source_system and x.target_id = j.job_id
    where x.source_system = '{{ connection }}' and x.source_id = hour.workspace_id
) as project on true
left join lateral (
    select jsonb_object_agg(x.target_system, jsonb_build_object('id', x.target_id, 'is_closed', t.status = 'Closed')) as targets
    from {{ ref('xref_phase') }} as x
    left join {{ ref('stg_netsuite__project_tasks') }} as t
        on x.target_system = t.source_system and x.target_id = t.project_task_id
    where x.source_system = '{{ connection }}' and x.source_id = hour.story_id
) as phase on true
left join lateral (
    select jsonb_object_agg(x.target_system, jsonb_build_object('id', x.target_id)) as targets
    from {{ ref('xref_work_type') }} as x
    where x.source_system = '{{ connection }}' and x.source_id = hour.work_type
) as kind on true
left join lateral (
    select jsonb_object_agg(p.source_system, jsonb_build_object('name', p.name, 'is_closed', p.is_closed)) as periods
    from {{ ref('stg_netsuite__accounting_periods') }} as p
    where
        hour.work_date between p.start_date and p.end_date
        and not p.is_quarter
        and not p.is_year
        and not p.is_deleted
) as month on true
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
left join lateral (
    -- The row that is in effect by the ledger, as the destination reported it last.
    select bill.is_deleted
    from {{ ref('stg_netsuite__time_bills') }} as bill
    where bill.source_system = hour.destination and bill.source_id = hour.settled_vendor_id
    limit 1
) as standing on hour.settled_vendor_id is not null
cross join lateral (
    select
        person.targets #>> array[hour.destination, 'id'] as employee_ref,
        person.targets #>> array[hour.destination, 'method'] as employee_method,
        project.targets #>> array[hour.destination, 'id'] as project_ref,
        phase.targets #>> array[hour.destination, 'id'] as task_ref,
        kind.targets #>> array[hour.destination, 'id'] as item_ref,
        month.periods #>> array[hour.destination, 'name'] as posting_period,
        coalesce((month.periods #>> array[hour.destination, 'is_closed'])::boolean, false) as is_period_closed,
        coalesce((project.targets #>> array[hour.destination, 'is_closed'])::boolean, false)
        or coalesce((phase.targets #>> array[hour.destination, 'is_closed'])::boolean, false) as is_project_closed
    offset 0
) as there
left join lateral (
    -- What is in a closed period is corrected in the next that is open.
    select min(p.start_date) as correction_date
    from {{ ref('stg_netsuite__accounting_periods') }} as p
    where
        p.source_system = hour.destination
        and p.start_date > hour.work_date
        and not p.is_closed
        and not p.is_quarter
        and not p.is_year
        and not p.is_deleted
) as correction on there.is_period_closed and (hour.has_base or hour.is_taken_back)
where hour.source_system = '{{ connection }}'
{% endcall %}
