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
    header.region,
    invoice.landed_at
from {{ ref('stg_netsuite__invoices') }} as invoice
inner join {{ ref('invoice') }} as header
    on invoice.source_system = header.source_system and invoice.source_id = header.source_id
cross join lateral jsonb_array_elements(invoice.time_items) with ordinality as line (item, number)
where coalesce((line.item ->> 'apply')::boolean, true)
