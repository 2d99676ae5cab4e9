{{ config(materialized='stable_view') }}

with entries as materialized (
    select
        entry.source_system,
        entry.source_id,
        entry.legal_entity,
        entry.period,
        entry.minutes,
        entry.state,
        entry.landed_at
    from {{ ref('labor_entry') }} as entry
),

erp as materialized (
    select
        row.source_system,
        row.source_id,
        row.chain_key,
        row.destination,
        row.legal_entity,
        row.period,
        row.is_approved,
        row.is_due,
        row.not_due_rule,
        row.reason,
        row.owner,
        row.minutes,
        row.amount,
        row.currency,
        row.landed_xid,
        row.landed_at
    from {{ ref('sync_erp__labor') }} as row
),

payroll as materialized (
    select
        day.source_system,
        day.source_id,
        day.chain_key,
        day.destination,
        day.legal_entity,
        day.period,
        day.desired_state,
        day.minutes,
        day.due_minutes,
        day.hours,
        day.landed_xid,
        day.landed_at
    from {{ ref('int_payroll_days_decided') }} as day
),

payroll_hours as materialized (
    select
        day.source_system,
        day.chain_key,
        day.destination,
        day.legal_entity,
        day.period,
        day.desired_state,
        day.landed_at,
        hour.source_id,
        hour.approved_minutes,
        hour.due_minutes,
        hour.target_minutes,
        hour.decision
    from payroll as day
    cross join lateral jsonb_to_recordset(day.hours)
        as hour (source_id text, approved_minutes numeric, due_minutes numeric, target_minutes numeric, decision text)
),

-- Lines 1 and 2: the source.
line_1 as (
    select
        'source'::text as scope,
        counted.connection as name,
        counted.resource,
        null::text as legal_entity,
        null::text as destination,
        counted.period,
        1 as line,
        case counted.bucket when 'source count' then 'total' else 'part' end as side,
        counted.bucket,
        counted.reason,
        case counted.bucket when 'quarantined' then 'data engineering' end as owner,
        counted.since,
        coalesce(counted.minutes, 0) as minutes,
        null::numeric as amount,
        null::text as currency,
        counted.row_count,
        0::numeric as unexplained_under_minutes,
        0::numeric as unexplained_over_minutes,
        0::numeric as unexplained_under_amount,
        0::numeric as unexplained_over_amount,
        0::bigint as unexplained_rows,
        false as is_made_by_hand
    from {{ ref('int_statement_counted') }} as counted
),

line_1_unexplained as (
    select
        line_1.name,
        line_1.resource,
        line_1.period,
        sum(case line_1.side when 'total' then line_1.row_count else -line_1.row_count end) as missing_rows,
        -- minutes are held against the source's own sum, where it gives one
        case
            when bool_or(line_1.bucket = 'source count' and counted.minutes is not null)
                then sum(case line_1.side when 'total' then line_1.minutes else -line_1.minutes end)
            else 0
        end as missing_minutes,
        -- A sum of hours with a few decimals is not the sum of its minutes: less than our own quantum a row is rounding.
        0.000001 * greatest(sum(line_1.row_count), 1) as rounding_minutes
    from line_1
    inner join {{ ref('int_statement_counted') }} as counted
        on
            line_1.name = counted.connection
            and line_1.resource = counted.resource
            and line_1.period is not distinct from counted.period
            and line_1.bucket = counted.bucket
            and line_1.reason is not distinct from counted.reason
    group by line_1.name, line_1.resource, line_1.period
),

landed as (
    select
        raw.source_system,
        raw.source_id,
        entry.legal_entity,
        coalesce(entry.period, date_trunc('month', raw.work_date)::date) as period,
        raw.minutes,
        entry.state,
        entry.landed_at
    from {{ ref('stg_kantata__time_entries') }} as raw
    left join entries as entry on raw.source_system = entry.source_system and raw.source_id = entry.source_id
),

line_2 as (
    select
        landed.source_system as name,
        landed.legal_entity,
        landed.period,
        'total'::text as side,
        'landed'::text as bucket,
        null::text as reason,
        min(landed.landed_at) as since,
        sum(landed.minutes) as minutes,
        count(*) as row_count,
        coalesce(sum(landed.minutes) filter (where landed.state is null), 0) as unexplained_minutes,
        count(*) filter (where landed.state is null) as unexplained_rows
    from landed
    group by landed.source_system, landed.legal_entity, landed.period
    union all
    select
        entry.source_system,
        entry.legal_entity,
        entry.period,
        'part',
        case when entry.state in ('approved', 'deleted', 'duplicate') then entry.state else 'not approved' end,
        case when entry.state not in ('approved', 'deleted', 'duplicate') then entry.state end,
        min(entry.landed_at),
        sum(entry.minutes),
        count(*),
        0,
        0
    from entries as entry
    group by entry.source_system, entry.legal_entity, entry.period, entry.state
),

-- Line 3: the approved hours of each sync, hour by hour, against what the sync makes of them.
reckoned as (
    select
        'erp_labor'::text as sync,
        row.source_system,
        row.source_id,
        row.destination,
        row.legal_entity,
        row.period,
        row.currency,
        case when row.is_approved then row.minutes else 0 end as approved_minutes,
        case when row.is_due then row.minutes else 0 end as due_minutes,
        case when row.is_due then row.amount end as due_amount,
        case when row.is_approved then row.amount end as approved_amount,
        row.not_due_rule,
        row.is_approved and row.reason = 're-approval' as is_kept,
        row.landed_at
    from erp as row
    union all
    select
        'payroll_hours',
        hour.source_system,
        hour.source_id,
        hour.destination,
        hour.legal_entity,
        hour.period,
        null,
        hour.approved_minutes,
        hour.due_minutes,
        null,
        null,
        case when hour.decision in ('leave', 'subcontractor', 'no_destination', 'before_go_live') then hour.decision end,
        hour.decision = 're-approval' and hour.approved_minutes <> 0,
        hour.landed_at
    from payroll_hours as hour
    where hour.decision is distinct from 'moved'
),

approved as (
    select
        wanted.sync,
        coalesce(entry.source_system, reckoned.source_system) as source_system,
        coalesce(entry.source_id, reckoned.source_id) as source_id,
        reckoned.destination,
        case when reckoned.source_id is null or not reckoned.is_kept then entry.legal_entity else reckoned.legal_entity end as legal_entity,
        case when reckoned.source_id is null or not reckoned.is_kept then entry.period else reckoned.period end as period,
        reckoned.currency,
        case
            when entry.state = 'approved' then entry.minutes
            when reckoned.is_kept then reckoned.approved_minutes
            else 0
        end as minutes,
        coalesce(reckoned.approved_amount, 0) as amount,
        coalesce(reckoned.due_minutes, 0) as due_minutes,
        coalesce(reckoned.due_amount, 0) as due_amount,
        case when reckoned.not_due_rule is not null then reckoned.approved_minutes else 0 end as not_due_minutes,
        reckoned.not_due_rule,
        coalesce(reckoned.is_kept, false) as is_kept,
        entry.landed_at
    from entries as entry
    cross join (values ('erp_labor'), ('payroll_hours')) as wanted (sync)
    left join reckoned
        on
            wanted.sync = reckoned.sync
            and entry.source_system = reckoned.source_system
            and entry.source_id = reckoned.source_id
),

line_3 as (
    select
        hour.sync,
        hour.legal_entity,
        hour.destination,
        hour.period,
        hour.currency,
        'total'::text as side,
        'approved'::text as bucket,
        null::text as reason,
        min(hour.landed_at) as since,
        sum(hour.minutes) as minutes,
        sum(hour.amount) as amount,
        count(*) filter (where hour.minutes <> 0) as row_count,
        coalesce(sum(greatest(hour.minutes - hour.due_minutes - hour.not_due_minutes, 0)), 0) as unexplained_under_minutes,
        coalesce(sum(greatest(hour.due_minutes + hour.not_due_minutes - hour.minutes, 0)), 0) as unexplained_over_minutes,
        count(*) filter (where hour.minutes <> hour.due_minutes + hour.not_due_minutes) as unexplained_rows
    from approved as hour
    where hour.minutes <> 0 or hour.due_minutes <> 0 or hour.not_due_minutes <> 0
    group by hour.sync, hour.legal_entity, hour.destination, hour.period, hour.currency
    union all
    select
        hour.sync,
        hour.legal_entity,
        hour.destination,
        hour.period,
        hour.currency,
        'part',
        case when hour.not_due_rule is null then 'due' else 'not due' end,
        hour.not_due_rule,
        min(hour.landed_at),
        sum(case when hour.not_due_rule is null then hour.due_minutes else hour.not_due_minutes end),
        sum(case when hour.not_due_rule is null then hour.due_amount else hour.amount end),
        count(*),
        0,
        0,
        0
    from approved as hour
    where hour.due_minutes <> 0 or hour.not_due_minutes <> 0
    group by hour.sync, hour.legal_entity, hour.destination, hour.period, hour.currency, hour.not_due_rule
),

-- Line 4: what is due, chain by chain, against what the ledger holds.
owed as (
    select
        'erp_labor'::text as sync,
        row.source_system,
        row.chain_key,
        row.destination,
        row.legal_entity,
        row.period,
        row.currency,
        row.minutes,
        row.amount,
        0::numeric as held_minutes,
        row.landed_xid,
        row.landed_at
    from erp as row
    where row.is_due
    union all
    select
        'payroll_hours',
        day.source_system,
        day.chain_key,
        day.destination,
        day.legal_entity,
        day.period,
        null,
        day.due_minutes,
        null,
        -- Hours that wait while the rest of their day goes out: no intent says so, the row does.
        case day.desired_state
            when 'held' then 0
            when 'present' then day.due_minutes - day.minutes
            else day.due_minutes
        end,
        day.landed_xid,
        day.landed_at
    from payroll as day
    where day.due_minutes <> 0
),

known_row as (
    select 'erp_labor'::text as sync, row.chain_key, row.landed_xid, row.landed_at from erp as row
    union all
    select 'payroll_hours', day.chain_key, day.landed_xid, day.landed_at from payroll as day
),

ledger as materialized (
    select leg.* from {{ ref('int_statement_ledger') }} as leg
),

leg as (
    select
        owed.sync,
        owed.chain_key,
        owed.destination,
        owed.legal_entity,
        owed.period,
        owed.currency,
        owed.minutes - owed.held_minutes as due_minutes,
        owed.amount as due_amount,
        0::numeric as held_minutes_there,
        0::numeric as held_amount_there
    from owed
    union all
    select
        ledger.sync,
        ledger.chain_key,
        ledger.destination,
        ledger.legal_entity,
        ledger.period,
        ledger.currency,
        0,
        0,
        ledger.minutes,
        ledger.amount
    from ledger
),

balance as (
    select
        leg.sync,
        leg.chain_key,
        max(leg.destination) as destination,
        leg.legal_entity,
        leg.period,
        -- An hour without money has no currency; it must still meet the one that had.
        leg.currency,
        sum(leg.due_minutes) - sum(leg.held_minutes_there) as minutes,
        coalesce(sum(leg.due_amount), 0) - coalesce(sum(leg.held_amount_there), 0) as amount
    from leg
    group by leg.sync, leg.chain_key, leg.legal_entity, leg.period, leg.currency
),

unmet as (
    select
        balance.sync,
        balance.chain_key,
        balance.destination,
        balance.legal_entity,
        balance.period,
        balance.currency,
        balance.minutes,
        balance.amount,
        known_row.landed_at,
        -- Newer than the last sweep of its sync: the next plan will see it. Older, or without a row at all: unexplained.
        known_row.chain_key is not null
        and (
            last_plan.plan_id is null
            or not pg_visible_in_snapshot(known_row.landed_xid, last_plan.snapshot)
            or known_row.landed_at > last_plan.created_at
        ) as is_new
    from balance
    left join known_row on balance.sync = known_row.sync and balance.chain_key = known_row.chain_key
    left join {{ source('delivery', 'last_plan') }} as last_plan on balance.sync = last_plan.sync
    where balance.minutes <> 0 or balance.amount <> 0
),

line_4 as (
    select
        owed.sync,
        owed.legal_entity,
        owed.destination,
        owed.period,
        owed.currency,
        'total'::text as side,
        'due'::text as bucket,
        null::text as reason,
        null::text as owner,
        min(owed.landed_at) as since,
        sum(owed.minutes) as minutes,
        sum(owed.amount) as amount,
        count(*) as row_count,
        0::numeric as unexplained_under_minutes,
        0::numeric as unexplained_over_minutes,
        0::numeric as unexplained_under_amount,
        0::numeric as unexplained_over_amount,
        0::bigint as unexplained_rows
    from owed
    group by owed.sync, owed.legal_entity, owed.destination, owed.period, owed.currency
    union all
    select
        ledger.sync,
        ledger.legal_entity,
        ledger.destination,
        ledger.period,
        ledger.currency,
        'part',
        ledger.bucket,
        ledger.reason,
        ledger.owner,
        min(ledger.since),
        sum(ledger.minutes),
        sum(ledger.amount),
        count(*),
        0,
        coalesce(sum(ledger.minutes) filter (where ledger.is_torn), 0),
        0,
        coalesce(sum(ledger.amount) filter (where ledger.is_torn), 0),
        count(*) filter (where ledger.is_torn)
    from ledger
    group by
        ledger.sync, ledger.legal_entity, ledger.destination, ledger.period, ledger.currency, ledger.bucket, ledger.reason, ledger.owner
    union all
    select
        'payroll_hours',
        hour.legal_entity,
        hour.destination,
        hour.period,
        null,
        'part',
        'held',
        hour.decision,
        {{ owner_of('hour.decision') }},
        min(hour.landed_at),
        sum(hour.due_minutes - hour.target_minutes),
        null,
        count(*),
        0,
        0,
        0,
        0,
        0
    from payroll_hours as hour
    where hour.desired_state <> 'held' and hour.due_minutes <> hour.target_minutes
    group by hour.legal_entity, hour.destination, hour.period, hour.decision
    union all
    select
        unmet.sync,
        unmet.legal_entity,
        unmet.destination,
        unmet.period,
        unmet.currency,
        'part',
        case when unmet.is_new then 'waiting' else 'unexplained' end,
        case when unmet.is_new then 'not planned yet' else 'no row of the ledger answers for it' end,
        'data engineering',
        min(unmet.landed_at),
        case when unmet.is_new then sum(unmet.minutes) else 0 end,
        case when unmet.is_new then sum(unmet.amount) else 0 end,
        count(*),
        case when unmet.is_new then 0 else sum(greatest(unmet.minutes, 0)) end,
        case when unmet.is_new then 0 else sum(greatest(-unmet.minutes, 0)) end,
        case when unmet.is_new then 0 else sum(greatest(unmet.amount, 0)) end,
        case when unmet.is_new then 0 else sum(greatest(-unmet.amount, 0)) end,
        case when unmet.is_new then 0 else count(*) end
    from unmet
    group by unmet.sync, unmet.legal_entity, unmet.destination, unmet.period, unmet.currency, unmet.is_new
),

-- Something in effect had no row in its sync view when it was planned: nothing was taken back, and a person must look.
alarm as (
    select
        exception.sync,
        exception.legal_entity,
        exception.destination,
        exception.period,
        exception.currency,
        exception.owner,
        min(exception.opened_at) as since,
        count(*) as alarms
    from {{ source('delivery', 'exception') }} as exception
    where
        exception.category = 'integrity'
        and exception.closed_at is null
        and exception.sync in ('erp_labor', 'payroll_hours')
    group by
        exception.sync, exception.legal_entity, exception.destination, exception.period, exception.currency, exception.owner
),

-- Line 5: what is posted against what the destination reports back.
line_5 as (
    select
        seen.sync,
        seen.legal_entity,
        seen.destination,
        seen.period,
        seen.currency,
        side.side,
        side.bucket,
        case when side.bucket = 'foreign row' and not seen.is_made_by_hand then 'before go-live' end as reason,
        case when seen.is_made_by_hand and side.side = 'part' and side.bucket <> 'read back' then 'billing operations' end as owner,
        min(seen.since) as since,
        sum(side.minutes) as minutes,
        sum(side.amount) as amount,
        count(*) as row_count,
        sum(side.under_minutes) as unexplained_under_minutes,
        sum(side.over_minutes) as unexplained_over_minutes,
        sum(side.under_amount) as unexplained_under_amount,
        sum(side.over_amount) as unexplained_over_amount,
        count(*) filter (where side.bucket = 'unexplained') as unexplained_rows,
        seen.is_made_by_hand and side.side = 'part' and side.bucket <> 'read back' as is_made_by_hand
    from {{ ref('int_statement_seen') }} as seen
    cross join
        lateral (
            select
                coalesce(seen.posted_minutes, 0) - coalesce(seen.seen_minutes, 0) as minutes,
                coalesce(seen.posted_amount, 0) - coalesce(seen.seen_amount, 0) as amount
        ) as difference
    cross join
        lateral (
            values
            ('total', 'posted', seen.posted_minutes, seen.posted_amount, 0, 0, 0, 0),
            ('part', 'read back', seen.seen_minutes, seen.seen_amount, 0, 0, 0, 0),
            (
                'part',
                case when seen.class not in ('the same', 'unexplained') then seen.class end,
                difference.minutes,
                difference.amount,
                0,
                0,
                0,
                0
            ),
            (
                'part',
                case when seen.class = 'unexplained' then 'unexplained' end,
                0,
                0,
                greatest(difference.minutes, 0),
                greatest(-difference.minutes, 0),
                greatest(difference.amount, 0),
                greatest(-difference.amount, 0)
            )
        ) as side (side, bucket, minutes, amount, under_minutes, over_minutes, under_amount, over_amount)
    where side.bucket is not null and side.minutes is not null
    group by seen.sync, seen.legal_entity, seen.destination, seen.period, seen.currency, side.side, side.bucket, seen.is_made_by_hand
),

statement as (
    select * from line_1
    union all
    select
        'source', missing.name, missing.resource, null, null, missing.period, 1, 'part', 'unexplained',
        'landed differs from what the source counts', 'data engineering', null, 0, null, null, 0,
        greatest(missing.missing_minutes, 0), greatest(-missing.missing_minutes, 0), 0, 0, abs(missing.missing_rows), false
    from line_1_unexplained as missing
    where missing.missing_rows <> 0 or abs(missing.missing_minutes) > missing.rounding_minutes
    union all
    select
        'source', line_2.name, 'time_entries', line_2.legal_entity, null, line_2.period, 2, line_2.side, line_2.bucket,
        line_2.reason, case line_2.bucket when 'not approved' then 'project managers' end, line_2.since,
        line_2.minutes, null, null, line_2.row_count,
        line_2.unexplained_minutes, 0, 0, 0, line_2.unexplained_rows, false
    from line_2
    union all
    select
        'sync', line_3.sync, null, line_3.legal_entity, line_3.destination, line_3.period, 3, line_3.side, line_3.bucket,
        line_3.reason, case line_3.bucket when 'not due' then 'data engineering' end, line_3.since,
        line_3.minutes, line_3.amount, line_3.currency,
        line_3.row_count, line_3.unexplained_under_minutes, line_3.unexplained_over_minutes, 0, 0, line_3.unexplained_rows, false
    from line_3
    union all
    select
        'sync', line_4.sync, null, line_4.legal_entity, line_4.destination, line_4.period, 4, line_4.side, line_4.bucket,
        line_4.reason, line_4.owner, line_4.since, line_4.minutes, line_4.amount, line_4.currency, line_4.row_count,
        line_4.unexplained_under_minutes, line_4.unexplained_over_minutes,
        line_4.unexplained_under_amount, line_4.unexplained_over_amount, line_4.unexplained_rows, false
    from line_4
    union all
    select
        'sync', alarm.sync, null, alarm.legal_entity, alarm.destination, alarm.period, 4, 'part', 'unexplained',
        'integrity alarm: in effect without a row in the sync view', alarm.owner, alarm.since,
        0, null, alarm.currency, alarm.alarms::bigint,
        0, 0, 0, 0, alarm.alarms, false
    from alarm
    union all
    select
        'sync', line_5.sync, null, line_5.legal_entity, line_5.destination, line_5.period, 5, line_5.side, line_5.bucket,
        line_5.reason, line_5.owner, line_5.since, line_5.minutes, line_5.amount, line_5.currency, line_5.row_count,
        line_5.unexplained_under_minutes, line_5.unexplained_over_minutes,
        line_5.unexplained_under_amount, line_5.unexplained_over_amount, line_5.unexplained_rows, line_5.is_made_by_hand
    from line_5
)

select
    statement.scope,
    statement.name,
    statement.resource,
    coalesce(statement.legal_entity, case when statement.line > 1 then 'unassigned' end) as legal_entity,
    statement.destination,
    statement.period,
    statement.line,
    statement.side,
    statement.bucket,
    statement.reason,
    statement.owner,
    statement.since,
    statement.minutes,
    statement.amount,
    statement.currency,
    statement.row_count::bigint as row_count,
    statement.unexplained_under_minutes,
    statement.unexplained_over_minutes,
    statement.unexplained_under_amount,
    statement.unexplained_over_amount,
    statement.unexplained_rows::bigint as unexplained_rows,
    statement.is_made_by_hand
from statement
