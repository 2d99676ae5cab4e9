{#- What is written within a line only where Tryton is connected reads as an indent to the linter. -#}
-- noqa: disable=LT02
{% call(connection) per_connection('kantata') %}
select
    entry.source_system,
    entry.source_id,
    entry.source_system || '-' || entry.source_id as chain_key,
    entry.version,
    posted.destination as erp,
    posted.settled_vendor_id as vendor_id,
    posted.settled_legal_entity as legal_entity,
    coalesce(posted.settled_work_date, entry.work_date) as work_date,
    coalesce(posted.settled_period, date_trunc('month', entry.work_date)::date) as period,
    coalesce(posted.settled_minutes, round(entry.minutes, 6)) as minutes,
    coalesce(invoice.invoice_id, told.invoice_ref) as invoice_ref,
    coalesce(invoice.invoice_number, told.invoice_number) as invoice_number,
    case
        when invoice.status_code in ('A', 'P', 'B') and not invoice.is_voided then 'successful'
        else 'pending'
    end as reference_status,
    case
        when invoice.invoice_id is null then 'Unbilled'
        when invoice.status_code = 'C' then 'Credited'
        when invoice.is_voided then 'Voided'
        when invoice.status_code = 'P' then 'Partly Paid'
        when invoice.status_code = 'A' then 'Open'
        when invoice.status_code = 'B' then 'Paid In Full'
        when invoice.status_code = 'D' then 'Draft'
        else invoice.status_code
    end as external_status,
    coalesce(invoice.version, entry.version) as landed_version,
    greatest(invoice.landed_xid, entry.landed_xid) as landed_xid,
    greatest(invoice.landed_at, entry.landed_at) as landed_at
from {{ ref('stg_kantata__time_entries') }} as entry
left join {{ source('delivery', 'chain') }} as posted
    on posted.sync = 'erp_labor' and posted.chain_key = entry.source_system || '-' || entry.source_id
left join {{ source('delivery', 'chain') }} as write_back
    on write_back.sync = 'psa_invoice_status' and write_back.chain_key = entry.source_system || '-' || entry.source_id
left join lateral (
    select
        i.source_id as invoice_id,
        i.invoice_number,
        i.status_code,
        i.is_voided,
        i.version,
        i.landed_xid,
        i.landed_at
    from {{ source('landing', 'neighbourhood') }} as n
    cross join lateral (
        select
            listed.source_id,
            listed.invoice_number,
            listed.invoice_date,
            listed.status_code,
            listed.is_voided,
            listed.version,
            listed.landed_xid,
            listed.landed_at
        from {{ ref('stg_netsuite__invoices') }} as listed
        where listed.source_system = posted.destination and listed.source_id = any(n.member_ids) and not listed.is_deleted
        {%- if connections('tryton') %}
        union all
        select
            billed.source_id,
            billed.invoice_number,
            billed.invoice_date,
            case billed.status
                when 'draft' then 'D'
                when 'open' then 'A'
                when 'partly paid' then 'P'
                when 'paid' then 'B'
                when 'voided' then 'V'
                when 'credited' then 'C'
                else billed.status
            end as status_code,
            billed.status in ('voided', 'credited') as is_voided,
            billed.version,
            billed.landed_xid,
            billed.landed_at
        from {{ ref('stg_tryton__invoices') }} as billed
        where billed.source_system = posted.destination and billed.source_id = any(n.member_ids) and not billed.is_deleted
        {%- endif %}
        offset 0
    ) as i
    where
        n.source_system = posted.destination
        and n.kind = 'invoice_of_time'
        and n.key_1 = posted.settled_vendor_id
    -- An invoice that stands outweighs a voided one; of those that stand, the newest.
    order by i.is_voided asc, (i.status_code = 'D') asc, i.invoice_date desc, i.source_id desc
    limit 1
) as invoice on true
left join lateral (
    -- What the PSA was told last: an hour whose invoice vanished is told to be unbilled under the same reference.
    select
        i.fields ->> 'invoice_ref' as invoice_ref,
        i.fields ->> 'invoice_number' as invoice_number
    from {{ source('delivery', 'intent') }} as i
    where i.intent_id = write_back.settled_intent_id
) as told on true
where
    entry.source_system = '{{ connection }}'
    and (invoice.invoice_id is not null or write_back.chain_key is not null)
{% endcall %}
