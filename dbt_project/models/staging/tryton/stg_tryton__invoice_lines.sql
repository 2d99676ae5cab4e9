{% call(connection) per_connection('tryton') %}
select
    '{{ connection }}'::text as source_system,
    latest.source_id,
    landing.reference(latest.record -> 'invoice') as invoice_id,
    (latest.record ->> 'quantity')::numeric as hours,
    (latest.record ->> 'unit_price')::numeric as rate,
    (latest.record ->> 'amount')::numeric as amount,
    latest.is_deleted,
    latest.version,
    latest.source_version,
    latest.landed_xid,
    latest.landed_at
from {{ latest_raw('tryton', connection, 'invoice_lines') }} as latest
{% endcall %}
