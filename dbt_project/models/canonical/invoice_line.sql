select
    invoice.source_system || '-' || invoice.source_id || '-' || line.number as invoice_line_key,
    invoice.source_system || '-' || invoice.source_id as invoice_key,
    invoice.source_system,
    invoice.source_id,
    invoice.version as source_version_number,
    line.number::integer as line_number,
    landing.reference(line.item -> 'doc') as erp_time_id,
    (line.item ->> 'rate')::numeric as rate,
    line.item ->> 'quantity' as source_quantity,
    invoice.currency,
    null::text as region,
    invoice.landed_at
from {{ ref('stg_netsuite__invoices') }} as invoice
cross join lateral jsonb_array_elements(invoice.time_items) with ordinality as line (item, number)
where coalesce((line.item ->> 'apply')::boolean, true)
