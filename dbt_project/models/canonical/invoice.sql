select
    invoice.source_system || '-' || invoice.source_id as invoice_key,
    invoice.source_system,
    invoice.source_id,
    invoice.version as source_version_number,
    invoice.invoice_number,
    invoice.invoice_date,
    invoice.customer_id as erp_customer_id,
    entity.legal_entity,
    entity.region,
    case
        when invoice.is_voided then 'voided'
        when invoice.status_code = 'A' then 'open'
        when invoice.status_code = 'B' then 'paid'
        when invoice.status_code = 'D' then 'draft'
        else invoice.status_code
    end as status,
    invoice.total,
    invoice.amount_unpaid,
    invoice.currency,
    invoice.is_deleted,
    invoice.landed_at
from {{ ref('stg_netsuite__invoices') }} as invoice
left join {{ ref('stg_netsuite__subsidiaries') }} as subsidiary
    on invoice.source_system = subsidiary.source_system and invoice.subsidiary_id = subsidiary.subsidiary_id
left join {{ source('rule', 'legal_entity') }} as entity on subsidiary.name = entity.erp_subsidiary_name
{%- if connections('tryton') %}
    union all
    select
        invoice.source_system || '-' || invoice.source_id as invoice_key,
        invoice.source_system,
        invoice.source_id,
        invoice.version as source_version_number,
        invoice.invoice_number,
        invoice.invoice_date,
        invoice.party_id as erp_customer_id,
        entity.legal_entity,
        entity.region,
        invoice.status,
        invoice.total,
        invoice.amount_unpaid,
        invoice.currency,
        invoice.is_deleted,
        invoice.landed_at
    from {{ ref('stg_tryton__invoices') }} as invoice
    left join {{ ref('stg_tryton__companies') }} as company
        on invoice.source_system = company.source_system and invoice.company_id = company.company_id
    left join {{ source('rule', 'legal_entity') }} as entity on company.name = entity.erp_subsidiary_name
{%- endif %}
