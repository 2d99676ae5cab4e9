-- What the destinations report back against what the ledger says is posted, row by row; each row is in one class.
with read_back_at as (
    -- When the last reading of all that is there, or of all that changed, began.
    select
        load.connection,
        max(load.read_started_at) as began_at
    from {{ source('landing', 'load') }} as load
    where load.resource in ('time_bills', 'time_sheets', 'timesheet_lines')
        and load.status = 'landed'
        and load.scope in ('listing', 'changes')
    group by load.connection
),

seen as materialized (
    select
        'erp_labor' as sync,
        bill.source_system as destination,
        bill.source_id as vendor_id,
        bill.external_id,
        bill.minutes,
        bill.rate,
        bill.is_billable,
        bill.is_deleted,
        bill.work_date,
        {{ place('bill.employee_id', 'bill.job_id', 'bill.project_task_id', 'bill.work_date') }} as place,
        entity.legal_entity,
        bill.landed_at,
        {{ var('erp_quantum_minutes') }} as quantum,
        -- What an invoice bills for the row, and whether that is our price but for the rounding of its hours.
        null::numeric as billed_amount,
        true as is_billed_well
    from {{ ref('stg_netsuite__time_bills') }} as bill
    left join {{ ref('stg_netsuite__subsidiaries') }} as subsidiary
        on bill.source_system = subsidiary.source_system and bill.subsidiary_id = subsidiary.subsidiary_id
    left join {{ source('rule', 'legal_entity') }} as entity on subsidiary.name = entity.erp_subsidiary_name
    {%- if connections('tryton') %}
        union all
        select
            'erp_labor' as sync,
            line.source_system,
            line.source_id,
            line.external_id,
            line.minutes,
            case when coalesce(billed.rate, task.rate) > 0 then coalesce(billed.rate, task.rate) end as rate,
            coalesce(billed.rate, task.rate, 0) > 0 as is_billable,
            line.is_deleted,
            line.work_date,
            {{ place('line.employee_id', 'task.project_id', 'line.work_id', 'line.work_date') }} as place,
            entity.legal_entity,
            line.landed_at,
            {{ var('tryton_quantum_minutes') }} as quantum,
            case
            -- Shared out by minutes and rounded; the last line of an invoice line takes what rounding left.
                when billed.hours is null then null
                when lead(line.source_id) over shared is null
                    then
                        billed.amount - coalesce(
                            sum(round(billed.amount * line.minutes / billed.minutes, 2)) over (
                                shared rows between unbounded preceding and 1 preceding
                            ), 0
                        )
                else round(billed.amount * line.minutes / billed.minutes, 2)
            end as billed_amount,
            -- Tryton sums the hours of a task, rounds them to a hundredth, and prices those.
            coalesce(abs(billed.hours - billed.minutes / 60) <= {{ var('tryton_hours_tolerance') }}, true) as is_billed_well
        from {{ ref('stg_tryton__timesheet_lines') }} as line
        left join {{ ref('stg_tryton__companies') }} as company
            on line.source_system = company.source_system and line.company_id = company.company_id
        left join {{ source('rule', 'legal_entity') }} as entity on company.name = entity.erp_subsidiary_name
        left join {{ ref('stg_tryton__tasks') }} as task
            on line.source_system = task.source_system and line.work_id = task.work_id and not task.is_deleted
        left join (
            select
                on_invoice.source_system,
                on_invoice.invoice_line_id,
                min(invoice_line.hours) as hours,
                min(invoice_line.rate) as rate,
                min(invoice_line.amount) as amount,
                sum(on_invoice.minutes) as minutes
            from {{ ref('stg_tryton__timesheet_lines') }} as on_invoice
            inner join {{ ref('stg_tryton__invoice_lines') }} as invoice_line
                on
                    on_invoice.source_system = invoice_line.source_system
                    and on_invoice.invoice_line_id = invoice_line.source_id
                    and not invoice_line.is_deleted
            where not on_invoice.is_deleted
            group by on_invoice.source_system, on_invoice.invoice_line_id
        ) as billed on line.source_system = billed.source_system and line.invoice_line_id = billed.invoice_line_id and not line.is_deleted
        window shared as (
            partition by line.source_system, line.invoice_line_id, line.is_deleted
            order by length(line.source_id), line.source_id
        )
    {%- endif %}
    union all
    select
        'payroll_hours' as sync,
        sheet.source_system,
        sheet.source_id,
        sheet.external_id,
        sheet.minutes,
        null::numeric,
        false,
        sheet.is_deleted,
        sheet.work_date,
        {{ place('sheet.employee_uuid', 'sheet.job_uuid', 'null', 'sheet.work_date') }},
        entity.legal_entity,
        sheet.landed_at,
        {{ var('payroll_quantum_minutes') }},
        null::numeric,
        true
    from {{ ref('stg_gusto__time_sheets') }} as sheet
    left join {{ ref('stg_gusto__employees') }} as employee
        on sheet.source_system = employee.source_system and sheet.employee_uuid = employee.employee_uuid
    left join {{ ref('stg_workday__workers') }} as worker on employee.employee_number_key = worker.employee_number_key
    left join {{ source('rule', 'legal_entity') }} as entity on worker.hr_company_code = entity.hr_company_code
),

keyed as (
    -- The live row that carries a key; a second one with the same key is nobody's.
    select distinct on (seen.destination, seen.external_id)
        seen.destination,
        seen.external_id,
        seen.vendor_id
    from seen
    where seen.external_id is not null and not seen.is_deleted
    order by seen.destination asc, seen.external_id asc, length(seen.vendor_id) asc, seen.vendor_id asc
),

-- The rows that we stand behind, one each: a chain's own, and beside it what a reversal or an adjustment left there. A reversed
-- row and the row that takes it back stand there both, and come to nothing together.
corrected as (
    select distinct
        correction.sync,
        correction.chain_key
    from {{ source('delivery', 'intent') }} as correction
    where
        correction.operation in ('reverse', 'adjust')
        and correction.state = 'acknowledged'
        and correction.sync in ('erp_labor', 'payroll_hours')
),

piece as (
    select distinct on (intent.sync, intent.record_key)
        intent.sync,
        intent.chain_key,
        intent.record_key,
        intent.intent_id,
        intent.vendor_id,
        intent.destination,
        intent.operation,
        intent.is_by_hand
    from corrected
    inner join {{ source('delivery', 'intent') }} as intent
        on corrected.sync = intent.sync and corrected.chain_key = intent.chain_key and intent.state = 'acknowledged'
    order by intent.sync asc, intent.record_key asc, intent.revision desc
),

stood_behind as (
    select
        chain.sync,
        chain.chain_key,
        chain.destination,
        chain.settled_intent_id as intent_id,
        chain.settled_vendor_id as vendor_id,
        chain.settled_record_key as record_key,
        chain.open_intent_id,
        'whole' as part
    from {{ source('delivery', 'chain') }} as chain
    where chain.sync in ('erp_labor', 'payroll_hours') and chain.settled_intent_id is not null and not chain.is_in_pieces
    union all
    select
        piece.sync,
        piece.chain_key,
        piece.destination,
        piece.intent_id,
        piece.vendor_id,
        piece.record_key,
        chain.open_intent_id,
        case piece.operation when 'reverse' then 'reversing' when 'adjust' then 'difference' else 'whole' end
    from piece
    inner join {{ source('delivery', 'chain') }} as chain on piece.sync = chain.sync and piece.chain_key = chain.chain_key
    where piece.operation <> 'delete' and (chain.is_in_pieces or piece.intent_id is distinct from chain.settled_intent_id)
),

posted as materialized (
    select
        mine.sync,
        mine.chain_key,
        mine.destination,
        case mine.part when 'reversing' then intent.base_legal_entity else intent.legal_entity end as legal_entity,
        case mine.part when 'reversing' then intent.base_period else intent.period end as period,
        case mine.part
            when 'reversing' then -intent.base_minutes
            when 'difference' then intent.delta_minutes
            else intent.minutes
        end as minutes,
        case mine.part
            when 'reversing' then -intent.base_amount
            when 'difference' then intent.delta_amount
            else intent.amount
        end as amount,
        case mine.part when 'reversing' then intent.base_currency else intent.currency end as currency,
        (intent.fields ->> 'rate')::numeric as rate,
        coalesce((intent.fields ->> 'is_billable')::boolean, false) as is_billable,
        {{ place(
            "intent.fields ->> 'employee_ref'",
            "coalesce(intent.fields ->> 'project_ref', intent.fields ->> 'job_ref')",
            "intent.fields ->> 'task_ref'",
            "intent.fields ->> 'work_date'"
        ) }} as place,
        intent.is_adopted,
        intent.is_by_hand,
        intent.created_at,
        intent.state_since,
        coalesce(by_id.vendor_id, keyed.vendor_id) as vendor_id,
        mine.vendor_id as settled_vendor_id,
        flight.operation as flight_operation,
        flight.minutes as flight_minutes,
        read_back_at.began_at
    from stood_behind as mine
    inner join {{ source('delivery', 'intent') }} as intent on mine.intent_id = intent.intent_id
    left join read_back_at on mine.destination = read_back_at.connection
    left join seen as by_id
        on
            mine.destination = by_id.destination
            and mine.vendor_id = by_id.vendor_id
            and mine.sync = by_id.sync
            and not by_id.is_deleted
    left join keyed on mine.destination = keyed.destination and mine.record_key = keyed.external_id
    left join lateral ({{ intent_in_flight('mine.sync', 'mine', is_literal=false) }}) as flight on true
    where intent.state = 'acknowledged'
),

compared as (
    select
        posted.sync,
        posted.destination,
        posted.legal_entity,
        posted.period,
        posted.currency,
        posted.chain_key,
        posted.minutes,
        posted.amount,
        there.vendor_id,
        there.minutes as seen_minutes,
        there.amount as seen_amount,
        posted.state_since,
        posted.is_by_hand,
        case
            when there.vendor_id is not null and not there.is_different then 'the same'
            -- Agreed to by two people and made there by hand, in whatever form the destination has for it.
            when posted.is_by_hand then 'changed by hand there'
            when posted.began_at is null or posted.state_since > posted.began_at then 'acknowledged after the read-back began'
            when there.vendor_id is null and posted.flight_operation = 'delete' then 'in flight and seen there'
            when there.vendor_id is null and gone.vendor_id is not null then 'gone by hand there'
            when there.vendor_id is null then 'unexplained'
            when abs(there.minutes - posted.flight_minutes) < there.quantum then 'in flight and seen there'
            when
                exists (
                    -- It was there once as we posted it, so that somebody changed it since.
                    select 1
                    from ({{ readback_versions() }}) as version
                    where
                        version.destination = posted.destination
                        and version.vendor_id = there.vendor_id
                        and (posted.is_adopted or version.landed_at >= posted.created_at)
                        and abs(version.minutes - posted.minutes) < there.quantum
                        and version.place = posted.place
                        and (posted.is_adopted or posted.rate is null or version.rate = posted.rate)
                ) then 'changed by hand there'
            else 'unexplained'
        end as class
    from posted
    left join lateral (
        select
            seen.vendor_id,
            seen.quantum,
            seen.minutes,
            case
                when posted.amount is null or abs(seen.minutes - posted.minutes) < seen.quantum and not priced.is_different
                    then coalesce(seen.billed_amount, posted.amount)
                else coalesce(seen.billed_amount, priced.amount)
            end as amount,
            abs(seen.minutes - posted.minutes) >= seen.quantum or seen.place <> posted.place or priced.is_different as is_different
        from seen
        cross join
            lateral (
                select
                    case
                        when posted.amount is not null
                            then round(seen.minutes * coalesce(seen.rate, 0) / 60, scale(posted.amount))
                    end as amount,
                    -- An adopted hour was matched by its minutes, and is valued at our rate whatever the ERP's was.
                    not posted.is_adopted
                    and (
                        seen.is_billable <> posted.is_billable
                        or (posted.is_billable and seen.rate is distinct from posted.rate)
                        or not seen.is_billed_well
                    )
                        as is_different
            ) as priced
        where seen.destination = posted.destination and seen.sync = posted.sync and seen.vendor_id = posted.vendor_id
    ) as there on true
    left join seen as gone
        on
            posted.destination = gone.destination
            and posted.sync = gone.sync
            and posted.settled_vendor_id = gone.vendor_id
            and gone.is_deleted
),

apart as (
    -- Live rows that no posted chain answers for.
    select
        seen.sync,
        seen.destination,
        coalesce(ours.legal_entity, seen.legal_entity) as legal_entity,
        coalesce(ours.period, date_trunc('month', seen.work_date)::date) as period,
        ours.currency,
        coalesce(ours.chain_key, seen.vendor_id) as chain_key,
        seen.vendor_id,
        seen.minutes as seen_minutes,
        case
            when ours.amount is not null and seen.is_billable
                then round(seen.minutes * coalesce(seen.rate, 0) / 60, scale(ours.amount))
        end as seen_amount,
        coalesce(ours.state_since, seen.landed_at) as state_since,
        case
            when ours.state in ('sending', 'accepted', 'in_doubt', 'unknown', 'by_file') or ours.is_taken then 'in flight and seen there'
            when
                ours.operation = 'delete'
                and ours.state = 'acknowledged'
                and (read_back_at.began_at is null or ours.state_since > read_back_at.began_at)
                then 'acknowledged after the read-back began'
            when ours.intent_id is not null then 'unexplained'
            when seen.external_id ~ '^({{ connections("kantata") | join("|") }})-.+-g[0-9]+$' then 'unexplained'
            when seen.sync = 'payroll_hours' and seen.external_id is not null then 'unexplained'
            else 'foreign row'
        end as class,
        seen.work_date < live.go_live_date as is_before_go_live
    from seen
    left join posted
        on seen.destination = posted.destination and seen.sync = posted.sync and seen.vendor_id = posted.vendor_id
    left join read_back_at on seen.destination = read_back_at.connection
    left join {{ source('rule', 'go_live') }} as live
        on seen.legal_entity = live.legal_entity and seen.destination = live.destination
    left join lateral (
        select
            i.intent_id,
            i.chain_key,
            i.state,
            i.state = 'refused' and i.is_taken as is_taken,
            i.operation,
            i.legal_entity,
            i.period,
            i.amount,
            i.currency,
            i.state_since
        from {{ source('delivery', 'intent') }} as i
        where i.record_key = seen.external_id and i.sync = seen.sync and i.state <> 'superseded'
        order by i.revision desc
        limit 1
    ) as ours on true
    where not seen.is_deleted and posted.chain_key is null
)

select
    compared.sync,
    compared.destination,
    compared.legal_entity,
    compared.period,
    compared.currency,
    compared.chain_key,
    compared.vendor_id,
    compared.minutes as posted_minutes,
    compared.amount as posted_amount,
    compared.seen_minutes,
    compared.seen_amount,
    case
        when
            compared.class = 'the same'
            and (compared.minutes <> compared.seen_minutes or compared.amount <> compared.seen_amount)
            then 'destination rounding'
        else compared.class
    end as class,
    compared.state_since as since,
    compared.class in ('changed by hand there', 'gone by hand there') and not compared.is_by_hand as is_made_by_hand
from compared
union all
select
    apart.sync,
    apart.destination,
    apart.legal_entity,
    apart.period,
    apart.currency,
    apart.chain_key,
    apart.vendor_id,
    null as posted_minutes,
    null as posted_amount,
    apart.seen_minutes,
    apart.seen_amount,
    apart.class,
    apart.state_since as since,
    apart.class = 'foreign row' and not coalesce(apart.is_before_go_live, false) as is_made_by_hand
from apart
