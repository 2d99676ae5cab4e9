{#- Of two entries of one hour, the one that is kept: settled somewhere before the other, else the lower id. -#}
{% macro comes_before(connection, first, second) -%}
    case
        when {{ is_settled(connection, first) }} <> {{ is_settled(connection, second) }}
            then {{ is_settled(connection, first) }}
        else (length({{ first }}), {{ first }}) < (length({{ second }}), {{ second }})
    end
{%- endmacro %}

{#- Whether an hour is in effect at a destination: an intent that holds it is the settled one of its chain. -#}
{% macro is_settled(connection, source_id) -%}
    exists (
        select 1
        from {{ source('delivery', 'intent_line') }} as line
        inner join {{ source('delivery', 'intent') }} as intent on line.intent_id = intent.intent_id
        inner join {{ source('delivery', 'chain') }} as chain
            on intent.sync = chain.sync and intent.chain_key = chain.chain_key and intent.intent_id = chain.settled_intent_id
        where line.source_system = '{{ connection }}' and line.source_id = {{ source_id }} and line.minutes is distinct from 0
    )
{%- endmacro %}
