{% call(connection) per_connection('kantata') %}
{%- for target in connections('netsuite') or ['-'] %}
{%- if not loop.first %}
union all
{%- endif %}
select
    '{{ connection }}'::text as source_system,
    mapped.source_id,
    '{{ target }}'::text as target_system,
    coalesce(decision.target_id, item.item_id) as target_id,
    case when decision.target_id is null then 'exact' else 'approved suggestion' end as method,
    case when decision.target_id is null then 'item code' else 'decision' end as matched_on,
    decision.decided_by,
    decision.decided_at
from (
    -- One row a work type: its item code by the strongest thing that names one.
    select distinct on (m.work_type)
        m.work_type as source_id,
        m.erp_item_code
    from {{ source('rule', 'work_type_map') }} as m
    where m.source_system = '{{ connection }}'
    order by
        m.work_type asc,
        (m.erp_item_code = '') asc,
        array_position(array['story_title', 'workspace_title', 'role_name'], m.match_on) asc,
        m.match_value asc
) as mapped
left join {{ source('rule', 'xref_decision') }} as decision
    on
        decision.entity = 'work_type'
        and decision.source_system = '{{ connection }}'
        and mapped.source_id = decision.source_id
        and decision.target_system = '{{ target }}'
left join lateral (
    select min(i.item_id) as item_id
    from {{ ref('stg_netsuite__items') }} as i
    where
        i.source_system = '{{ target }}'
        and i.item_code = mapped.erp_item_code
        and not i.is_deleted
        and not i.is_inactive
    having count(*) = 1
) as item on true
where coalesce(decision.target_id, item.item_id) is not null
{%- endfor %}
{% endcall %}
