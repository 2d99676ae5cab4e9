{% call(connection) per_connection('kantata') %}
select
    entry.source_system,
    entry.source_id,
    entry.user_id,
    entry.workspace_id,
    entry.story_id,
    entry.role_id,
    entry.notes_token,
    entry.work_date_text,
    entry.work_date,
    entry.minutes,
    entry.is_billable,
    entry.is_deleted,
    entry.created_at,
    entry.approval_state,
    entry.approval_rule,
    entry.resolved_at,
    day.duplicates ->> entry.source_id as duplicate_of,
    coalesce(day.minutes, 0) as day_minutes,
    entry.version,
    entry.source_version,
    entry.landed_xid,
    entry.landed_at
from {{ ref('int_time_entries_stated') }} as entry
left join lateral (
    -- The person's day: depends on person and date alone, so that one reading serves all its hours.
    with sibling as materialized (
        select
            member.source_id,
            member.workspace_id,
            member.story_id,
            member.role_id,
            member.notes_token,
            member.minutes,
            member.created_at
        from {{ source('landing', 'neighbourhood') }} as n
        cross join lateral (
            select stated.*
            from {{ ref('int_time_entries_stated') }} as stated
            where stated.source_system = '{{ connection }}' and stated.source_id = any(n.member_ids)
            offset 0
        ) as member
        where
            n.source_system = '{{ connection }}'
            and n.kind = 'person_day'
            and rule.person_day_id(n.key_1, n.key_2) = entry.user_id_and_date
            and member.approval_state not in ('deleted', 'rejected', 'cancelled')
    ),

    judged as materialized (
        select
            sibling.source_id,
            sibling.minutes,
            (
                -- ids are numbers of any length, so that the lowest is the shortest first
                select (array_agg(twin.source_id order by length(twin.source_id), twin.source_id))[1]
                from sibling as twin
                where
                    twin.source_id <> sibling.source_id
                    and twin.workspace_id is not distinct from sibling.workspace_id
                    and twin.story_id is not distinct from sibling.story_id
                    and twin.role_id is not distinct from sibling.role_id
                    and twin.minutes = sibling.minutes
                    and twin.notes_token is not distinct from sibling.notes_token
                    and twin.created_at between sibling.created_at - interval '10 minutes'
                    and sibling.created_at + interval '10 minutes'
                    and {{ comes_before(connection, 'twin.source_id', 'sibling.source_id') }}
            ) as duplicate_of
        from sibling
    )

    select
        sum(judged.minutes) filter (where judged.duplicate_of is null) as minutes,
        jsonb_object_agg(judged.source_id, judged.duplicate_of) filter (where judged.duplicate_of is not null) as duplicates
    from judged
) as day on true
where entry.source_system = '{{ connection }}'
{% endcall %}
