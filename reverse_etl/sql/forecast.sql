-- name: cutoffs
create temporary table new_cutoff on commit drop as
select k.legal_entity, k.period_end, k.deadline_at, rule.cutoff_at(:role, k.legal_entity, k.period_end, k.deadline_at) as cutoff_at
from (select distinct n.legal_entity, n.period_end, n.deadline_at from new_intent n where n.period_end is not null) k;

-- name: backlog
-- What a push will have to send once this plan is written, by cut-off, nearest first.
select w.destination, w.cutoff_at, w.cutoff_at at time zone 'UTC' as cutoff_utc, count(*) as intents, sum(abs(w.minutes)) as minutes,
       extract(epoch from w.cutoff_at - hourline.now()) as seconds_left
from (
    select i.destination, i.cutoff_at, i.delta_minutes as minutes
    from delivery.intent i
    where i.sync = :sync and i.state = 'planned' and not exists (select from new_intent n where n.chain_key = i.chain_key)
    union all
    select n.destination, c.cutoff_at, n.minutes - coalesce(n.base_minutes, 0)
    from new_intent n
    left join new_cutoff c on c.legal_entity = n.legal_entity and c.period_end = n.period_end
        and coalesce(c.deadline_at, 'infinity') = coalesce(n.deadline_at, 'infinity')
    where n.state = 'planned'
) w
where w.destination is not null
group by w.destination, w.cutoff_at
order by w.destination, w.cutoff_at nulls last;

-- name: pace
-- How the destination answered lately: seconds of one HTTP call, HTTP calls of one send, intents of one send. Of the newest
-- sends only, so that no history, however long, is read for want of one that reached the vendor.
select count(*) as sends, avg(l.seconds) as seconds, avg(l.calls) as calls, avg(l.intent_count) as intents
from (
    select r.intent_count, jsonb_array_length(r.http_calls) as calls,
           (select avg(cast(h ->> 'ms' as numeric)) / 1000 from jsonb_array_elements(r.http_calls) h) as seconds
    from (
        select n.intent_count, n.http_calls, n.at
        from delivery.request n
        where n.destination = :destination and n.at > clock_timestamp() - interval '7 days'
            and n.phase = 'answered' and n.kind = 'send'
        order by n.at desc limit 2000
    ) r
    where jsonb_array_length(r.http_calls) > 0
    order by r.at desc limit 500
) l;

