select
    customer.customer_key,
    customer.source_system,
    customer.source_id,
    customer.account_number,
    customer.name,
    customer.parent_customer_key,
    customer.country,
    customer.currency
from {{ ref('customer') }} as customer
where not customer.is_deleted
