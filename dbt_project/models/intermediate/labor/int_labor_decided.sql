{% call(connection) per_connection('kantata') %}
select
    decided.*,
    case
        when decided.decision is null then 'present'
        when decided.decision in (
            'deleted', 'duplicate', 'rejected', 'cancelled', 're-approval limit',
            'leave', 'non_billable', 'no_destination', 'before_go_live'
        ) then 'void'
        else 'held'
    end as desired_state,
    case
        when decided.decision in ('leave', 'non_billable', 'no_destination', 'before_go_live') then decided.decision
    end as not_due_rule,
    case
        when decided.decision in ('deleted', 'duplicate', 'rejected', 'cancelled', 're-approval limit') then false
        when decided.decision = 're-approval' then decided.has_base
        else true
    end as is_approved,
    case
        when decided.decision in (
            'deleted', 'duplicate', 'rejected', 'cancelled', 're-approval limit',
            'leave', 'non_billable', 'no_destination', 'before_go_live'
        ) then false
        when decided.decision = 're-approval' then decided.has_base
        else true
    end as is_due
from (
    select
        faced.*,
        ruled.decision
    from (
        select
            hour.*,
            material.fields,
            limits.max_day_minutes,
            limits.max_entry_minutes,
            hour.has_base and hourline.now() > hour.landed_at
            + make_interval(days => limits.reapproval_limit_days::integer) as is_past_reapproval_limit,
            hour.has_base and coalesce(
                hour.base_fingerprint = delivery.fingerprint(
                    hour.base_contract_version, delivery.material(material.fields, contract.material_fields)
                ), false
            ) as is_in_effect_as_is
        from {{ ref('int_labor_placed') }} as hour
        left join {{ source('delivery', 'contract') }} as contract
            on contract.sync = 'erp_labor' and hour.base_contract_version = contract.version
        cross join lateral ({{ limits_of('hour.legal_entity') }}) as limits
        cross join lateral (
            select jsonb_build_object(
                'employee_ref', hour.employee_ref,
                'project_ref', hour.project_ref,
                'task_ref', hour.task_ref,
                'item_ref', hour.item_ref,
                'work_date', hour.work_date_text,
                'minutes', {{ canonical_number('hour.minutes') }},
                'is_billable', hour.posts_as_billable_time,
                'rate', {{ canonical_number('hour.rate') }},
                'currency', hour.rate_currency
            ) as fields
            offset 0
        ) as material
        where hour.source_system = '{{ connection }}'
    ) as faced
    -- `offset 0`: worked out once a row, not once for every column that asks for it.
    cross join lateral (
        select case
            when faced.approval_state = 'deleted' then 'deleted'
            when faced.duplicate_of is not null then 'duplicate'
            when faced.approval_state in ('rejected', 'cancelled') then faced.approval_state
            when faced.approval_state <> 'approved' and faced.is_past_reapproval_limit then 're-approval limit'
            when faced.approval_state <> 'approved' then 're-approval'
            when faced.legal_entity is null then 'legal entity unresolved'
            when faced.is_leave then 'leave'
            when not faced.is_billable or not faced.is_due_to_erp then 'non_billable'
            when faced.destination is null then 'no_destination'
            when
                not faced.has_base and not coalesce(faced.is_taken_back, false) and coalesce(faced.work_date < faced.go_live_date, true)
                then 'before_go_live'
            -- What is in effect as it stands, or was adopted, has nothing in its way.
            when faced.is_in_effect_as_is or faced.is_adopted then null
            when faced.minutes <= 0 or faced.minutes > faced.max_entry_minutes then 'minutes out of range'
            when faced.day_minutes > faced.max_day_minutes then 'day total over limit'
            when faced.employee_ref is null then 'unknown employee'
            when not faced.has_project then 'project deleted'
            when faced.project_ref is null then 'unknown project'
            when faced.story_title is not null and faced.task_ref is null and faced.is_task_by_rate is not true then 'unknown phase'
            when faced.is_due_to_erp is null then 'unknown billing type'
            when faced.item_ref is null and faced.is_task_by_rate is not true then 'unknown work type'
            when faced.posts_as_billable_time and faced.rate is null then 'rate missing'
            when faced.posts_as_billable_time and faced.minor_units is null then 'unknown currency'
            when faced.is_task_by_rate and faced.task_ref is null then 'unknown task for rate'
            -- In effect and changed: the engine asks for a reversal, or for the invoice to be finished. What was taken back
            -- goes into the month that takes its correction.
            when faced.is_period_closed and not faced.has_base and faced.correction_date is null then 'period closed'
            when faced.is_project_closed then 'project closed'
        end as decision
        offset 0
    ) as ruled
) as decided
{% endcall %}
