-- A name that may stand in an identifier: what a configuration calls a connection, what a source calls a resource.
create function landing.assert_name(p_name text) returns void language plpgsql immutable as $$
begin
  if p_name !~ '^[a-z][a-z0-9_]{0,49}$' then
    raise exception 'not a name for a connection or resource: %', quote_literal(p_name)
      using hint = 'Use lower-case letters, digits and underscores, starting with a letter, at most 50 of them.';
  end if;
end $$;

-- Makes raw_<connection>.<resource> and the stage schema, once. The loader may add rows and never change or remove one.
create function landing.ensure_raw(p_connection text, p_resource text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set client_min_messages = warning as $$
declare
  v_schema text := 'raw_' || p_connection;
  v_stage text := 'stage_' || p_connection;
begin
  perform landing.assert_name(p_connection);
  perform landing.assert_name(p_resource);
  perform pg_advisory_xact_lock(hashtextextended('landing.ensure_raw', 0));
  if to_regclass(format('%I.%I', v_schema, p_resource)) is not null then
    return;
  end if;
  execute format('create schema if not exists %I', v_schema);
  execute format('create schema if not exists %I', v_stage);
  execute format(
    'create table %I.%I (
       version bigint generated always as identity primary key,
       source_id text not null,
       source_version timestamptz not null default ''-infinity'',
       read_started_at timestamptz not null,
       load_id text not null,
       is_deleted boolean not null default false,
       content_hash text not null,
       record jsonb not null,
       landed_at timestamptz not null default clock_timestamp(),
       landed_xid xid8 not null default pg_current_xact_id()
     )', v_schema, p_resource);
  execute format(
    'create index %I on %I.%I (source_id, source_version desc, read_started_at desc, version desc)',
    p_resource || '_latest', v_schema, p_resource);
  execute format('grant usage, create on schema %I to hourline_load', v_stage);
  execute format('grant usage on schema %I to hourline_load, hourline_transform, hourline_deliver, hourline_operate', v_schema);
  execute format('grant select, insert on %I.%I to hourline_load', v_schema, p_resource);
  execute format('grant select on %I.%I to hourline_transform, hourline_deliver, hourline_operate', v_schema, p_resource);
end $$;

-- Appends the stage of one load to the change log and keeps everything that hangs on it.
--
-- A staged row is appended when its content differs from the version before it, in order of (source version, read
-- start, place in the stage); the version before the first staged one is the latest version landed. A row older than
-- that latest version is kept once and never becomes the latest. One transaction at a time for each connection, so
-- every version above the one that was highest at the start is this load's.
--
-- Returns one row: rows staged, appended, of these stale, of these tombstones.
create function landing.append(p_connection text, p_resource text, p_load_id text)
returns table (rows_staged bigint, rows_landed bigint, rows_stale bigint, rows_tombstoned bigint)
language plpgsql set work_mem = '64MB' set jit = off as $$
declare
  v_resource landing.resource;
  v_raw text := format('%I.%I', 'raw_' || p_connection, p_resource);
  v_stage text := format('%I.%I', 'stage_' || p_connection, p_resource);
  v_highest bigint;
begin
  select * into v_resource from landing.resource r where r.connection = p_connection and r.resource = p_resource;
  if not found then
    raise exception 'resource % of connection % is not declared', p_resource, p_connection
      using hint = 'ingest.ensure() declares every resource of every configured connection.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('landing.append ' || p_connection, 0));
  execute format('analyze %s', v_stage);
  execute format('select coalesce(max(version), 0) from %s', v_raw) into v_highest;

  execute format($statement$
    with staged as materialized (
      select s.seq, s.source_id, coalesce(s.source_version, '-infinity') as source_version, s.read_started_at,
             s.is_deleted, s.content_hash
      from %1$s as s
      where s.load_id = $1
    ),
    prior as materialized (
      select latest.*
      from (select distinct staged.source_id from staged) as key
      cross join lateral (
        select r.source_id, r.source_version, r.read_started_at, r.content_hash
        from %2$s as r
        where r.source_id = key.source_id
        order by r.source_version desc, r.read_started_at desc, r.version desc
        limit 1
      ) as latest
    ),
    placed as (
      select staged.*, prior.content_hash as prior_hash,
             coalesce(
               (staged.source_version, staged.read_started_at) < (prior.source_version, prior.read_started_at), false
             ) as is_stale
      from staged
      left join prior on prior.source_id = staged.source_id
    ),
    stepped as (
      select placed.*,
             lag(placed.content_hash, 1, placed.prior_hash) over (
               partition by placed.source_id, placed.is_stale
               order by placed.source_version, placed.read_started_at, placed.seq) as hash_before
      from placed
    ),
    chosen as (
      select seq, source_id, source_version, read_started_at, is_deleted, content_hash, is_stale
      from stepped
      where not is_stale and content_hash is distinct from hash_before
      union all
      (select distinct on (late.source_id, late.source_version, late.content_hash)
              late.seq, late.source_id, late.source_version, late.read_started_at, late.is_deleted, late.content_hash, true
       from stepped as late
       where late.is_stale and not exists (
         select from %2$s as r
         where r.source_id = late.source_id and r.source_version = late.source_version
           and r.content_hash = late.content_hash)
       order by late.source_id, late.source_version, late.content_hash, late.seq)
    ),
    inserted as (
      insert into %2$s (source_id, source_version, read_started_at, load_id, is_deleted, content_hash, record)
      select chosen.source_id, chosen.source_version, chosen.read_started_at, $1, chosen.is_deleted, chosen.content_hash,
             stage.record::jsonb
      from chosen
      join %1$s as stage on stage.seq = chosen.seq and stage.load_id = $1
      order by chosen.source_version, chosen.read_started_at, chosen.seq
    )
    select (select count(*) from staged), count(*), count(*) filter (where is_stale),
           count(*) filter (where is_deleted and not is_stale)
    from chosen
  $statement$, v_stage, v_raw) into rows_staged, rows_landed, rows_stale, rows_tombstoned using p_load_id;

  if rows_landed > 0 and v_resource.is_master then
    perform landing.keep_current(p_connection, p_resource, v_highest);
  end if;
  if rows_landed > 0 and v_resource.neighbourhoods <> '[]' then
    perform landing.keep_neighbourhoods(p_connection, p_resource, v_resource.neighbourhoods, v_highest);
  end if;
  execute format($statement$
    with key as materialized (
      select source_id, bool_or(is_deleted) as is_deleted from %1$s where load_id = $3 group by source_id
    ),
    mended as (
      update landing.quarantine as q set resolved_at = clock_timestamp()
      from key
      where q.connection = $1 and q.resource = $2 and q.source_id = key.source_id and q.resolved_at is null
    )
    update landing.suspect as s
    set resolved_at = clock_timestamp(), resolution = case when key.is_deleted then 'deleted' else 'seen again' end
    from key
    where s.connection = $1 and s.resource = $2 and s.source_id = key.source_id and s.resolved_at is null
  $statement$, v_stage) using p_connection, p_resource, p_load_id;
  return next;
end $$;

-- Brings landing.current_record up to the latest version of every key that has a version above p_highest.
create function landing.keep_current(p_connection text, p_resource text, p_highest bigint) returns void
language plpgsql as $$
begin
  execute format($statement$
    insert into landing.current_record
      (source_system, resource, source_id, version, source_version, is_deleted, record, landed_at)
    select $1, $2, latest.source_id, latest.version, latest.source_version, latest.is_deleted, latest.record, latest.landed_at
    from (select distinct r.source_id from %1$s as r where r.version > $3) as key
    cross join lateral (
      select r.* from %1$s as r
      where r.source_id = key.source_id
      order by r.source_version desc, r.read_started_at desc, r.version desc
      limit 1
    ) as latest
    on conflict (source_system, resource, source_id) do update
    set version = excluded.version, source_version = excluded.source_version, is_deleted = excluded.is_deleted,
        record = excluded.record, landed_at = excluded.landed_at
  $statement$, format('%I.%I', 'raw_' || p_connection, p_resource)) using p_connection, p_resource, p_highest;
end $$;

-- Takes every key that has a version above p_highest out of the neighbourhoods it stood in, and puts it where it stands
-- now. p_rules: [{"kind", "key_1", "key_2"}], the keys as JSON paths into the record; key_1 may name many values.
create function landing.keep_neighbourhoods(p_connection text, p_resource text, p_rules jsonb, p_highest bigint)
returns void language plpgsql as $$
begin
  execute format($statement$
    with key as materialized (
      select distinct r.source_id from %1$s as r where r.version > $3
    ),
    side as (
      select now_latest.source_id, now_latest.record, now_latest.is_deleted, true as stands
      from key
      cross join lateral (
        select r.source_id, r.record, r.is_deleted from %1$s as r
        where r.source_id = key.source_id
        order by r.source_version desc, r.read_started_at desc, r.version desc
        limit 1
      ) as now_latest
      union all
      select then_latest.source_id, then_latest.record, then_latest.is_deleted, false
      from key
      cross join lateral (
        select r.source_id, r.record, r.is_deleted from %1$s as r
        where r.source_id = key.source_id and r.version <= $3
        order by r.source_version desc, r.read_started_at desc, r.version desc
        limit 1
      ) as then_latest
    ),
    rule as (
      select n.kind, n.key_1::jsonpath as key_1, coalesce(n.key_2, '$.no_such_key')::jsonpath as key_2
      from jsonb_to_recordset($2) as n (kind text, key_1 text, key_2 text)
    ),
    touched as (
      select rule.kind, landing.reference(found.value) as key_1,
             coalesce(jsonb_path_query_first(side.record, rule.key_2, '{}', true) #>> '{}', '') as key_2,
             side.source_id, side.stands
      from side
      cross join rule
      cross join lateral jsonb_path_query(side.record, rule.key_1, '{}', true) as found (value)
      where not side.is_deleted
    ),
    regrouped as (
      select kind, key_1, key_2, array_agg(source_id) as changed,
             coalesce(array_agg(source_id) filter (where stands), '{}') as standing
      from touched
      where key_1 is not null
      group by kind, key_1, key_2
    )
    insert into landing.neighbourhood (source_system, kind, key_1, key_2, member_ids)
    select $1, g.kind, g.key_1, g.key_2,
           array(select unnest(n.member_ids) except select unnest(g.changed) union select unnest(g.standing) order by 1)
    from regrouped as g
    left join landing.neighbourhood as n
      on n.source_system = $1 and n.kind = g.kind and n.key_1 = g.key_1 and n.key_2 = g.key_2
    on conflict (source_system, kind, key_1, key_2) do update set member_ids = excluded.member_ids
  $statement$, format('%I.%I', 'raw_' || p_connection, p_resource)) using p_connection, p_rules, p_highest;
end $$;

-- What a JSON value refers to: itself, or its id where a vendor writes references as objects.
create function landing.reference(p_value jsonb) returns text language sql immutable parallel safe as $$
  select nullif(case when jsonb_typeof(p_value) = 'object' then p_value ->> 'id' else p_value #>> '{}' end, '')
$$;

-- Stages a tombstone for each live record of the given ids: the last record again, marked deleted, in the place of its
-- own source version. landing.append() then treats it like any row. Returns how many were staged.
create function landing.stage_tombstones(
  p_connection text, p_resource text, p_load_id text, p_source_ids text[], p_read_started_at timestamptz)
returns bigint language plpgsql as $$
declare
  v_staged bigint;
begin
  perform landing.assert_name(p_connection);
  perform landing.assert_name(p_resource);
  execute format($statement$
    insert into %1$I.%2$I (seq, source_id, source_version, read_started_at, load_id, is_deleted, content_hash, record)
    select -row_number() over (order by latest.source_id), latest.source_id, latest.source_version, $3, $2, true,
           landing.tombstone_hash(latest.content_hash), latest.record::text
    from unnest($1) as wanted (source_id)
    cross join lateral (
      select r.* from %3$I.%2$I as r
      where r.source_id = wanted.source_id
      order by r.source_version desc, r.read_started_at desc, r.version desc
      limit 1
    ) as latest
    where not latest.is_deleted
  $statement$, 'stage_' || p_connection, p_resource, 'raw_' || p_connection)
  using p_source_ids, p_load_id, p_read_started_at;
  get diagnostics v_staged = row_count;
  return v_staged;
end $$;

-- The content hash of a deleted record, from the keyed hash of the record itself.
create function landing.tombstone_hash(p_content_hash text) returns text language sql immutable parallel safe as $$
  select encode(sha256(convert_to('deleted ' || p_content_hash, 'UTF8')), 'hex')
$$;

-- The live keys of a resource, by their latest versions, with their work dates where the resource has them.
create function landing.live(p_connection text, p_resource text)
returns table (source_id text, work_date date) language plpgsql stable set jit = off as $$
declare
  v_work_date text;
begin
  perform landing.assert_name(p_connection);
  perform landing.assert_name(p_resource);
  select r.work_date into v_work_date from landing.resource r where r.connection = p_connection and r.resource = p_resource;
  return query execute format($statement$
    select latest.source_id, case when latest.work_date ~ '^\d{4}-\d{2}-\d{2}' then left(latest.work_date, 10)::date end
    from (
      select distinct on (r.source_id) r.source_id, r.is_deleted, %3$s as work_date
      from %1$I.%2$I as r
      order by r.source_id, r.source_version desc, r.read_started_at desc, r.version desc
    ) as latest
    where not latest.is_deleted
  $statement$, 'raw_' || p_connection, p_resource, coalesce(format('r.record ->> %L', v_work_date), 'null::text'));
end $$;
