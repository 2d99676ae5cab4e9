-- What the source says it holds against what landed of it, by resource and work-date month.
with latest_total as (
    -- One asking covers all months of a resource; the last one counts.
    select
        asked.connection,
        asked.resource,
        asked.period,
        asked.source_count,
        asked.source_minutes,
        asked.asked_at
    from (
        select
            t.*,
            max(t.asked_at) over (partition by t.connection, t.resource) as last_asked_at
        from {{ source('landing', 'control_total') }} as t
    ) as asked
    where asked.asked_at = asked.last_asked_at
),

live as (
    select
        e.source_system as connection,
        'time_entries' as resource,
        e.source_id,
        date_trunc('month', e.work_date)::date as period,
        e.minutes
    from {{ ref('stg_kantata__time_entries') }} as e
    where not e.is_deleted
    union all
    select b.source_system, 'time_bills', b.source_id, date_trunc('month', b.work_date)::date, b.minutes
    from {{ ref('stg_netsuite__time_bills') }} as b
    where not b.is_deleted
    union all
    select s.source_system, 'time_sheets', s.source_id, null::date, s.minutes
    from {{ ref('stg_gusto__time_sheets') }} as s
    where not s.is_deleted
    union all
    select i.source_system, 'invoices', i.source_id, null::date, null::numeric
    from {{ ref('stg_netsuite__invoices') }} as i
    where not i.is_deleted
    {%- for resource, minutes in [
        ('timesheet_lines', 'r.minutes'), ('invoices', 'null::numeric'), ('invoice_lines', 'null::numeric'), ('payments', 'null::numeric'),
    ] if connections('tryton') %}
        union all
        select
            r.source_system,
            '{{ resource }}',
            r.source_id,
            {{ "date_trunc('month', r.work_date)::date" if resource == 'timesheet_lines' else 'null::date' }},
            {{ minutes }}
        from {{ ref('stg_tryton__' ~ resource) }} as r
        where not r.is_deleted
    {%- endfor %}
    union all
    select s.source_system, 'timesheet_submissions', s.source_id, null::date, null::numeric
    from {{ ref('stg_kantata__timesheet_submissions') }} as s
    where not s.is_deleted
    union all
    select c.source_system, c.resource, c.source_id, null::date, null::numeric
    from {{ source('landing', 'current_record') }} as c
    where
        not c.is_deleted
        -- What its list lacks and, by id, is neither shown nor called gone (an archived project, and its tasks) the source can't count.
        and not exists (
            select 1 from {{ source('landing', 'suspect') }} as s
            where
                s.connection = c.source_system
                and s.resource = c.resource
                and s.source_id = c.source_id
                and s.resolved_at is null
        )
),

held_back as (
    -- A record whose newest version did not fit still stands by its older one, and is counted there.
    select
        q.connection,
        q.resource,
        q.source_id,
        date_trunc('month', q.work_date)::date as period,
        q.minutes,
        q.reason,
        q.quarantined_at
    from {{ source('landing', 'quarantine') }} as q
    where
        q.resolved_at is null
        and not exists (
            select 1 from live
            where live.connection = q.connection and live.resource = q.resource and live.source_id = q.source_id
        )
),

-- A month the source was not asked for belongs to the rest, which it counts under no month.
asked_month as (
    select distinct
        t.connection,
        t.resource,
        t.period
    from latest_total as t
    where t.period is not null
),

counted as (
    select
        t.connection,
        t.resource,
        t.period,
        'source count' as bucket,
        null::text as reason,
        t.source_count as row_count,
        t.source_minutes as minutes,
        t.asked_at as since
    from latest_total as t
    union all
    select
        landed.connection,
        landed.resource,
        m.period,
        'landed',
        null,
        count(*),
        sum(landed.minutes),
        null
    from live as landed
    left join asked_month as m
        on landed.connection = m.connection and landed.resource = m.resource and landed.period = m.period
    group by landed.connection, landed.resource, m.period
    union all
    select
        q.connection,
        q.resource,
        m.period,
        'quarantined',
        q.reason,
        count(*),
        sum(q.minutes),
        min(q.quarantined_at)
    from held_back as q
    left join asked_month as m
        on q.connection = m.connection and q.resource = m.resource and q.period = m.period
    group by q.connection, q.resource, m.period, q.reason
)

select
    counted.connection,
    counted.resource,
    counted.period,
    counted.bucket,
    counted.reason,
    counted.row_count,
    counted.minutes,
    counted.since
from counted
where exists (
        select 1 from latest_total as t
        where t.connection = counted.connection and t.resource = counted.resource
    )
