{#- Every version of what the destinations reported back: minutes, rate and place (whose, where, when) as they were read. -#}
{% macro readback_versions() -%}
    {%- set branches = [] -%}
    {%- for connection in connections('netsuite') -%}
        {%- set branch -%}
    select
        '{{ connection }}'::text as destination,
        b.source_id as vendor_id,
        b.landed_at,
        (b.record ->> 'hours')::numeric * 60 as minutes,
        (b.record ->> 'rate')::numeric as rate,
        {{ place("b.record ->> 'employee'", "b.record ->> 'customer'", "b.record ->> 'casetaskevent'", "(b.record ->> 'trandate')::date") }} as place
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
        nullif((c.record ->> 'list_price')::numeric, 0) as rate,
        {{ place("landing.reference(l.record -> 'employee')", "landing.reference(c.record -> 'parent')", "landing.reference(l.record -> 'work')", "(l.record ->> 'date')::date") }} as place
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
        null::numeric as rate,
        {{ place("s.record ->> 'entity_uuid'", "s.record ->> 'job_uuid'", "null", local_date_of_sheet('s.record')) }} as place
    from {{ raw('gusto', connection, 'time_sheets') }} as s
    where not s.is_deleted
        {%- endset -%}
        {%- do branches.append(branch) -%}
    {%- endfor -%}
    {%- if branches | length == 0 -%}
        {%- do branches.append('select null::text as destination, null::text as vendor_id, null::timestamptz as landed_at, null::numeric as minutes, null::numeric as rate, null::text[] as place where false') -%}
    {%- endif -%}
    {{ branches | join('\n    union all\n') }}
{%- endmacro %}

{#- Whose an hour is, where it stands and when, as one value that compares: employee, project or job, task, date. -#}
{% macro place(employee, project, task, work_date) -%}
    array[{{ employee }}, {{ project }}, coalesce({{ task }}, ''), ({{ work_date }})::text]
{%- endmacro %}

{#- The local date on which a time sheet's shift starts. -#}
{% macro local_date_of_sheet(record) -%}
    ((({{ record }} ->> 'shift_started_at')::timestamptz) at time zone ({{ record }} ->> 'time_zone'))::date
{%- endmacro %}
