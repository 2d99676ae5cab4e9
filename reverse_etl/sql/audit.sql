-- name: take_turn
-- One sealer at a time; the next one sees what this one wrote.
select pg_advisory_xact_lock(hashtextextended('delivery.seal', 0));

-- name: head
-- The end of the chain, and the last sealed row that is still there: from it on, what is unsealed is looked for.
select coalesce(h.position, 0) as position, h.hash, l.kind, l.row_id, cast(l.xid as text) as xid,
       cast(pg_snapshot_xmin(pg_current_snapshot()) as text) as horizon,
       r.position as restart_position, coalesce(r.event_floor, 0) as event_floor, coalesce(r.request_floor, 0) as request_floor,
       coalesce(r.attempt_floor, 0) as attempt_floor
from (values (1)) one
left join lateral (select position, hash from delivery.seal order by position desc limit 1) h on true
left join lateral (
    select s.position, s.kind, s.row_id, coalesce(e.xid, q.xid, a.xid) as xid
    from delivery.seal s
    left join delivery.event e on s.kind = 1 and e.event_id = s.row_id
    left join delivery.request q on s.kind = 2 and q.call_id = s.row_id / 2
        and q.phase = case s.row_id % 2 when 1 then 'answered' else 'asked' end
    left join delivery.attempt a on s.kind = 3 and a.attempt_id = s.row_id
    where coalesce(e.xid, q.xid, a.xid) is not null
    order by s.position desc limit 1
) l on true
left join lateral (select * from delivery.seal_restart order by restart_id desc limit 1) r on true;

-- name: unsealed
-- In the order of (transaction, kind, id), beginning after the last sealed row, below the oldest transaction still running.
select kind, row_id, sealed from (
    (select 1 as kind, event_id as row_id, xid as place, delivery.sealed_text(e) as sealed
     from delivery.event e
     where (xid, event_id) > (cast(%(xid)s as xid8), %(after_1)s) and xid >= cast(%(from)s as xid8) and xid < cast(%(to)s as xid8)
         and event_id > %(event_floor)s
     order by xid, event_id limit %(limit)s)
    union all
    (select 2, call_id * 2 + (phase = 'answered')::integer, xid, delivery.sealed_text(q)
     from delivery.request q
     where (xid, (call_id * 2 + (phase = 'answered')::integer)) > (cast(%(xid)s as xid8), %(after_2)s)
         and xid >= cast(%(from)s as xid8) and xid < cast(%(to)s as xid8)
         and call_id * 2 + (phase = 'answered')::integer > %(request_floor)s
     order by xid, (call_id * 2 + (phase = 'answered')::integer) limit %(limit)s)
    union all
    (select 3, attempt_id, xid, delivery.sealed_text(a)
     from delivery.attempt a
     where (xid, attempt_id) > (cast(%(xid)s as xid8), %(after_3)s) and xid >= cast(%(from)s as xid8) and xid < cast(%(to)s as xid8)
         and attempt_id > %(attempt_floor)s
     order by xid, attempt_id limit %(limit)s)
) rows order by place, kind, row_id limit %(limit)s;

-- name: restart
insert into delivery.seal_restart (position, event_floor, request_floor, attempt_floor)
select coalesce(max(position), 0), coalesce(max(row_id) filter (where kind = 1), 0), coalesce(max(row_id) filter (where kind = 2), 0),
       coalesce(max(row_id) filter (where kind = 3), 0)
from delivery.seal;

-- name: chain
select s.position, s.kind, s.row_id, s.hash,
       case s.kind
           when 1 then case when e.event_id is not null then delivery.sealed_text(e) end
           when 2 then case when q.call_id is not null then delivery.sealed_text(q) end
           else case when a.attempt_id is not null then delivery.sealed_text(a) end
       end as sealed
from delivery.seal s
left join delivery.event e on s.kind = 1 and e.event_id = s.row_id
left join delivery.request q on s.kind = 2 and q.call_id = s.row_id / 2
    and q.phase = case s.row_id %% 2 when 1 then 'answered' else 'asked' end
left join delivery.attempt a on s.kind = 3 and a.attempt_id = s.row_id
order by s.position;

-- name: strangers
-- Rows without a seal where all rows have one: before the last sealed one.
select kind, row_id from (
    (select 1 as kind, e.event_id as row_id from delivery.event e
     where (e.event_id <= %(event_floor)s or (e.xid, e.event_id) <= (cast(%(xid)s as xid8), %(after_1)s))
         and not exists (select from delivery.seal s where s.kind = 1 and s.row_id = e.event_id) order by 2 limit 1)
    union all
    (select 2, q.call_id * 2 + (q.phase = 'answered')::integer from delivery.request q
     where (q.call_id * 2 + (q.phase = 'answered')::integer <= %(request_floor)s
            or (q.xid, (q.call_id * 2 + (q.phase = 'answered')::integer)) <= (cast(%(xid)s as xid8), %(after_2)s))
         and not exists (select from delivery.seal s
                         where s.kind = 2 and s.row_id = q.call_id * 2 + (q.phase = 'answered')::integer) order by 2 limit 1)
    union all
    (select 3, a.attempt_id from delivery.attempt a
     where (a.attempt_id <= %(attempt_floor)s or (a.xid, a.attempt_id) <= (cast(%(xid)s as xid8), %(after_3)s))
         and not exists (select from delivery.seal s where s.kind = 3 and s.row_id = a.attempt_id) order by 2 limit 1)
) found order by kind, row_id limit 1;

-- name: twice
select kind, row_id, max(position) as position from delivery.seal group by kind, row_id having count(*) > 1 order by 3 limit 1;

-- name: tail
select (select count(*) from delivery.event where (xid, event_id) > (cast(%(xid)s as xid8), %(after_1)s)
            and event_id > %(event_floor)s)
     + (select count(*) from delivery.request
        where (xid, (call_id * 2 + (phase = 'answered')::integer)) > (cast(%(xid)s as xid8), %(after_2)s)
            and call_id * 2 + (phase = 'answered')::integer > %(request_floor)s)
     + (select count(*) from delivery.attempt where (xid, attempt_id) > (cast(%(xid)s as xid8), %(after_3)s)
            and attempt_id > %(attempt_floor)s);

-- name: intents
-- What was meant to be written: its material fields against its own fingerprint, and that against the event of its planning.
select intent_id, what from (
    (select i.intent_id, 'was edited: its fields are not those of its fingerprint' as what from delivery.intent i
     where i.fingerprint is distinct from delivery.fingerprint(i.contract_version, i.fields) order by i.intent_id limit 1)
    union all
    (select i.intent_id, 'is not the one that was planned: no event of its planning has its fingerprint' from delivery.intent i
     where not exists (select from delivery.event e where e.subject = 'intent:' || i.intent_id
                       and (e.detail ->> 'fingerprint' = i.fingerprint or e.verb = 'adopted' and i.is_adopted))
     order by i.intent_id limit 1)
    union all
    (select cast(split_part(e.subject, ':', 2) as bigint), 'was deleted: the event of its planning is there' from delivery.event e
     where e.subject like 'intent:%%' and (e.detail ? 'fingerprint' or e.verb = 'adopted')
         and not exists (select from delivery.intent i where e.subject = 'intent:' || i.intent_id)
     order by e.event_id limit 1)
) found order by intent_id limit 1;
