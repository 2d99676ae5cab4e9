-- A returned row is money without a currency, or an hour priced in one that nobody knows.
select
    row.chain_key,
    row.amount,
    row.currency
from {{ ref('sync_erp__labor') }} as row
where
    row.amount is not null
    and not exists (
        select 1 from {{ source('rule', 'currency') }} as known
        where known.currency = row.currency
    )
