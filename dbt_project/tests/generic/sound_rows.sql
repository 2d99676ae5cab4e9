{#- Every check of a costly view in one reading: a returned row is one whose key stands more than once, or that lacks a
    value, or holds one that is not allowed. `broken` names the column. -#}
{% test sound_rows(model, key, not_null=[], accepted={}) %}
select
    checked.{{ key }},
    checked.broken
from (
    select
        row.{{ key }},
        case
            when count(*) over (partition by row.{{ key }}) > 1 or row.{{ key }} is null then '{{ key }}'
            {% for column in not_null -%}
            when row.{{ column }} is null then '{{ column }}'
            {% endfor -%}
            {% for column, values in accepted.items() -%}
            when row.{{ column }} not in ('{{ values | join("', '") }}') then '{{ column }}'
            {% endfor -%}
        end as broken
    from {{ model }} as row
) as checked
where checked.broken is not null
{% endtest %}
