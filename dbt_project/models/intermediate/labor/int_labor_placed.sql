{#- What is written within a line only where Tryton is connected reads as an indent to the linter. -#}
-- noqa: disable=LT02
{% call(connection) per_connection('kantata') %}
{%- set by_rate = connections('tryton') %}
select
    hour.*,
    there.employee_ref,
    there.employee_method,
    there.project_ref,
    {{ 'coalesce(there.task_ref, priced.work_id)' if by_rate else 'there.task_ref' }} as task_ref,
    -- There the rate sits on the task, and the task says the kind of work too.
    {{ "hour.destination in (" ~ quoted_connections('tryton') ~ ")" if by_rate else 'false' }} as is_task_by_rate,
    there.item_ref,
    there.posting_period,
    there.is_period_closed,
    correction.correction_date,
    there.is_project_closed{{ ' or coalesce(priced.is_closed, false) as is_project_closed' if by_rate }},
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
            x.target_system, jsonb_build_object('id', x.target_id, 'is_closed', j.status = 'Closed' or j.is_inactive{{ ' or p.is_closed' if by_rate }})
        ) as targets
    from {{ ref('xref_project') }} as x
    left join {{ ref('stg_netsuite__jobs') }} as j on x.target_system = j.source_system and x.target_id = j.job_id
    {%- if by_rate %}
    left join {{ ref('stg_tryton__projects') }} as p on x.target_system = p.source_system and x.target_id = p.project_id
    {%- endif %}
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
        {%- if by_rate %}
        -- Tryton refuses to change a line as long as an invoice has it, one that was cancelled or credited too.
        select case when t.status = 'draft' then 'D' else 'A' end as status_code
        from {{ ref('stg_tryton__invoices') }} as t
        where t.source_system = hour.destination and t.source_id = any(n.member_ids) and not t.is_deleted
        union all
        {%- endif %}
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
) as standing on true
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
{%- if by_rate %}
left join lateral (
    -- One task a project and rate: of several the one named like the phase. Work without a rate is on a task without one.
    select
        t.work_id,
        t.is_closed
    from {{ ref('stg_tryton__tasks') }} as t
    where
        t.source_system = hour.destination
        and t.project_id = there.project_ref
        and t.work_id is not null
        and t.rate = case when hour.posts_as_billable_time then hour.rate else 0 end
        and not t.is_deleted
        and (
            not hour.posts_as_billable_time
            or exists (
                select 1 from {{ ref('stg_tryton__companies') }} as c
                where c.source_system = hour.destination and c.currency = hour.rate_currency and not c.is_deleted
            )
        )
    order by t.is_closed asc, (t.title = hour.story_title) desc nulls last, length(t.work_id) asc, t.work_id asc
    limit 1
) as priced on true
{%- endif %}
where hour.source_system = '{{ connection }}'
{% endcall %}
