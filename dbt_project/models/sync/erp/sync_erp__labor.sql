{% call(connection) per_connection('kantata') %}
select
    hour.source_system,
    hour.source_id,
    hour.chain_key,
    hour.destination,
    shown.legal_entity,
    hour.is_approved,
    hour.is_due,
    hour.not_due_rule,
    hour.desired_state,
    hour.decision as reason,
    case when hour.desired_state = 'held' then {{ owner_of('hour.decision') }} end as owner,
    shown.work_date,
    shown.period,
    shown.minutes,
    shown.amount,
    shown.currency,
    hour.fields,
    jsonb_build_object(
        'destination_state', hour.destination_state,
        'period_closed', hour.is_period_closed,
        'correction_date', hour.correction_date,
        'project_closed', hour.is_project_closed,
        'vendor_id', hour.settled_vendor_id,
        'posting_period', hour.posting_period,
        'version', hour.version
    )
    -- Of a held hour the source's own names too: what the destination doesn't know is called by them.
    || case
        when hour.desired_state = 'held' then jsonb_strip_nulls(jsonb_build_object(
            'user_id', hour.user_id,
            'workspace_id', hour.workspace_id,
            'story_id', hour.story_id,
            'work_type', coalesce(hour.work_type, hour.story_title)
        ))
        else '{}'
    end as context,
    jsonb_build_array(jsonb_build_object(
        'source_system', hour.source_system,
        'source_id', hour.source_id,
        'version', hour.version,
        'minutes', shown.minutes
    )) as members,
    jsonb_strip_nulls(jsonb_build_object(
        'approval', hour.approval_rule,
        'duplicate_of', hour.duplicate_of,
        'entity', hour.person_method,
        'employee', hour.employee_method,
        'work_type', hour.work_type_rule,
        'billing', hour.billing_type,
        'rate', hour.rate_rule,
        'rate_id', hour.rate_id,
        'rounding', case when hour.amount is not null then 'half away from zero' end,
        'decision', coalesce(hour.decision, 'approved and due')
    )) as rules,
    hour.version as landed_version,
    hour.landed_xid,
    hour.priced_landed_at as landed_at
from {{ ref('int_labor_decided') }} as hour
cross join lateral (
    -- Held for re-approval: due at what is in effect, until approved again.
    select
        kept.legal_entity,
        kept.work_date,
        kept.period,
        kept.minutes,
        kept.amount,
        kept.currency
    from (values
        (true, hour.base_legal_entity, hour.base_work_date, hour.base_period, hour.base_minutes, hour.base_amount, hour.base_currency),
        (false, hour.legal_entity, hour.work_date, hour.period, hour.minutes, hour.amount, hour.rate_currency)
    ) as kept (is_kept, legal_entity, work_date, period, minutes, amount, currency)
    where kept.is_kept = (coalesce(hour.decision = 're-approval', false) and hour.has_base)
) as shown
where hour.source_system = '{{ connection }}'
{% endcall %}
