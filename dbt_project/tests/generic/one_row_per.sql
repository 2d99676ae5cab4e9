{#- Keys of more than one column: a returned row is a key that stands more than once, or has a hole. -#}
{% test one_row_per(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1 or not ({{ columns | join(' is not null and ') }} is not null)
{% endtest %}
