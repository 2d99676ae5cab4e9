select
    entry.labor_entry_key,
    entry.source_system,
    entry.source_id,
    entry.consultant_key,
    entry.project_key,
    entry.project_phase_key,
    entry.contract_key,
    entry.work_type_key,
    entry.legal_entity,
    entry.region,
    entry.work_date,
    entry.period,
    entry.minutes,
    round(entry.minutes / 60, 6) as hours,
    entry.is_billable,
    entry.is_leave,
    entry.state,
    erp.destination as erp,
    erp.is_due as is_due_to_erp,
    erp.not_due_rule as erp_not_due_rule,
    erp.desired_state as erp_desired_state,
    erp.reason as erp_reason,
    erp.owner as erp_owner,
    erp.rules ->> 'rate' as rate_rule,
    (erp.fields ->> 'rate')::numeric as rate,
    erp.amount,
    erp.currency,
    posted.settled_minutes as posted_minutes,
    posted.settled_amount as posted_amount,
    posted.settled_at as posted_at,
    posted.settled_vendor_id as erp_time_id,
    open_intent.state as delivery_state,
    open_intent.reason as delivery_reason,
    invoiced.invoice_number,
    invoiced.external_status as invoice_status,
    entry.landed_at
from {{ ref('labor_entry') }} as entry
left join {{ ref('sync_erp__labor') }} as erp
    on entry.source_system = erp.source_system and entry.source_id = erp.source_id
left join {{ source('delivery', 'chain') }} as posted on posted.sync = 'erp_labor' and erp.chain_key = posted.chain_key
left join {{ source('delivery', 'intent') }} as open_intent on posted.open_intent_id = open_intent.intent_id
left join {{ ref('int_time_entries_invoiced') }} as invoiced
    on entry.source_system = invoiced.source_system and entry.source_id = invoiced.source_id
