{#- What a person decided of a record, the latest: which record of a connected system of that kind it is. -#}
{% macro decision_of(entity, connection, source_id, target_kind) -%}
    select d.target_system, d.target_id, d.decided_by, d.decided_at
    from {{ source('rule', 'xref_decision') }} as d
    where
        d.entity = '{{ entity }}'
        and d.source_system = '{{ connection }}'
        and d.source_id = {{ source_id }}
        and d.target_system in ({{ quoted_connections(target_kind) }})
    order by d.decided_at desc
    limit 1
{%- endmacro %}

{#- The number by which the PSA refers to a record elsewhere; of a subject that is deleted, the reference that went with it. -#}
{% macro reference_of(connection, subject_type, subject_id, service, model, subject_is_deleted='false') -%}
    select rule.number_key(r.service_model_ref) as number_key
    from {{ ref('stg_kantata__external_references') }} as r
    where
        r.source_system = '{{ connection }}'
        and r.subject_id = {{ subject_id }}
        and r.subject_type = '{{ subject_type }}'
        and r.service_name = '{{ service }}'
        and r.service_model = '{{ model }}'
        and (not r.is_deleted or {{ subject_is_deleted }})
    order by r.is_deleted asc, r.version desc
    limit 1
{%- endmacro %}
