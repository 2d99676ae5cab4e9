{{ config(materialized='stable_view') }}

{% call(connection) per_connection('kantata') %}
select
    '{{ connection }}'::text as source_system,
    version.source_id,
    1 as chapter,
    'landed'::text as event,
    version.landed_at as at,
    '{{ connection }}'::text as at_system,
    jsonb_build_object(
        'version', version.version,
        'date', version.record ->> 'date_performed',
        'minutes', version.record ->> 'time_in_minutes',
        'approved', version.record ->> 'approved',
        'deleted', version.is_deleted,
        'load', version.load_id
    ) as detail
from {{ raw('kantata', connection, 'time_entries') }} as version
union all
select
    '{{ connection }}'::text,
    entry.source_id,
    2,
    'understood',
    entry.landed_at,
    'warehouse',
    jsonb_build_object(
        'state', entry.state,
        'approval', entry.approval_rule,
        'consultant', entry.consultant_key,
        'project', entry.project_key,
        'phase', entry.project_phase_key,
        'contract', entry.contract_key,
        'legal_entity', entry.legal_entity,
        'work_type', entry.work_type_key,
        'work_date', entry.work_date,
        'minutes', entry.minutes
    )
from {{ ref('labor_entry') }} as entry
where entry.source_system = '{{ connection }}'
union all
select
    '{{ connection }}'::text,
    erp.source_id,
    3,
    'decided: ERP',
    erp.landed_at,
    coalesce(erp.destination, 'none'),
    jsonb_build_object(
        'state', erp.desired_state, 'reason', erp.reason, 'owner', erp.owner, 'minutes', erp.minutes, 'amount', erp.amount,
        'currency', erp.currency, 'rules', erp.rules, 'fields', erp.fields
    )
from {{ ref('sync_erp__labor') }} as erp
where erp.source_system = '{{ connection }}'
union all
select
    '{{ connection }}'::text,
    entry.source_id,
    3,
    'decided: payroll',
    day.landed_at,
    coalesce(day.destination, 'none'),
    jsonb_build_object(
        'chain', day.chain_key, 'state', day.desired_state, 'reason', day.reason, 'owner', day.owner, 'minutes', day.minutes,
        'hours', day.context -> 'hours'
    )
from {{ ref('stg_kantata__time_entries') }} as entry
cross join lateral (
    select d.*
    from {{ ref('sync_payroll__hours') }} as d
    where d.source_system = '{{ connection }}' and d.source_id = entry.user_id_and_date
    limit 1
) as day
where entry.source_system = '{{ connection }}'
union all
select
    '{{ connection }}'::text,
    line.source_id,
    4,
    'intended',
    intent.created_at,
    intent.destination,
    jsonb_build_object(
        'intent', intent.intent_id, 'sync', intent.sync, 'key', intent.record_key, 'revision', intent.revision,
        'operation', intent.operation, 'state', intent.state, 'reason', intent.reason, 'owner', intent.owner,
        'minutes', intent.minutes, 'amount', intent.amount, 'currency', intent.currency, 'vendor_id', intent.vendor_id,
        'hour', line.minutes
    )
from {{ source('delivery', 'intent_line') }} as line
inner join {{ source('delivery', 'intent') }} as intent on line.intent_id = intent.intent_id
where line.source_system = '{{ connection }}'
union all
select
    '{{ connection }}'::text,
    line.source_id,
    5,
    'asked and answered',
    attempt.at,
    intent.destination,
    jsonb_build_object(
        'intent', intent.intent_id, 'attempt', attempt.attempt_no, 'call', attempt.call_id, 'outcome', attempt.outcome,
        'vendor_id', attempt.vendor_id, 'category', attempt.category, 'code', attempt.code, 'message', attempt.message
    )
from {{ source('delivery', 'intent_line') }} as line
inner join {{ source('delivery', 'intent') }} as intent on line.intent_id = intent.intent_id
inner join {{ source('delivery', 'attempt') }} as attempt on line.intent_id = attempt.intent_id
where line.source_system = '{{ connection }}'
union all
select
    '{{ connection }}'::text,
    chain.source_id,
    6,
    'read back',
    bill.landed_at,
    chain.destination,
    jsonb_build_object(
        'id', bill.source_id, 'key', bill.external_id, 'minutes', bill.minutes, 'rate', bill.rate, 'deleted', bill.is_deleted,
        'work_date', bill.work_date
    )
from {{ source('delivery', 'chain') }} as chain
cross join lateral (
    select b.*
    from {{ ref('stg_netsuite__time_bills') }} as b
    where b.source_system = chain.destination and b.source_id = chain.settled_vendor_id
    limit 1
) as bill
where chain.sync = 'erp_labor' and chain.source_system = '{{ connection }}'
{%- if connections('tryton') %}
union all
select
    '{{ connection }}'::text,
    chain.source_id,
    6,
    'read back',
    line.landed_at,
    chain.destination,
    jsonb_build_object(
        'id', line.source_id, 'key', line.external_id, 'minutes', line.minutes, 'rate', line.rate, 'deleted', line.is_deleted,
        'work_date', line.work_date
    )
from {{ source('delivery', 'chain') }} as chain
cross join lateral (
    select
        l.*,
        t.rate
    from {{ ref('stg_tryton__timesheet_lines') }} as l
    left join {{ ref('stg_tryton__tasks') }} as t on l.source_system = t.source_system and l.work_id = t.work_id
    where l.source_system = chain.destination and l.source_id = chain.settled_vendor_id
    limit 1
) as line
where chain.sync = 'erp_labor' and chain.source_system = '{{ connection }}'
{%- endif %}
union all
select
    '{{ connection }}'::text,
    invoiced.source_id,
    7,
    'invoiced',
    invoiced.landed_at,
    invoiced.erp,
    jsonb_build_object(
        'invoice', invoiced.invoice_number, 'id', invoiced.invoice_ref, 'status', invoiced.external_status
    )
from {{ ref('int_time_entries_invoiced') }} as invoiced
where invoiced.source_system = '{{ connection }}'
{% endcall %}
