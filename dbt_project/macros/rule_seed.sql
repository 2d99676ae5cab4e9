{#- Loads a rule file by staged upsert: the rows go to a temporary table, then one transaction inserts or updates by
    key and takes away the keys that are gone from the file. A reader sees the old rules or the new ones, never none.

    The table is Alembic's: a file that lacks a column of it, or has one more, is refused. An empty cell is the
    column's default. A row that says what the table says already is not written. -#}
{% materialization seed, adapter='postgres' %}
    {%- set relation = this.incorporate(type='table') -%}
    {%- set file = load_agate_table() -%}
    {%- do store_result('agate_table', response='OK', agate_table=file) -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set columns = rule_columns(relation) -%}
    {%- set names = columns | map(attribute='name') | list -%}
    {%- set differing = (names | reject('in', file.column_names) | list) + (file.column_names | reject('in', names) | list) -%}
    {%- if names | length == 0 -%}
        {%- do exceptions.raise_compiler_error(
            "There is no table " ~ relation.render() ~ " for the rules of " ~ model.original_file_path
            ~ ". Nothing was loaded. Run the migrations, or take the file out of the rules folder.") -%}
    {%- elif differing | length > 0 -%}
        {%- do exceptions.raise_compiler_error(
            "The rules in " ~ model.original_file_path ~ " should have the columns " ~ names | join(', ')
            ~ "; these differ: " ~ differing | join(', ') ~ ". The rules loaded before stay in force.") -%}
    {%- endif -%}
    {%- set stage = 'stage_' ~ model.name -%}
    {%- set keys = columns | selectattr('is_key') | map(attribute='name') | list -%}
    {%- set others = columns | rejectattr('is_key') | map(attribute='name') | list -%}

    {#- Not named `main`: dbt writes the text of that statement under the seed's path, which here may be the rule file's. -#}
    {%- call statement('rules') -%}
        create temporary table {{ stage }} ({{ names | join(' text, ') }} text) on commit drop;
        {% for rows in file.rows | batch(500) -%}
        insert into {{ stage }} ({{ names | join(', ') }}) values
        {% for row in rows -%}
        ({% for name in names %}{{ rule_literal(row[name]) }}{{ ', ' if not loop.last }}{% endfor %}){{ ', ' if not loop.last }}
        {% endfor -%};
        {% endfor -%}
        insert into {{ relation }} as rule ({{ names | join(', ') }})
        select
            {% for column in columns -%}
            coalesce(cast(nullif(stage.{{ column.name }}, '') as {{ column.type }}), {{ column.fallback or 'null' }})
            {{- ', ' if not loop.last }}
            {% endfor -%}
        from {{ stage }} as stage
        on conflict ({{ keys | join(', ') }}) do {% if others %}update set
            {% for name in others %}{{ name }} = excluded.{{ name }}{{ ', ' if not loop.last }}{% endfor %}
        where ({% for name in others %}rule.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
            is distinct from ({% for name in others %}excluded.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
        {%- else %}nothing{% endif %};
        delete from {{ relation }} as rule
        where not exists (
            select 1 from {{ stage }} as stage
            where {% for column in columns | selectattr('is_key') -%}
                rule.{{ column.name }} = coalesce(cast(nullif(stage.{{ column.name }}, '') as {{ column.type }}), {{ column.fallback or 'null' }})
                {{- ' and ' if not loop.last }}
                {%- endfor %}
        )
    {%- endcall -%}
    {%- call noop_statement('main', 'RULES ' ~ (file.rows | length)) -%}{%- endcall -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}

{#- Columns of a rule table in order: name, type, default, and whether it is of the primary key. -#}
{% macro rule_columns(relation) -%}
    {%- set found = run_query("
        select a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), coalesce(i.indisprimary, false)
        from pg_attribute as a
        left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        left join pg_index as i on i.indrelid = a.attrelid and i.indisprimary and a.attnum = any(i.indkey)
        where a.attrelid = to_regclass('" ~ relation ~ "') and a.attnum > 0 and not a.attisdropped order by a.attnum") -%}
    {%- set columns = [] -%}
    {%- for row in found.rows -%}
        {%- do columns.append({'name': row[0], 'type': row[1], 'fallback': row[2], 'is_key': row[3]}) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{#- A cell as a literal. Files are read as text, so a cell is a string or nothing. -#}
{% macro rule_literal(cell) -%}
    {%- if cell is none -%} null {%- else -%} '{{ (cell | string).replace("'", "''") }}' {%- endif -%}
{%- endmacro %}
