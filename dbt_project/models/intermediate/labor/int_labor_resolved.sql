{% call(connection) per_connection('kantata') %}
select
    entry.source_system,
    entry.source_id,
    entry.version,
    entry.user_id,
    entry.workspace_id,
    entry.story_id,
    coalesce(entry.role_id, person.role_id) as role_id,
    entry.work_date_text,
    entry.work_date,
    date_trunc('month', entry.work_date)::date as period,
    round(entry.minutes, 6) as minutes,
    entry.is_billable,
    entry.approval_state,
    entry.approval_rule,
    entry.resolved_at,
    entry.duplicate_of,
    entry.day_minutes,
    -- person
    person.hr_system,
    person.worker_id,
    person.employee_number_key,
    person.worker_type,
    person.method as person_method,
    entity.legal_entity,
    entity.region,
    entity.time_zone,
    -- project
    project.title as project_title,
    project.project_code,
    project.rate_card_set_id,
    project.crm_system,
    project.contract_id,
    project.contract_currency,
    project.pricebook_id,
    project.billing_type,
    coalesce(not project.is_deleted, false) as has_project,
    -- kind of work
    story.title as story_title,
    role.name as role_name,
    work_type.work_type,
    coalesce(work_type.is_leave, false) as is_leave,
    work_type.match_on as work_type_rule,
    nullif(work_type.erp_item_code, '') as erp_item_code,
    billing.is_due_to_erp,
    billing.posts_as_billable,
    -- lineage
    entry.source_version,
    entry.landed_xid,
    entry.landed_at,
    greatest(entry.landed_at, person.landed_at, project.landed_at) as facts_landed_at
from {{ ref('int_time_entries_weighed') }} as entry
left join lateral (
    select matched.*
    from {{ ref('int_users_matched') }} as matched
    where matched.source_system = '{{ connection }}' and matched.source_id = entry.user_id
    limit 1
) as person on true
left join {{ source('rule', 'legal_entity') }} as entity on person.hr_company_code = entity.hr_company_code
left join lateral (
    select matched.*
    from {{ ref('int_projects_matched') }} as matched
    where matched.source_system = '{{ connection }}' and matched.source_id = entry.workspace_id
    limit 1
) as project on true
left join lateral (
    select s.title
    from {{ ref('stg_kantata__stories') }} as s
    where s.source_system = '{{ connection }}' and s.story_id = entry.story_id
    limit 1
) as story on true
left join lateral (
    select r.name
    from {{ ref('stg_kantata__roles') }} as r
    where r.source_system = '{{ connection }}' and r.role_id = coalesce(entry.role_id, person.role_id)
    limit 1
) as role on true
left join lateral (
    select
        m.work_type,
        m.is_leave,
        m.match_on,
        m.erp_item_code
    from {{ source('rule', 'work_type_map') }} as m
    where
        m.source_system = '{{ connection }}'
        and (m.match_on, m.match_value) in (
            ('story_title', story.title), ('workspace_title', project.title), ('role_name', role.name)
        )
    order by array_position(array['story_title', 'workspace_title', 'role_name'], m.match_on)
    limit 1
) as work_type on true
left join {{ source('rule', 'billing_policy') }} as billing on project.billing_type = billing.billing_type
where entry.source_system = '{{ connection }}'
{% endcall %}
