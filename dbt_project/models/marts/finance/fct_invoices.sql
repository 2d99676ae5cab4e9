select
    invoice.invoice_key,
    invoice.source_system,
    invoice.source_id,
    invoice.invoice_number,
    invoice.invoice_date,
    invoice.legal_entity,
    invoice.region,
    invoice.status,
    invoice.total,
    invoice.amount_unpaid,
    invoice.currency,
    coalesce(line.line_count, 0) as time_line_count
from {{ ref('invoice') }} as invoice
left join (
    select
        l.invoice_key,
        count(*) as line_count
    from {{ ref('invoice_line') }} as l
    group by l.invoice_key
) as line on invoice.invoice_key = line.invoice_key
where not invoice.is_deleted
