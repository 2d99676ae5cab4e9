"""Group roles, schemas, their rights, and the one clock that views and leases read.

Group roles stand in the whole server, so they may be there already, made by another database's migration. Works as a
superuser and as a login that has CREATEROLE and owns the database. There is no way down: roles and schemas hold data.
"""

from alembic import op

revision = "0001_foundation"
down_revision = None
branch_labels = None
depends_on = None

ROLES = ("load", "transform", "deliver", "operate", "analyse", "test")

# A role may have been made a moment ago by a migration of another database; then it is just there.
MAKE_ROLE = """
do $$
begin
    if not exists (select from pg_roles where rolname = 'hourline_{role}') then
        create role hourline_{role} nologin;
    end if;
exception when duplicate_object or unique_violation then
    null;
end $$
"""
# Where the login is no superuser it must be able to act as the role, and to own things through it.
JOIN_ROLE = """
do $$
begin
    if not pg_has_role(current_user, 'hourline_{role}', 'member') then
        execute format('grant hourline_{role} to %I', current_user);
    elsif current_setting('server_version_num')::int >= 160000 then
        if not pg_has_role(current_user, 'hourline_{role}', 'set') then  -- a privilege that 15 does not know
            execute format('grant hourline_{role} to %I with set true, inherit true', current_user);
        end if;
    end if;
end $$
"""

OUR_SCHEMAS = ("landing", "vault", "delivery", "rule", "checks")  # tables by Alembic, owned by the login
DBT_SCHEMAS = ("staging", "intermediate", "canonical", "sync", "marts")  # owned by transform

# schema -> role -> rights on its tables, present and future. What is not named is not granted; `vault` is load's alone.
READ = "select"
WRITE = "select, insert, update"
CHANGE = "select, insert, update, delete"
RIGHTS = {
    "landing": {"load": CHANGE, "transform": READ, "deliver": READ, "operate": READ},
    "vault": {"load": CHANGE},
    "delivery": {"deliver": WRITE, "operate": WRITE, "transform": READ, "load": READ},
    "rule": {"transform": CHANGE, "operate": WRITE, "deliver": READ, "load": READ},
    "checks": {"load": WRITE, "transform": READ, "deliver": WRITE, "operate": WRITE},
    "staging": {"deliver": READ, "operate": READ, "load": READ},
    "intermediate": {"deliver": READ, "operate": READ, "load": READ},
    "canonical": {"deliver": READ, "operate": READ, "load": READ},
    "sync": {"deliver": READ, "operate": READ, "load": READ},
    "marts": {"deliver": READ, "operate": READ, "load": READ, "analyse": READ},
}


def upgrade() -> None:
    for role in ROLES:
        op.execute(MAKE_ROLE.format(role=role))
    for role in ROLES[:-1]:  # nobody joins `test` by a migration: it may set the clock
        op.execute(JOIN_ROLE.format(role=role))
    _allow_new_schemas()
    for schema in OUR_SCHEMAS:
        op.execute(f"create schema if not exists {schema}")
    for schema in DBT_SCHEMAS:
        op.execute(f"create schema if not exists {schema} authorization hourline_transform")
    for schema, grants in RIGHTS.items():
        for role, rights in grants.items():
            _grant(schema, role, rights)
    op.execute("grant create on schema rule to hourline_transform")  # the stage tables of the rule seeds
    _make_clock()


def _allow_new_schemas() -> None:
    """load makes raw schemas and dlt's stage, transform what dbt adds beside its own."""
    op.execute(
        "do $$ begin execute format('grant create, temporary on database %I to hourline_load, hourline_transform', "
        "current_database()); end $$"
    )


def _grant(schema: str, role: str, rights: str) -> None:
    owner = "for role hourline_transform " if schema in DBT_SCHEMAS else ""
    future = f"alter default privileges {owner}in schema {schema} grant"
    op.execute(f"grant usage on schema {schema} to hourline_{role}")
    op.execute(f"{future} {rights} on tables to hourline_{role}")
    if rights != READ:
        op.execute(f"{future} usage, select on sequences to hourline_{role}")


def _make_clock() -> None:
    roles = ", ".join(f"hourline_{role}" for role in ROLES)
    op.execute(f"grant usage on schema hourline to {roles}")
    # Membership is looked up in the catalogue: pg_has_role says yes to a superuser whatever was granted.
    op.execute("""
        create or replace function hourline.may_set_now() returns boolean language sql stable parallel safe as $$
            with recursive held as (
                select m.roleid from pg_auth_members m join pg_roles r on r.oid = m.member
                where r.rolname = session_user
                union
                select m.roleid from pg_auth_members m join held on held.roleid = m.member
            )
            select exists (select from held join pg_roles r on r.oid = held.roleid where r.rolname = 'hourline_test')
        $$
    """)
    op.execute("""
        create or replace function hourline.now() returns timestamptz language sql stable parallel safe as $$
            select case
                when coalesce(current_setting('hourline.now', true), '') = '' then statement_timestamp()
                when hourline.may_set_now() then current_setting('hourline.now', true)::timestamptz
                else statement_timestamp()
            end
        $$
    """)
    op.execute(
        "comment on function hourline.now() is "
        "'The present for views and leases: the setting hourline.now for hourline_test, else the statement''s start.'"
    )
