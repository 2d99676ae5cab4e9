{% call(connection) per_connection('kantata') %}
select
    '{{ connection }}'::text as source_system,
    workspace.workspace_id as source_id,
    workspace.title,
    workspace.project_code,
    rate_card.rate_card_set_id,
    workspace.currency,
    workspace.status,
    workspace.requires_approval,
    workspace.is_deleted,
    greatest(workspace.landed_at, contract.landed_at) as landed_at,
    workspace.start_date,
    workspace.due_date,
    client.workspace_group_id,
    contract.source_system as crm_system,
    contract.contract_id,
    contract.contract_number,
    contract.account_id,
    contract.pricebook_id,
    contract.currency as contract_currency,
    -- A deleted project has left its client's list, which makes it nobody's and not internal.
    coalesce(
        contract.billing_type,
        case when client.workspace_group_id is null and not workspace.is_deleted then 'Internal' end
    ) as billing_type,
    case
        when contract.contract_id is null then null
        when decision.target_id is not null then 'approved suggestion'
        else 'exact'
    end as contract_method,
    case when contract.contract_id is not null then decision.decided_by end as contract_decided_by,
    case when contract.contract_id is not null then decision.decided_at end as contract_decided_at
from {{ ref('stg_kantata__workspaces') }} as workspace
left join lateral (
    select g.workspace_group_id
    from {{ ref('stg_kantata__workspace_groups') }} as g
    where
        g.source_system = '{{ connection }}'
        and g.workspace_ids @> to_jsonb(workspace.workspace_id)
        and not g.is_deleted
    order by g.is_company desc, g.workspace_group_id asc
    limit 1
) as client on true
left join lateral ({{ decision_of('project', connection, 'workspace.workspace_id', 'salesforce') }}) as decision on true
-- What was true of a deleted project still is: its references went with it.
left join
    lateral (
        {{ reference_of(connection, 'Workspace', 'workspace.workspace_id', 'salesforce', 'Contract', 'workspace.is_deleted') }}
    ) as reference on true
left join lateral (
    select min(c.source_system) as source_system, min(c.contract_id) as contract_id
    from {{ ref('stg_salesforce__contracts') }} as c
    where c.contract_number_key = reference.number_key and not c.is_deleted
    having count(*) = 1
) as numbered on true
left join lateral (
    -- Rates change by a new version of the set with cards of its own, so the set is what a project keeps.
    select card.rate_card_set_id
    from {{ ref('stg_kantata__rate_card_roles') }} as card
    where card.source_system = '{{ connection }}' and card.rate_card_id = workspace.rate_card_id
    limit 1
) as rate_card on true
left join {{ ref('stg_salesforce__contracts') }} as contract
    on
        contract.source_system = coalesce(decision.target_system, numbered.source_system)
        and contract.contract_id = coalesce(decision.target_id, numbered.contract_id)
where workspace.source_system = '{{ connection }}'
{% endcall %}
