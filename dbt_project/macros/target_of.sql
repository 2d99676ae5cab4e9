{#- The id that a destination uses, by a cross-reference. -#}
{% macro target_of(xref, connection, source_id, destination) -%}
    select x.target_id, x.method
    from {{ ref(xref) }} as x
    where
        x.source_system = '{{ connection }}'
        and x.source_id = {{ source_id }}
        and x.target_system = {{ destination }}
    limit 1
{%- endmacro %}
