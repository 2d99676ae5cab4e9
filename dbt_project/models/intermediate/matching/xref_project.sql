{% call(connection) per_connection('kantata') %}
select
    '{{ connection }}'::text as source_system,
    crm.source_id,
    crm.crm_system as target_system,
    crm.contract_id as target_id,
    crm.contract_method as method,
    case crm.contract_method when 'exact' then 'contract number' else 'decision' end as matched_on,
    crm.contract_decided_by as decided_by,
    crm.contract_decided_at as decided_at
from {{ ref('int_projects_matched') }} as crm
where crm.source_system = '{{ connection }}' and crm.contract_id is not null
{%- for kind, model, id in [('netsuite', 'stg_netsuite__jobs', 'job_id'), ('tryton', 'stg_tryton__projects', 'project_id')] %}
{%- for target in connections(kind) %}
union all
select
    '{{ connection }}'::text as source_system,
    workspace.workspace_id as source_id,
    '{{ target }}'::text as target_system,
    coalesce(decision.target_id, coded.target_id) as target_id,
    case when decision.target_id is null then 'exact' else 'approved suggestion' end as method,
    case when decision.target_id is null then 'project code' else 'decision' end as matched_on,
    decision.decided_by,
    decision.decided_at
from {{ ref('stg_kantata__workspaces') }} as workspace
left join {{ source('rule', 'xref_decision') }} as decision
    on
        decision.entity = 'project'
        and decision.source_system = '{{ connection }}'
        and workspace.workspace_id = decision.source_id
        and decision.target_system = '{{ target }}'
left join lateral (
    select min(j.{{ id }}) as target_id
    from {{ ref(model) }} as j
    where j.source_system = '{{ target }}' and j.project_code = workspace.project_code and not j.is_deleted
    having count(*) = 1
) as coded on true
where
    workspace.source_system = '{{ connection }}'
    and coalesce(decision.target_id, coded.target_id) is not null
{%- endfor %}
{%- endfor %}
{% endcall %}
