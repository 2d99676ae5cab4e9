{% call(connection) per_connection('tryton') %}
select
    '{{ connection }}'::text as source_system,
    latest.source_id,
    landing.reference(latest.record -> 'invoice_payment') as invoice_id,
    (latest.record ->> 'credit')::numeric - (latest.record ->> 'debit')::numeric as amount,
    latest.is_deleted,
    (latest.record ->> 'date')::date as paid_on,
    latest.version,
    latest.source_version,
    latest.landed_xid,
    latest.landed_at
from {{ latest_raw('tryton', connection, 'payments') }} as latest
{% endcall %}
