-- name: lock
-- No writer is half-way: whoever makes a create due after this sees the guard.
lock table delivery.intent in share row exclusive mode;

-- name: open_epoch
insert into delivery.epoch (epoch, opened_by, why)
select max(e.epoch) + 1, :actor, :why from delivery.epoch e
returning epoch;

-- name: guard
insert into delivery.recovery (epoch, destination, opened_at)
select :epoch, d.destination, hourline.now()
from (select unnest(cast(:destinations as text[])) as destination
      union select c.destination from delivery.chain c where c.destination is not null
      union select i.destination from delivery.intent i
            where i.destination is not null and i.state in ('planned', 'held', 'refused')) d
returning destination;

-- name: skip_revisions
-- Request keys of the lost time may have been used with other content: none of them is given out again.
update delivery.chain set revision = revision + :gap;

-- name: doubt_planned
-- The trigger of the guard turns each of them into a doubt.
update delivery.intent set state = state where state = 'planned' and operation in ('create', 'repost');

-- name: told
insert into delivery.event (actor, verb, subject, detail)
values (:actor, :verb, 'epoch:' || cast(:epoch as integer), cast(:detail as jsonb));

-- name: open_guards
select r.epoch, r.destination, r.opened_at, r.opened_real_at, e.why
from delivery.recovery r join delivery.epoch e using (epoch)
where r.covered_at is null order by r.destination, r.epoch;

-- name: unread
-- Resources of a destination that were not read whole again since the epoch opened.
select r.resource from landing.resource r
where r.connection = :destination
    and not exists (select from landing.load l
                    where l.connection = r.connection and l.resource = r.resource and l.status = 'landed'
                        and l.scope in ('listing', 'changes') and l.read_started_at > cast(:since as timestamptz))
order by 1;

-- name: unknown_there
-- Records there under a key of ours that this ledger does not know to be there.
select t.vendor_id, t.record_key from ({readback}) t
where t.record_key ~ '-g[0-9]+$'
    and not exists (select from delivery.intent i
                    where i.sync = :sync and i.record_key = t.record_key
                        and i.state in ('acknowledged', 'by_file', 'sending', 'accepted', 'in_doubt', 'unknown'))
order by t.record_key, t.vendor_id;

-- name: cover
update delivery.recovery set covered_at = hourline.now(), covered_by = :actor, covered_why = :why
where destination = :destination and covered_at is null
returning epoch;
