{%- set order_of_rules -%}
array[
    'deleted', 'moved', 'duplicate', 'rejected', 'cancelled', 're-approval limit', 'legal entity unresolved', 'leave', 'subcontractor',
    'no_destination', 'before_go_live', 'minutes out of range', 'day total over limit', 're-approval'
]
{%- endset -%}
{% call(connection) per_connection('kantata') %}
select
    weighed.*,
    case
        when weighed.state_by_hours = 'present' and weighed.day_hold is not null then 'held'
        else weighed.state_by_hours
    end as desired_state,
    case weighed.state_by_hours
        when 'present' then weighed.day_hold
        when 'held' then weighed.held_reason
        else coalesce(weighed.void_reason, 'nothing left')
    end as reason,
    case
        when weighed.state_by_hours = 'present' and weighed.day_hold is null then weighed.target_minutes
        when weighed.state_by_hours = 'void' then weighed.live_minutes
        else weighed.due_minutes
    end as minutes
from (
    select
        faced.*,
        -- Something to send is sent; hours held meanwhile stay at what is in effect of them, and are counted as held.
        case
            when faced.has_due_held_hours and faced.target_minutes = faced.base_minutes then 'held'
            when faced.has_held_hours and faced.target_minutes = 0 and not faced.has_base then 'held'
            when faced.target_minutes <> 0 then 'present'
            else 'void'
        end as state_by_hours,
        case
            when faced.has_base and faced.is_in_effect_as_is then null
            when faced.employee_ref is null or faced.job_ref is null then 'unknown employee'
            when faced.pay_period_start is null then 'no pay period'
            -- In effect and changed: the engine makes a proposal of it.
            when faced.is_period_closed and not faced.has_base then 'period closed'
        end as day_hold
    from (
        select
            day.*,
            tally.*,
            coalesce(
                day.base_fingerprint = delivery.fingerprint(
                    day.base_contract_version,
                    delivery.material({{ payroll_fields('day', 'tally.target_minutes') }}, contract.material_fields)
                ), false
            ) as is_in_effect_as_is
        from {{ ref('int_payroll_days_placed') }} as day
        left join {{ source('delivery', 'contract') }} as contract
            on contract.sync = 'payroll_hours' and day.base_contract_version = contract.version
        cross join lateral (
            select
                coalesce(sum(hour.minutes) filter (where coalesce(hour.decision, '') not in ('deleted', 'moved')), 0) as live_minutes,
                coalesce(sum(hour.approved_minutes), 0) as approved_minutes,
                coalesce(sum(hour.due_minutes), 0) as due_minutes,
                coalesce(sum(hour.target_minutes), 0) as target_minutes,
                coalesce(sum(hour.base_minutes), 0) as base_minutes,
                coalesce(bool_or(hour.is_approved), false) as is_approved,
                coalesce(bool_or(hour.is_due), false) as is_due,
                coalesce(bool_or(hour.desired_state = 'held'), false) as has_held_hours,
                coalesce(bool_or(hour.desired_state = 'held' and hour.is_due), false) as has_due_held_hours,
                (
                    array_agg(hour.decision order by array_position({{ order_of_rules }}, hour.decision))
                    filter (where hour.desired_state = 'held')
                )[1] as held_reason,
                (
                    array_agg(hour.decision order by array_position({{ order_of_rules }}, hour.decision) desc)
                    filter (where hour.desired_state = 'void')
                )[1] as void_reason,
                coalesce(jsonb_agg(jsonb_build_object(
                    'source_id', hour.entry_id,
                    'version', hour.version,
                    'minutes', hour.minutes,
                    'approved_minutes', hour.approved_minutes,
                    'due_minutes', hour.due_minutes,
                    'target_minutes', hour.target_minutes,
                    'decision', hour.decision,
                    'desired_state', hour.desired_state,
                    'approval', hour.approval_rule
                ) order by hour.entry_id), '[]') as hours,
                max(hour.version) as landed_version,
                max(hour.landed_xid) as landed_xid,
                max(hour.facts_landed_at) as landed_at
            from (
                select
                    judged.*,
                    case
                        when judged.desired_state = 'void' and not judged.is_not_due then false
                        when judged.decision = 're-approval' then judged.base_minutes <> 0
                        else true
                    end as is_approved,
                    judged.desired_state <> 'void' and (judged.decision is distinct from 're-approval' or judged.base_minutes <> 0) as is_due,
                    case
                        when judged.desired_state = 'void' and not judged.is_not_due then 0
                        when judged.decision = 're-approval' then judged.base_minutes
                        else judged.minutes
                    end as approved_minutes,
                    case
                        when judged.desired_state = 'void' then 0
                        when judged.decision = 're-approval' then judged.base_minutes
                        else judged.minutes
                    end as due_minutes,
                    case judged.desired_state
                        when 'present' then judged.minutes
                        when 'held' then judged.base_minutes
                        else 0
                    end as target_minutes
                from (
                    select
                        ruled.*,
                        coalesce(ruled.decision in ('leave', 'subcontractor', 'no_destination', 'before_go_live'), false) as is_not_due,
                        case
                            when ruled.decision is null then 'present'
                            when ruled.decision in ('re-approval', 'legal entity unresolved', 'minutes out of range', 'day total over limit') then 'held'
                            else 'void'
                        end as desired_state
                    from (
                        select
                            entry.source_id as entry_id,
                            entry.version,
                            entry.minutes,
                            entry.approval_rule,
                            entry.landed_xid,
                            entry.landed_at,
                            entry.facts_landed_at,
                            coalesce((day.base_minutes_by_entry ->> entry.source_id)::numeric, 0) as base_minutes,
                            case
                                when entry.approval_state = 'deleted' then 'deleted'
                                when entry.duplicate_of is not null then 'duplicate'
                                when entry.approval_state in ('rejected', 'cancelled') then entry.approval_state
                                when
                                    entry.approval_state <> 'approved'
                                    and day.base_minutes_by_entry ? entry.source_id
                                    and hourline.now() > entry.landed_at
                                    + make_interval(days => day.reapproval_limit_days::integer)
                                    then 're-approval limit'
                                when entry.approval_state <> 'approved' then 're-approval'
                                when entry.user_id <> day.user_id or entry.work_date <> day.work_date then 'moved'
                                when day.legal_entity is null then 'legal entity unresolved'
                                when entry.is_leave then 'leave'
                                when day.worker_type = 'Contingent_Worker' then 'subcontractor'
                                when day.destination is null then 'no_destination'
                                when not day.has_base and coalesce(day.work_date < day.go_live_date, true) then 'before_go_live'
                                when entry.minutes <= 0 or entry.minutes > day.max_entry_minutes then 'minutes out of range'
                                when entry.day_minutes > day.max_day_minutes then 'day total over limit'
                            end as decision
                        from {{ ref('int_labor_resolved') }} as entry
                        where
                            entry.source_system = '{{ connection }}'
                            -- Those that stand on the day, and those that its time sheet still holds.
                            and entry.source_id = any(
                                array(
                                    select unnest(day.member_ids)
                                    union
                                    select jsonb_object_keys(day.base_minutes_by_entry)
                                )
                            )
                        offset 0
                    ) as ruled
                ) as judged
            ) as hour
        ) as tally
        where day.source_system = '{{ connection }}'
    ) as faced
) as weighed
{% endcall %}
