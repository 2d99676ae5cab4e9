{#- A view that readers never miss.

    A build makes the view's definition as a temporary view and compares what PostgreSQL made of both, so that
    `select *` and renamed upstream relations are seen, and formatting is not:
    - equal: nothing is changed;
    - columns only added at the end: `create or replace`, which keeps the object and its grants;
    - columns renamed, retyped or removed: the old view is renamed aside and the new one made under its name with the
      same grants, in one transaction. Views above stay bound to the old one and go on answering until their own turn
      in this build, when their definition differs (it names the view set aside) and they are rebound.
    `drop_retired_views` drops the views set aside at the end, never by cascade: one that still has a reader stays. -#}
{% materialization stable_view, adapter='postgres', supported_languages=['sql'] %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set probe = 'probe_' ~ local_md5(this.render()) -%}
    {%- if existing is not none and not existing.is_view -%}
        {%- do exceptions.raise_compiler_error(
            this.render() ~ " is a " ~ existing.type ~ ", and a view should stand there. Nothing was changed. "
            ~ "Move or drop it, then build again.") -%}
    {%- endif -%}

    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set columns_contract -%}
        {%- if config.get('contract').enforced -%}{{ get_assert_columns_equivalent(sql) }}{%- endif -%}
    {%- endset -%}

    {%- if existing is none -%}
        {%- set change = 'create' -%}
        {%- call statement('main') -%}
            {{ columns_contract }}
            create view {{ target_relation }} as (
            {{ sql }}
            )
        {%- endcall -%}
    {%- else -%}
        {%- call statement('probe') -%}
            create temporary view {{ probe }} as (
            {{ sql }}
            )
        {%- endcall -%}
        {%- set change = stable_view_change(target_relation, probe) -%}
        {%- do run_query('drop view pg_temp.' ~ probe) -%}
        {%- call statement('main') -%}
            {{ columns_contract }}
            {%- if change == 'none' %}
            select 1 as unchanged
            {%- elif change == 'replace' %}
            create or replace view {{ target_relation }} as (
            {{ sql }}
            )
            {%- else %}
            {%- set retired = target_relation.identifier[:40] ~ '__retired_' ~ local_md5(modules.datetime.datetime.now().isoformat() ~ invocation_id)[:8] %}
            alter view {{ target_relation }} rename to {{ adapter.quote(retired) }};
            create view {{ target_relation }} as (
            {{ sql }}
            );
            {{ copy_view_grants(target_relation, retired) }}
            {%- endif %}
        {%- endcall -%}
    {%- endif -%}

    {%- if change != 'none' -%}
        {%- do persist_docs(target_relation, model) -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- What has to change: 'none', 'replace' or 'retire'. -#}
{% macro stable_view_change(relation, probe) -%}
    {%- set found = run_query("
        with old as (select '" ~ relation ~ "'::regclass as id),
             new as (select 'pg_temp." ~ probe ~ "'::regclass as id),
        old_columns as (
            select a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation
            from pg_attribute as a where a.attrelid = (select old.id from old) and a.attnum > 0 and not a.attisdropped),
        new_columns as (
            select a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation
            from pg_attribute as a where a.attrelid = (select new.id from new) and a.attnum > 0 and not a.attisdropped)
        select case
            when pg_get_viewdef((select old.id from old)) = pg_get_viewdef((select new.id from new)) then 'none'
            when not exists (select * from old_columns except select * from new_columns) then 'replace'
            else 'retire' end") -%}
    {{ return(found.rows[0][0]) }}
{%- endmacro %}

{#- The grants that the view set aside has, on the view that takes its place. -#}
{% macro copy_view_grants(relation, retired) -%}
    do $grants$
    declare privilege record;
    begin
        for privilege in
            select acl.privilege_type, acl.is_grantable, acl.grantee
            from pg_class as c
            cross join lateral aclexplode(c.relacl) as acl
            where c.relnamespace = '{{ relation.schema }}'::regnamespace and c.relname = '{{ retired }}'
              and acl.grantee <> c.relowner
        loop
            execute format('grant %s on {{ relation }} to %s%s', privilege.privilege_type,
                case when privilege.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(privilege.grantee)) end,
                case when privilege.is_grantable then ' with grant option' else '' end);
        end loop;
    end $grants$
{%- endmacro %}

{#- At the end of a run: drop the views set aside that nothing reads any more, the uppermost first. -#}
{% macro drop_retired_views() -%}
    do $drop$
    declare retired regclass;
    begin
        loop
            select c.oid::regclass into retired
            from pg_class as c
            where c.relkind = 'v' and c.relname ~ '__retired_[0-9a-f]{8}$'
              and pg_has_role(c.relowner, 'usage')
              and not exists (
                  select 1 from pg_depend as d
                  inner join pg_rewrite as r on r.oid = d.objid
                  where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
                    and d.refobjid = c.oid and r.ev_class <> c.oid)
            order by c.oid limit 1;
            exit when retired is null;
            execute format('drop view %s', retired);
        end loop;
    end $drop$
{%- endmacro %}
