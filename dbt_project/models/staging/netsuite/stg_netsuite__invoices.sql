{% call(connection) per_connection('netsuite') %}
select
    '{{ connection }}'::text as source_system,
    latest.source_id,
    latest.record ->> 'tranid' as invoice_number,
    latest.record ->> 'entity' as customer_id,
    latest.record ->> 'subsidiary' as subsidiary_id,
    latest.record ->> 'currency' as currency,
    latest.record ->> 'status' as status_code,
    (latest.record ->> 'foreigntotal')::numeric as total,
    (latest.record ->> 'foreignamountunpaid')::numeric as amount_unpaid,
    latest.record #> '{time,items}' as time_items,
    coalesce((latest.record ->> 'voided')::boolean, false) or latest.record ->> 'status' = 'V' as is_voided,
    latest.is_deleted,
    (latest.record ->> 'trandate')::date as invoice_date,
    latest.version,
    latest.source_version,
    latest.landed_xid,
    latest.landed_at
from {{ latest_raw('netsuite', connection, 'invoices') }} as latest
{% endcall %}
