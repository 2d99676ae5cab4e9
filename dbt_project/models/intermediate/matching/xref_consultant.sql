{% call(connection) per_connection('kantata') %}
select
    '{{ connection }}'::text as source_system,
    hr.source_id,
    hr.hr_system as target_system,
    hr.worker_id as target_id,
    hr.method,
    hr.matched_on,
    hr.decided_by,
    hr.decided_at
from {{ ref('int_users_matched') }} as hr
where hr.source_system = '{{ connection }}' and hr.worker_id is not null
{% for kind, model, id in [
    ('netsuite', 'stg_netsuite__employees', 'employee_id'),
    ('tryton', 'stg_tryton__employees', 'employee_id'),
    ('gusto', 'stg_gusto__employees', 'employee_uuid'),
] %}
{%- for target in connections(kind) %}
union all
select
    '{{ connection }}'::text as source_system,
    person.source_id,
    '{{ target }}'::text as target_system,
    coalesce(decision.target_id, numbered.target_id, mailed.target_id) as target_id,
    case
        when decision.target_id is not null then 'approved suggestion'
        when numbered.target_id is not null and numbered.spelling ~ '{{ var("employee_number_format") }}' then 'exact'
        else 'rule'
    end as method,
    case
        when decision.target_id is not null then 'decision'
        when numbered.target_id is not null then 'employee number'
        else 'e-mail'
    end as matched_on,
    decision.decided_by,
    decision.decided_at
from {{ ref('int_users_matched') }} as person
left join {{ source('rule', 'xref_decision') }} as decision
    on
        decision.entity = 'consultant'
        and decision.source_system = '{{ connection }}'
        and person.source_id = decision.source_id
        and decision.target_system = '{{ target }}'
left join lateral (
    select min(t.{{ id }}) as target_id, min(t.{{ 'employee_code' if kind == 'gusto' else 'entity_number' }}) as spelling
    from {{ ref(model) }} as t
    where t.source_system = '{{ target }}' and t.employee_number_key = person.employee_number_key and not t.is_deleted
    having count(*) = 1
) as numbered on true
left join lateral (
    select min(t.{{ id }}) as target_id
    from {{ ref(model) }} as t
    where t.source_system = '{{ target }}' and t.email_token = person.email_token and not t.is_deleted
    having count(*) = 1
) as mailed on true
where
    person.source_system = '{{ connection }}'
    and coalesce(decision.target_id, numbered.target_id, mailed.target_id) is not null
{%- endfor %}
{%- endfor %}
{% endcall %}
