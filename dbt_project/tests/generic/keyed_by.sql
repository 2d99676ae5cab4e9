{#- A row returned is a key that stands twice, or one with a part that is null. -#}
{% test keyed_by(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as rows_of_key
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1 or num_nulls({{ columns | join(', ') }}) > 0
{% endtest %}
