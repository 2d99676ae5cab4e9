{#- Every version of what the destinations reported back: minutes and rate as they were read. -#}
{% macro readback_versions() -%}
    {%- set branches = [] -%}
    {%- for connection in connections('netsuite') -%}
        {%- set branch -%}
    select
        '{{ connection }}'::text as destination,
        b.source_id as vendor_id,
        b.landed_at,
        (b.record ->> 'hours')::numeric * 60 as minutes,
        (b.record ->> 'rate')::numeric as rate
    from {{ raw('netsuite', connection, 'time_bills') }} as b
    where not b.is_deleted
        {%- endset -%}
        {%- do branches.append(branch) -%}
    {%- endfor -%}
    {%- for connection in connections('tryton') -%}
        {%- set branch -%}
    select
        '{{ connection }}'::text as destination,
        l.source_id as vendor_id,
        l.landed_at,
        (l.record ->> 'minutes')::numeric as minutes,
        -- The rate is the task's, by each version that the task had.
        nullif((c.record ->> 'list_price')::numeric, 0) as rate
    from {{ raw('tryton', connection, 'timesheet_lines') }} as l
    left join {{ raw('tryton', connection, 'tasks') }} as c
        on c.record -> 'timesheet_works' ? landing.reference(l.record -> 'work')
    where not l.is_deleted
        {%- endset -%}
        {%- do branches.append(branch) -%}
    {%- endfor -%}
    {%- for connection in connections('gusto') -%}
        {%- set branch -%}
    select
        '{{ connection }}'::text as destination,
        s.source_id as vendor_id,
        s.landed_at,
        (
            select coalesce(sum((entry.value ->> 'hours_worked')::numeric), 0) * 60
            from jsonb_array_elements(s.record -> 'entries') as entry (value)
        ) as minutes,
        null::numeric as rate
    from {{ raw('gusto', connection, 'time_sheets') }} as s
    where not s.is_deleted
        {%- endset -%}
        {%- do branches.append(branch) -%}
    {%- endfor -%}
    {%- if branches | length == 0 -%}
        {%- do branches.append('select null::text as destination, null::text as vendor_id, null::timestamptz as landed_at, null::numeric as minutes, null::numeric as rate where false') -%}
    {%- endif -%}
    {{ branches | join('\n    union all\n') }}
{%- endmacro %}
