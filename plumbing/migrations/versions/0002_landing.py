"""Landing: what every load leaves behind, the vault of personal values, and the functions that append to the change log.

Owner: ingest. The functions stand in the SQL file beside this one, since both lanes (the nightly read and a single
event) call them and dbt reads what they keep.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0002_landing"
down_revision = "0001_foundation"
branch_labels = None
depends_on = None

TABLES = """
create table landing.resource (
  connection text not null,
  resource text not null,
  system text not null,
  is_master boolean not null,
  work_date text,
  neighbourhoods jsonb not null default '[]',
  primary key (connection, resource)
);
comment on table landing.resource is
  'What the landing statement must know of a resource: its lane, where its work date is, the neighbourhoods it keeps.';

create table landing.current_record (
  source_system text not null,
  resource text not null,
  source_id text not null,
  version bigint not null,
  source_version timestamptz not null,
  is_deleted boolean not null,
  record jsonb not null,
  landed_at timestamptz not null,
  primary key (source_system, resource, source_id)
);
comment on table landing.current_record is 'The latest version of every master-data record; one row a key.';

create table landing.neighbourhood (
  source_system text not null,
  kind text not null,
  key_1 text not null,
  key_2 text not null default '',
  member_ids text[] not null,
  primary key (source_system, kind, key_1, key_2)
);
comment on table landing.neighbourhood is
  'Ids of the records that stand together, by their latest versions. A neighbourhood that lost its last member stays, empty.';

create table landing.load (
  load_id text primary key,
  run_id text not null,
  connection text not null,
  resource text not null,
  scope text not null check (scope in ('listing', 'changes', 'window', 'named')),
  status text not null check (status in ('running', 'landed', 'failed', 'stopped')),
  read_started_at timestamptz not null,
  finished_at timestamptz,
  rows_read bigint not null default 0,
  rows_landed bigint not null default 0,
  rows_quarantined bigint not null default 0,
  rows_tombstoned bigint not null default 0,
  minutes_read numeric,
  cursor_from text,
  cursor_to text,
  error text
);
create index load_by_resource on landing.load (connection, resource, read_started_at desc);

create table landing.control_total (
  control_total_id bigint generated always as identity primary key,
  connection text not null,
  resource text not null,
  period date,
  source_count bigint not null,
  source_minutes numeric,
  asked_at timestamptz not null,
  load_id text not null
);
create index control_total_latest on landing.control_total (connection, resource, period, asked_at desc);

create table landing.quarantine (
  quarantine_id bigint generated always as identity primary key,
  connection text not null,
  resource text not null,
  source_id text not null,
  load_id text not null,
  reason text not null,
  field text,
  record jsonb not null,
  quarantined_at timestamptz not null default clock_timestamp(),
  resolved_at timestamptz,
  work_date date,
  minutes numeric
);
create unique index quarantine_open on landing.quarantine (connection, resource, source_id) where resolved_at is null;

create table landing.suspect (
  suspect_id bigint generated always as identity primary key,
  connection text not null,
  resource text not null,
  source_id text not null,
  first_missed_at timestamptz not null,
  load_id text not null,
  resolved_at timestamptz,
  resolution text
);
create unique index suspect_open on landing.suspect (connection, resource, source_id) where resolved_at is null;

create table landing.schema_change (
  schema_change_id bigint generated always as identity primary key,
  connection text not null,
  resource text not null,
  field text not null,
  change text not null check (change in ('added', 'gone', 'retyped')),
  seen_type text not null,
  load_id text not null,
  seen_at timestamptz not null default clock_timestamp(),
  unique (connection, resource, field, change, seen_type)
);

create table landing.cursor (
  connection text not null,
  resource text not null,
  cursor_value text not null,
  load_id text not null,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (connection, resource)
);

create table vault.person_key (
  person_ref text primary key,
  wrapped_key bytea,
  created_at timestamptz not null default clock_timestamp(),
  destroyed_at timestamptz,
  check ((wrapped_key is null) = (destroyed_at is not null))
);
comment on table vault.person_key is 'The key of one person as one source knows them, wrapped by the master key; null once destroyed.';

create table vault.personal_value (
  token text not null,
  person_ref text not null,  -- of vault.person_key, made first; a foreign key would cost more than the row
  field text not null,
  ciphertext bytea not null,
  primary key (token, person_ref)
);
comment on table vault.personal_value is
  'One row a token and person: two people may share a name, and erasing one must not erase the other.';
"""

GRANTS = """
revoke execute on function landing.ensure_raw(text, text) from public;
grant execute on function landing.ensure_raw(text, text) to hourline_load, hourline_transform;
"""  # rights on tables are the schemas' defaults, see 0001


def upgrade() -> None:
    functions = Path(__file__).with_name("0002_landing.sql").read_text(encoding="utf-8")
    for statements in (TABLES, functions, GRANTS):
        # As it stands: no parameters, so that % and : in function bodies are left alone.
        op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    raise NotImplementedError("Landing keeps what was read from every source; it is not taken back by a downgrade.")
