{% call(connection) per_connection('kantata') %}
select
    '{{ connection }}'::text as source_system,
    candidate.user_id as source_id,
    candidate.role_id,
    candidate.email_token,
    greatest(candidate.landed_at, worker.landed_at) as landed_at,
    worker.source_system as hr_system,
    worker.worker_id,
    worker.employee_number,
    worker.worker_type,
    worker.hr_company_code,
    coalesce(worker.employee_number_key, candidate.reference_key) as employee_number_key,
    case
        when worker.worker_id is null then null
        when candidate.decided_id is not null then 'approved suggestion'
        when candidate.numbered_id is not null and worker.employee_number ~ '{{ var("employee_number_format") }}' then 'exact'
        else 'rule'
    end as method,
    case
        when worker.worker_id is null then null
        when candidate.decided_id is not null then 'decision'
        when candidate.numbered_id is not null then 'employee number'
        else 'e-mail'
    end as matched_on,
    case when worker.worker_id is not null then candidate.decided_by end as decided_by,
    case when worker.worker_id is not null then candidate.decided_at end as decided_at
from (
    select
        person.user_id,
        person.role_id,
        person.email_token,
        person.landed_at,
        reference.number_key as reference_key,
        decision.target_system as decided_system,
        decision.target_id as decided_id,
        decision.decided_by,
        decision.decided_at,
        numbered.source_system as numbered_system,
        numbered.worker_id as numbered_id,
        mailed.source_system as mailed_system,
        mailed.worker_id as mailed_id
    from {{ ref('stg_kantata__users') }} as person
    left join lateral ({{ decision_of('consultant', connection, 'person.user_id', 'workday') }}) as decision on true
    left join lateral ({{ reference_of(connection, 'User', 'person.user_id', 'hris', 'employee') }}) as reference on true
    -- A number or an address that two workers share matches neither.
    left join lateral (
        select min(w.source_system) as source_system, min(w.worker_id) as worker_id
        from {{ ref('stg_workday__workers') }} as w
        where w.employee_number_key = reference.number_key and not w.is_deleted
        having count(*) = 1
    ) as numbered on true
    left join lateral (
        select min(w.source_system) as source_system, min(w.worker_id) as worker_id
        from {{ ref('stg_workday__workers') }} as w
        where w.email_token = person.email_token and not w.is_deleted
        having count(*) = 1
    ) as mailed on true
    where person.source_system = '{{ connection }}'
) as candidate
left join {{ ref('stg_workday__workers') }} as worker
    on
        worker.source_system = coalesce(candidate.decided_system, candidate.numbered_system, candidate.mailed_system)
        and worker.worker_id = coalesce(candidate.decided_id, candidate.numbered_id, candidate.mailed_id)
{% endcall %}
