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
{%- if connections('tryton') %}
    union all
    select
        invoice.source_system || '-' || invoice.source_id || '-' || line.number as invoice_line_key,
        invoice.source_system || '-' || invoice.source_id as invoice_key,
        invoice.source_system,
        invoice.source_id,
        invoice.version as source_version_number,
        line.number::integer as line_number,
        line.item ->> 'line' as erp_time_id,
        priced.rate,
        priced.hours::text as source_quantity,
        invoice.currency,
        header.region,
        invoice.landed_at
    from {{ ref('stg_tryton__invoices') }} as invoice
    inner join {{ ref('invoice') }} as header
        on invoice.source_system = header.source_system and invoice.source_id = header.source_id
    cross join lateral jsonb_array_elements(invoice.time_items) with ordinality as line (item, number)
    left join {{ ref('stg_tryton__invoice_lines') }} as priced
        on invoice.source_system = priced.source_system and landing.reference(line.item -> 'invoice_line') = priced.source_id
{%- endif %}
