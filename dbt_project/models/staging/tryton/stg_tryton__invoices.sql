{% call(connection) per_connection('tryton') %}
select
    '{{ connection }}'::text as source_system,
    latest.source_id,
    latest.record ->> 'number' as invoice_number,
    landing.reference(latest.record -> 'party') as party_id,
    landing.reference(latest.record -> 'company') as company_id,
    latest.record #>> '{currency,code}' as currency,
    latest.record ->> 'state' as state,
    (latest.record ->> 'total_amount')::numeric as total,
    (latest.record ->> 'amount_to_pay')::numeric as amount_unpaid,
    credit.amount as amount_credited,
    case
        when latest.record ->> 'state' in ('draft', 'validated') then 'draft'
        -- Set against its credit notes Tryton calls it cancelled, or paid.
        when credit.amount >= (latest.record ->> 'total_amount')::numeric and credit.amount > 0 then 'credited'
        when latest.record ->> 'state' = 'cancelled' then 'voided'
        when latest.record ->> 'state' = 'paid' then 'paid'
        when
            (latest.record ->> 'amount_to_pay')::numeric > 0
            and (latest.record ->> 'amount_to_pay')::numeric < (latest.record ->> 'total_amount')::numeric then 'partly paid'
        when latest.record ->> 'state' = 'posted' then 'open'
        else latest.record ->> 'state'
    end as status,
    latest.record -> 'time' as time_items,
    latest.is_deleted,
    (latest.record ->> 'invoice_date')::date as invoice_date,
    latest.version,
    latest.source_version,
    latest.landed_xid,
    latest.landed_at
from {{ latest_raw('tryton', connection, 'invoices') }} as latest
cross join lateral (
    select coalesce(-sum((note.item ->> 'total_amount')::numeric), 0) as amount
    from jsonb_array_elements(latest.record -> 'credited_by') as note (item)
    where note.item ->> 'state' in ('posted', 'paid')
) as credit
{% endcall %}
