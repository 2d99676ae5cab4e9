{#- Names of the configured connections of one vendor, in a stable order. -#}
{% macro connections(system) -%}
    {%- set names = [] -%}
    {%- for name, its_system in var('connections').items() if its_system == system -%}
        {%- do names.append(name) -%}
    {%- endfor -%}
    {{ return(names | sort) }}
{%- endmacro %}

{#- The raw table of a connection's resource. Sources are declared once a vendor; a connection with another name has
    the same table in its own schema, and keeps the lineage of the declared one. -#}
{% macro raw(system, connection, resource) -%}
    {%- set declared = source('raw_' ~ system, resource) -%}
    {%- if connection == system or execute is false -%}
        {{ return(declared) }}
    {%- endif -%}
    {{ return(declared.incorporate(path={'schema': 'raw_' ~ connection})) }}
{%- endmacro %}

{#- One branch a connection, `union all` last. Call it with a block that takes the connection's name; the block joins
    inside the branch. With no connection of the vendor the block is written once and yields no row, so that the
    columns stay what they are.

    {% call(connection) per_connection('kantata') %} select ... {% endcall %} -#}
{% macro per_connection(system) -%}
    {%- set names = connections(system) -%}
    {%- for name in names -%}
        {{ caller(name) }}
        {%- if not loop.last %}
union all
        {% endif -%}
    {%- endfor -%}
    {%- if names | length == 0 -%}
select * from (
        {{- caller(system) }}
) as no_connection where false
    {%- endif -%}
{%- endmacro %}
