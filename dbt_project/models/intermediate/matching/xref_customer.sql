{% call(connection) per_connection('kantata') %}
select
    '{{ connection }}'::text as source_system,
    client.workspace_group_id as source_id,
    target.target_system,
    target.target_id,
    target.method,
    target.matched_on,
    target.decided_by,
    target.decided_at
from {{ ref('stg_kantata__workspace_groups') }} as client
left join
    lateral ({{ reference_of(connection, 'WorkspaceGroup', 'client.workspace_group_id', 'salesforce', 'Account') }}) as reference
    on true
left join lateral (
    select min(a.source_system) as source_system, min(a.account_id) as account_id, min(a.account_number) as account_number
    from {{ ref('stg_salesforce__accounts') }} as a
    where a.account_number_key = reference.number_key and not a.is_deleted
    having count(*) = 1
) as account on true
cross join lateral (
    select d.target_system, d.target_id, 'approved suggestion' as method, 'decision' as matched_on, d.decided_by, d.decided_at
    from {{ source('rule', 'xref_decision') }} as d
    where d.entity = 'customer' and d.source_system = '{{ connection }}' and d.source_id = client.workspace_group_id
    union all
    select account.source_system, account.account_id, 'exact', 'account number', null, null
    where
        account.account_id is not null
        and not exists (
            select 1 from {{ source('rule', 'xref_decision') }} as d
            where
                d.entity = 'customer'
                and d.source_system = '{{ connection }}'
                and d.source_id = client.workspace_group_id
                and d.target_system = account.source_system
        )
    union all
    select min(c.source_system), min(c.customer_id), 'exact', 'customer number', null, null
    from {{ ref('stg_netsuite__customers') }} as c
    where
        c.entity_number = account.account_number
        and not c.is_deleted
        and not exists (
            select 1 from {{ source('rule', 'xref_decision') }} as d
            where
                d.entity = 'customer'
                and d.source_system = '{{ connection }}'
                and d.source_id = client.workspace_group_id
                and d.target_system = c.source_system
        )
    group by c.source_system
    having count(*) = 1
{%- if connections('tryton') %}
    union all
    select min(p.source_system), min(p.party_id), 'exact', 'customer number', null, null
    from {{ ref('stg_tryton__parties') }} as p
    where
        (p.party_code = account.account_number or p.identifiers @> to_jsonb(account.account_number))
        and not p.is_deleted
        and not exists (
            select 1 from {{ source('rule', 'xref_decision') }} as d
            where
                d.entity = 'customer'
                and d.source_system = '{{ connection }}'
                and d.source_id = client.workspace_group_id
                and d.target_system = p.source_system
        )
    group by p.source_system
    having count(*) = 1
{%- endif %}
) as target
where client.source_system = '{{ connection }}'
{% endcall %}
