{% call(connection) per_connection('kantata') %}
{%- for target in connections('netsuite') or ['-'] %}
{%- if not loop.first %}
union all
{%- endif %}
select
    '{{ connection }}'::text as source_system,
    story.story_id as source_id,
    '{{ target }}'::text as target_system,
    coalesce(decision.target_id, titled.project_task_id) as target_id,
    case when decision.target_id is null then 'exact' else 'approved suggestion' end as method,
    case when decision.target_id is null then 'title within the project' else 'decision' end as matched_on,
    decision.decided_by,
    decision.decided_at
from {{ ref('stg_kantata__stories') }} as story
left join {{ source('rule', 'xref_decision') }} as decision
    on
        decision.entity = 'phase'
        and decision.source_system = '{{ connection }}'
        and story.story_id = decision.source_id
        and decision.target_system = '{{ target }}'
left join lateral (
    select project.target_id as job_id
    from {{ ref('xref_project') }} as project
    where
        project.source_system = '{{ connection }}'
        and project.source_id = story.workspace_id
        and project.target_system = '{{ target }}'
    limit 1
) as job on true
left join lateral (
    select min(t.project_task_id) as project_task_id
    from {{ ref('stg_netsuite__project_tasks') }} as t
    where t.source_system = '{{ target }}' and t.job_id = job.job_id and t.title = story.title and not t.is_deleted
    having count(*) = 1
) as titled on true
where
    story.source_system = '{{ connection }}'
    and coalesce(decision.target_id, titled.project_task_id) is not null
{%- endfor %}
{% endcall %}
