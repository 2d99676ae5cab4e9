-- name: take_turn
-- One process decides at a time; sending is shared by claims.
select pg_advisory_xact_lock(hashtextextended('delivery.notify', 0));

-- name: open_episodes
insert into delivery.cause (cause_key, episode, sync, destination, category, cause, subject_kind, subject, owner, opened_at)
select o.cause_key, coalesce((select max(c.episode) from delivery.cause c where c.cause_key = o.cause_key), 0) + 1, o.sync, o.destination,
       o.category, o.cause, o.subject_kind, o.subject, o.owner, o.first_seen_at
from delivery.ops_causes o
where not exists (select from delivery.cause c where c.cause_key = o.cause_key and c.solved_at is null);

-- name: solve_episodes
update delivery.cause c set solved_at = hourline.now()
where c.solved_at is null
    and not exists (select from delivery.exception x where x.cause_key = c.cause_key and x.closed_at is null);

-- name: drop_stale
-- What was never sent says nothing true any more once its cause is solved.
update delivery.notification n set state = 'dropped'
from delivery.cause c
where c.cause_key = n.cause_key and c.episode = n.episode and c.solved_at is not null
    and n.state = 'asked' and n.kind <> 'solved';

-- name: close_untold
-- Solved before anybody heard of it, or opened again before its closing note was due: nothing is said.
update delivery.cause c set is_closed = true
where c.solved_at is not null and not c.is_closed
    and (not exists (select from delivery.notification n where n.cause_key = c.cause_key and n.episode = c.episode
                     and n.state in ('sent', 'sending'))
         or exists (select from delivery.cause later where later.cause_key = c.cause_key and later.episode > c.episode));

-- name: due_messages
-- At most one message a cause and interval, over its episodes.
with policy as (
    select coalesce(delivery.policy('notify_interval_hours'), 4) as interval_hours,
           coalesce(delivery.policy('notify_growth_factor'), 2) as growth
), spoken as (
    select cause_key, max(told_at) as told_at from delivery.cause
    where cause_key in (select cause_key from delivery.cause where not is_closed) group by cause_key
)
select c.cause_key, c.episode, c.step + 1 as step, c.sync, c.destination, c.category, c.cause, c.subject_kind, c.subject,
       coalesce(o.owner, c.owner) as owner, c.opened_at, c.solved_at, coalesce(o.exceptions, 0) as exceptions,
       coalesce(o.minutes, 0) as minutes, coalesce(o.money, '{}') as money, o.due_at, coalesce(o.is_overdue, false) as is_overdue, k.kind
from delivery.cause c
cross join policy p
left join delivery.ops_causes o on o.cause_key = c.cause_key and c.solved_at is null
join spoken s on s.cause_key = c.cause_key
cross join lateral (select case
    when c.solved_at is not null then 'solved'
    when c.step = 0 then 'opened'
    when o.is_overdue and not c.is_told_overdue then 'overdue'
    when o.exceptions >= c.told_rows * p.growth then 'grown'
end as kind) k
where not c.is_closed and k.kind is not null
    and (s.told_at is null or s.told_at + make_interval(secs => p.interval_hours * 3600) <= hourline.now())
order by c.opened_at, c.cause_key;

-- name: ask
insert into delivery.notification (cause_key, episode, step, kind, channel, title, body, asked_at, next_attempt_at)
values (:cause_key, :episode, :step, :kind, :channel, :title, :body, hourline.now(), hourline.now());

-- name: told
update delivery.cause
set step = :step, told_at = hourline.now(), told_rows = :exceptions, is_told_overdue = is_told_overdue or :is_overdue,
    is_closed = is_closed or :kind = 'solved', owner = :owner
where cause_key = :cause_key and episode = :episode;

-- name: give_up_interrupted
-- Sent twice, maybe, and nobody can tell: it is not sent a third time.
update delivery.notification set state = 'failed', last_error = 'interrupted twice while it was sent'
where state = 'sending' and lease_until < hourline.now() and interruptions >= 1;

-- name: claim
update delivery.notification n
set state = 'sending', attempts = n.attempts + 1, interruptions = n.interruptions + (n.state = 'sending')::integer,
    lease_until = hourline.now() + make_interval(secs => :lease_seconds)
where n.notification_id = (
    select d.notification_id from delivery.notification d
    where (d.state = 'asked' and d.next_attempt_at <= hourline.now() or d.state = 'sending' and d.lease_until < hourline.now())
        and d.channel <> all(cast(:silent as text[]))
    order by d.notification_id limit 1 for update skip locked)
returning n.notification_id, n.channel, n.kind, n.title, n.body, n.attempts, n.interruptions;

-- name: sent
update delivery.notification set state = 'sent', sent_at = hourline.now(), lease_until = null, last_error = null
where notification_id = :notification_id and state = 'sending' and attempts = :attempts;

-- name: not_sent
update delivery.notification
set state = case when attempts >= :most_attempts then 'failed' else 'asked' end, lease_until = null, last_error = :error,
    next_attempt_at = hourline.now() + make_interval(secs => :wait_seconds)
where notification_id = :notification_id and state = 'sending' and attempts = :attempts;

-- name: count_waiting
select count(*) from delivery.notification where state in ('asked', 'sending');
