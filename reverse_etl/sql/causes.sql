-- name: list_causes
select cause_key, sync, destination, category, cause, subject_kind, subject, owner, example, exceptions, minutes, money,
       first_seen_at, last_seen_at, age, due_at, is_overdue, under_way, replayable
from delivery.ops_causes
where (cast(:sync as text) is null or sync = :sync)
    and (cast(:cause as text) is null or cause_key = :cause or cause = :cause)
    and (cast(:owner as text) is null or owner = :owner)
order by is_overdue desc nulls last, minutes desc, sync, cause, subject;

-- name: list_exceptions
select exception_id, cause_key, intent_id, sync, destination, source_system, source_id, category, cause, subject_kind, subject, owner,
       message, money, currency, minutes, legal_entity, period, work_date, state, opened_at, last_seen_at, closed_at, closed_reason,
       replay_count
from delivery.ops_exceptions
where (is_open or not :open_only) and (cast(:sync as text) is null or sync = :sync)
    and (cast(:cause as text) is null or cause_key = :cause or cause = :cause)
    and (cast(:owner as text) is null or owner = :owner)
order by exception_id;
