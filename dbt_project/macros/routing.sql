{#- Where an entity's hours go on a work date: the newest route, if its destination is connected. -#}
{% macro route_of(role, legal_entity, work_date, systems) -%}
    {%- set connected = [] -%}
    {%- for system in systems -%}{%- do connected.extend(connections(system)) -%}{%- endfor -%}
    select case when newest.destination in ('{{ (connected or ['-']) | join("', '") }}') then newest.destination end as destination
    from (
        select r.destination
        from {{ source('rule', 'routing') }} as r
        where
            r.legal_entity = {{ legal_entity }}
            and r.role = '{{ role }}'
            and r.valid_from <= {{ work_date }}
        order by r.valid_from desc
        limit 1
    ) as newest
{%- endmacro %}

{#- The intent of a chain whose request is or may be out: the plan takes it as done. -#}
{% macro intent_in_flight(sync, chain, is_literal=true) -%}
    select
        i.intent_id,
        i.operation,
        i.is_adopted,
        i.legal_entity,
        i.work_date,
        i.period,
        i.minutes,
        i.amount,
        i.currency,
        i.fingerprint,
        i.contract_version
    from {{ source('delivery', 'intent') }} as i
    where
        {{ chain }}.open_intent_id is not null
        and i.sync = {{ "'" ~ sync ~ "'" if is_literal else sync }}
        and i.chain_key = {{ chain }}.chain_key
        and (i.state in ('sending', 'accepted', 'in_doubt', 'unknown') or i.state = 'refused' and i.is_taken)
    order by i.revision desc
    limit 1
{%- endmacro %}

{#- The limits of rule.policy for a legal entity: its own, else the one for all. -#}
{% macro limits_of(legal_entity) -%}
    {%- set names = {'max_minutes_per_day': 'max_day_minutes', 'max_entry_minutes': 'max_entry_minutes', 'reapproval_limit_days': 'reapproval_limit_days'} -%}
    select
        {% for name, column in names.items() -%}
        (array_agg(p.value order by p.legal_entity desc) filter (where p.name = '{{ name }}'))[1] as {{ column }}{{ ',' if not loop.last }}
        {% endfor -%}
    from {{ source('rule', 'policy') }} as p
    where p.legal_entity = '' or p.legal_entity = {{ legal_entity }}
{%- endmacro %}

{#- The team that can mend a reason. -#}
{% macro owner_of(reason) -%}
    coalesce((select o.owner from {{ source('rule', 'owner_team') }} as o where o.reason = {{ reason }}), 'data engineering')
{%- endmacro %}

{#- A number in material fields: text in its shortest exact form. -#}
{% macro canonical_number(number) -%}
    trim_scale({{ number }})::text
{%- endmacro %}
