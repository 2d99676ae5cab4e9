-- What the ledger holds of every chain: what is in effect, and what each unsettled intent adds and takes.
with settled as (
    select
        chain.sync,
        chain.source_system,
        chain.chain_key,
        chain.destination,
        chain.settled_minutes,
        chain.settled_amount,
        chain.settled_period,
        chain.settled_legal_entity,
        chain.settled_vendor_id,
        intent.intent_id,
        intent.is_adopted,
        intent.legal_entity,
        intent.period,
        intent.minutes,
        intent.amount,
        intent.currency,
        intent.state,
        intent.state_since
    from {{ source('delivery', 'chain') }} as chain
    inner join {{ source('delivery', 'intent') }} as intent on chain.settled_intent_id = intent.intent_id
    where chain.sync in ('erp_labor', 'payroll_hours')
)

select
    settled.sync,
    settled.source_system,
    settled.chain_key,
    settled.destination,
    settled.legal_entity,
    settled.period,
    case settled.state when 'by_file' then 'handed over by file' else 'posted' end as bucket,
    null::text as reason,
    null::text as owner,
    settled.state_since as since,
    settled.minutes,
    settled.amount,
    settled.currency,
    -- The chain keeps a copy of what is in effect. Where the two disagree, somebody wrote into the ledger.
    (
        settled.settled_minutes is distinct from settled.minutes
        or settled.settled_amount is distinct from settled.amount
        or settled.settled_period is distinct from settled.period
        or settled.settled_legal_entity is distinct from settled.legal_entity
        or settled.state not in ('acknowledged', 'by_file')
        -- What was sent was answered, by the vendor and under that id; an adopted hour never was sent.
        or (
            settled.state = 'acknowledged'
            and not settled.is_adopted
            and not exists (
                select 1
                from {{ source('delivery', 'attempt') }} as attempt
                where
                    attempt.intent_id = settled.intent_id
                    and attempt.outcome = 'acknowledged'
                    and attempt.vendor_id is not distinct from settled.settled_vendor_id
            )
        )
    ) as is_torn
from settled
union all
select
    effect.sync,
    effect.source_system,
    effect.chain_key,
    effect.destination,
    effect.legal_entity,
    effect.period,
    case
        when effect.state in ('planned', 'sending') then 'waiting'
        when effect.state = 'accepted' then 'awaiting effect'
        when effect.state in ('in_doubt', 'unknown') then 'in doubt'
        else effect.state
    end as bucket,
    coalesce(
        effect.reason,
        case effect.state
            when 'planned' then 'to be sent'
            when 'sending' then 'being sent'
            when 'accepted' then 'awaiting effect there'
            when 'in_doubt' then 'answer lost'
            when 'unknown' then 'outcome unknown'
        end
    ) as reason,
    coalesce(effect.owner, 'data engineering') as owner,
    effect.state_since as since,
    effect.minutes,
    effect.amount,
    effect.currency,
    false as is_torn
from {{ source('delivery', 'intent_effect') }} as effect
where effect.sync in ('erp_labor', 'payroll_hours')
