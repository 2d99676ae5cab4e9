{#- The latest version of every record of one master-data resource, over all connections of a vendor. -#}
{% macro current_record(system, resource) -%}
    (
        select
            c.source_system,
            c.source_id,
            c.version as source_version_number,
            c.is_deleted,
            c.record,
            c.landed_at
        from {{ source('landing', 'current_record') }} as c
        where
            c.resource = '{{ resource }}'
            and c.source_system in ({{ quoted_connections(system) }})
    )
{%- endmacro %}

{#- Connection names of a vendor as literals; a name that no connection has when there is none. -#}
{% macro quoted_connections(system) -%}
    {%- set names = connections(system) or ['-'] -%}
    '{{ names | join("', '") }}'
{%- endmacro %}

{#- The latest version of every key of a raw table: the first by the raw index. A filter on source_id reaches it. -#}
{% macro latest_raw(system, connection, resource) -%}
    (
        select distinct on (r.source_id)
            r.source_id,
            r.version,
            r.source_version,
            r.is_deleted,
            r.record,
            r.landed_at,
            r.landed_xid
        from {{ raw(system, connection, resource) }} as r
        order by r.source_id asc, r.source_version desc, r.read_started_at desc, r.version desc
    )
{%- endmacro %}
