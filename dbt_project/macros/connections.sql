{#- Names of the configured connections of one vendor, in a stable order. -#}
{% macro connections(system) -%}
    {%- set names = [] -%}
    {%- for name, its_system in var('connections').items() if its_system == system -%}
        {%- do names.append(name) -%}
    {%- endfor -%}
    {{ return(names | sort) }}
{%- endmacro %}

{#- The raw table of a connection's resource. Sources are declared once a vendor; a connection with another name has
    the same table in its own schema, and keeps the lineage of the declared one. Of a vendor without a connection it is a table of no rows. -#}
{% macro raw(system, connection, resource) -%}
    {%- set declared = source('raw_' ~ system, resource) -%}
    {%- if execute and connections(system) | length == 0 -%}
        {#- Nobody connected such a system, so it has no raw tables. -#}
        {{ return('(select null::bigint as version, null::text as source_id, null::timestamptz as source_version,'
            ~ ' null::timestamptz as read_started_at, null::text as load_id, null::boolean as is_deleted,'
            ~ ' null::text as content_hash, null::jsonb as record, null::timestamptz as landed_at,'
            ~ ' null::xid8 as landed_xid where false)') }}
    {%- endif -%}
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
