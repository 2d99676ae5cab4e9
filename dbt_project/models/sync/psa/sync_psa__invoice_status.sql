{% call(connection) per_connection('kantata') %}
select
    status.source_system,
    status.source_id,
    status.chain_key,
    status.source_system as destination,
    status.legal_entity,
    true as is_approved,
    true as is_due,
    null::text as not_due_rule,
    'present'::text as desired_state,
    null::text as reason,
    null::text as owner,
    status.work_date,
    status.period,
    status.minutes,
    null::numeric as amount,
    null::text as currency,
    jsonb_build_object(
        'subject_id', status.source_id,
        'invoice_ref', status.invoice_ref,
        'invoice_number', status.invoice_number,
        'status', status.reference_status,
        'external_status', status.external_status
    ) as fields,
    jsonb_build_object('vendor_id', status.vendor_id, 'erp', status.erp) as context,
    jsonb_build_array(jsonb_build_object(
        'source_system', status.source_system,
        'source_id', status.source_id,
        'version', status.version,
        'minutes', status.minutes
    )) as members,
    jsonb_build_object('decision', 'the ERP''s invoice of the hour') as rules,
    status.landed_version,
    status.landed_xid,
    status.landed_at
from {{ ref('int_time_entries_invoiced') }} as status
where status.source_system = '{{ connection }}'
{% endcall %}
