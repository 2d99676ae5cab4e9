-- A returned row is an hour that is to be present at a destination, and has none or lacks what the destination needs.
select
    row.chain_key,
    row.fields
from {{ ref('sync_erp__labor') }} as row
where
    row.desired_state = 'present'
    and (
        row.destination is null
        or row.fields ->> 'employee_ref' is null
        or row.fields ->> 'project_ref' is null
        -- Where the rate sits on the task, the task stands for the item.
        or row.fields ->> case when row.destination in ({{ quoted_connections('tryton') }}) then 'task_ref' else 'item_ref' end is null
    )
    and not exists (
        select 1 from {{ source('delivery', 'chain') }} as chain
        where chain.sync = 'erp_labor' and chain.chain_key = row.chain_key and chain.settled_intent_id is not null
    )
