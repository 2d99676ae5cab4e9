"""The warehouse: roles and what they may, the one clock, migrations, and sentences for what cannot work."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from pydantic import SecretStr

from plumbing.errors import Misconfigured, Unavailable
from plumbing.settings import Settings
from plumbing.warehouse import ROLES, Role, Warehouse, migrate

pytestmark = pytest.mark.warehouse

LOGIN = "hourline_test_plain_login"
PASSWORD = "pl4in-login-pw"


def url_as(url: str, user: str, database: str | None = None) -> str:
    """The same server, another login and database."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(
        parts._replace(netloc=f"{user}:{PASSWORD}@{host}", path=f"/{database}" if database else parts.path)
    )


@pytest.mark.parametrize("role", ROLES)
def test_connection_takes_on_its_role_and_keeps_it_after_a_rollback(warehouse: Warehouse, role: Role) -> None:
    with warehouse.connect(role) as connection:
        connection.rollback()
        assert connection.execute("select current_user").fetchone() == (f"hourline_{role}",)
        assert connection.autocommit is False


def test_engine_and_address_take_on_the_role_too(warehouse: Warehouse) -> None:
    engine = warehouse.engine("deliver")
    with engine.connect() as connection:
        connection.rollback()
        assert connection.exec_driver_sql("select current_user").scalar() == "hourline_deliver"
    engine.dispose()
    with psycopg.connect(warehouse.url("load")) as connection:
        connection.rollback()
        assert connection.execute("select current_user").fetchone() == ("hourline_load",)


def test_autocommit_connection_commits(warehouse: Warehouse) -> None:
    with warehouse.connect("load", autocommit=True) as connection:
        connection.execute("create schema if not exists raw_autocommit")
    with warehouse.connect("load") as connection:
        assert connection.execute("select to_regnamespace('raw_autocommit') is not null").fetchone() == (True,)


@pytest.fixture(scope="module")
def tables(warehouse: Warehouse) -> Warehouse:
    """A table in every schema, made as its owner makes them."""
    with warehouse.connect(None, autocommit=True) as connection:
        for schema in ("landing", "vault", "delivery", "rule", "checks"):
            connection.execute(f"create table {schema}.thing (id bigint generated always as identity, n int)")
    with warehouse.connect("transform", autocommit=True) as connection:
        for schema in ("staging", "intermediate", "canonical", "sync", "marts"):
            connection.execute(f"create table {schema}.thing (id bigint generated always as identity, n int)")
    return warehouse


READERS = {
    "landing": {"load", "transform", "deliver", "operate"},
    "vault": {"load"},
    "delivery": {"deliver", "operate", "transform", "load"},
    "rule": {"transform", "operate", "deliver", "load"},
    "checks": {"load", "transform", "deliver", "operate"},
    "staging": {"transform", "deliver", "operate", "load"},
    "canonical": {"transform", "deliver", "operate", "load"},
    "sync": {"transform", "deliver", "operate", "load"},
    "marts": {"transform", "deliver", "operate", "load", "analyse"},
}
WRITERS = {
    "landing": {"load"},
    "vault": {"load"},
    "delivery": {"deliver", "operate"},
    "rule": {"transform", "operate"},
    "checks": {"load", "deliver", "operate"},
    "staging": {"transform"},
    "canonical": {"transform"},
    "sync": {"transform"},
    "marts": {"transform"},
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("schema", sorted(READERS))
def test_role_reads_and_writes_what_is_its_own_and_nothing_else(tables: Warehouse, schema: str, role: Role) -> None:
    def may(statement: str) -> bool:
        with tables.connect(role) as connection:
            try:
                connection.execute(statement)
            except InsufficientPrivilege:
                return False
            return True

    assert may(f"select * from {schema}.thing") == (role in READERS[schema])
    assert may(f"insert into {schema}.thing (n) values (1)") == (role in WRITERS[schema])


def test_nothing_is_deleted_from_the_ledger(tables: Warehouse) -> None:
    for role in ROLES:
        with tables.connect(role) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute("delete from delivery.thing")


def test_now_is_the_statement_unless_a_test_role_sets_it(warehouse: Warehouse) -> None:
    set_time = "select set_config('hourline.now', '2026-02-03 04:05:06+00', true)"
    with warehouse.connect("transform") as connection:
        assert connection.execute("select hourline.now() = statement_timestamp()").fetchone() == (True,)
        connection.execute(set_time)
        assert connection.execute("select hourline.now()").fetchone() == (datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),)
        connection.rollback()
        assert connection.execute("select hourline.now() = statement_timestamp()").fetchone() == (True,)
    with warehouse.connect(None, autocommit=True) as connection:
        connection.execute("revoke hourline_test from current_user")
    with warehouse.connect("transform") as connection:
        connection.execute(set_time)
        # A superuser too: nobody but a member of hourline_test sets the time.
        assert connection.execute("select hourline.now() = statement_timestamp()").fetchone() == (True,)
    with warehouse.connect(None, autocommit=True) as connection:
        connection.execute("grant hourline_test to current_user")


def test_migrating_again_changes_nothing(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.connect(None) as connection:
        before = connection.execute("select version_num from hourline.revision").fetchall()
        migrate(settings)
        assert connection.execute("select version_num from hourline.revision").fetchall() == before


@pytest.fixture
def plain_login(settings: Settings, server_url: str) -> Iterator[Settings]:
    """Settings of a login without superuser rights, with CREATEROLE, that owns its database."""
    database = "hourline_test_plain"
    with psycopg.connect(server_url, autocommit=True) as connection:
        for group in ("load", "transform", "deliver", "operate", "analyse", "test"):
            connection.execute(f"drop role if exists hourline_other_{group}")
        connection.execute(f"create role {LOGIN} login createrole password '{PASSWORD}'")
        # Where the groups were made by somebody else, an administrator lends them once, as the sentence says.
        connection.execute(
            "grant hourline_load, hourline_transform, hourline_deliver, hourline_operate, hourline_analyse"
            f" to {LOGIN} with admin option"
        )
        connection.execute(f"create database {database} owner {LOGIN}")
    yield replace(settings, warehouse_url=SecretStr(url_as(server_url, LOGIN, database)))
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"drop database {database} with (force)")
        connection.execute(f"drop owned by {LOGIN}")
        connection.execute(f"drop role {LOGIN}")


def test_login_with_createrole_that_owns_the_database_can_migrate_and_work(plain_login: Settings) -> None:
    warehouse = Warehouse.open(plain_login)
    warehouse.migrate()
    for role in ROLES:
        with warehouse.connect(role) as connection:
            assert connection.execute("select current_user").fetchone() == (f"hourline_{role}",)
    with warehouse.connect("transform") as connection:
        connection.execute("create view sync.thing as select 1 as n")
        connection.commit()
    with warehouse.connect("deliver") as connection:
        assert connection.execute("select n from sync.thing").fetchone() == (1,)


def test_login_that_may_not_migrate_is_told_what_it_needs(plain_login: Settings, server_url: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("alter database hourline_test_plain owner to current_user")
    with pytest.raises(
        Misconfigured, match=rf"login {LOGIN} may not migrate the warehouse: .*nothing was changed.*CREATEROLE"
    ):
        Warehouse.open(plain_login).migrate()


def test_login_without_a_role_is_told_which_grant_is_missing(plain_login: Settings, server_url: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"revoke hourline_deliver from {LOGIN} cascade")
    with pytest.raises(Misconfigured, match=rf"may not act as hourline_deliver\. .*GRANT hourline_deliver TO {LOGIN}"):
        Warehouse.open(plain_login).connect("deliver")


def test_many_migrations_at_once_are_one(settings: Settings, server_url: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("create database hourline_test_race")
    url = urlunsplit(urlsplit(server_url)._replace(path="/hourline_test_race"))
    warehouse = Warehouse.open(replace(settings, warehouse_url=SecretStr(url)))
    failures: list[BaseException] = []

    def run() -> None:
        try:
            warehouse.migrate()
        except BaseException as error:  # noqa: BLE001  shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("drop database hourline_test_race with (force)")
    assert failures == []


def test_unreachable_server_is_unavailable_without_the_password(settings: Settings) -> None:
    gone = replace(settings, warehouse_url=SecretStr("postgresql://me:hunter22@127.0.0.1:1/db"))
    with pytest.raises(Unavailable, match=r"The warehouse at 127\.0\.0\.1:1 cannot be reached") as caught:
        Warehouse.open(gone).connect("load")
    assert "hunter22" not in str(caught.value)


def test_missing_database_is_said(settings: Settings, server_url: str) -> None:
    url = urlunsplit(urlsplit(server_url)._replace(path="/no_such_database"))
    with pytest.raises(Misconfigured, match=r"no_such_database.* does not exist\. Create it"):
        Warehouse.open(replace(settings, warehouse_url=SecretStr(url))).connect("load")


def test_database_that_was_never_migrated_is_said(settings: Settings, server_url: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("create role hourline_missing_role")
        connection.execute("drop role hourline_missing_role")
    with pytest.raises(ValueError, match=r"no such role"):
        Warehouse.open(settings).connect("missing_role")  # type: ignore[arg-type]


def test_older_server_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psycopg.ConnectionInfo, "server_version", property(lambda _: 140009))
    with pytest.raises(Misconfigured, match=r"is PostgreSQL 14; Hourline needs 15 or newer"):
        Warehouse.open(settings).connect("load")


def test_dbt_reads_where_the_warehouse_is(warehouse: Warehouse) -> None:
    environment = warehouse.dbt_environment()
    with psycopg.connect(
        host=environment["HOURLINE_PG_HOST"],
        port=environment["HOURLINE_PG_PORT"],
        user=environment["HOURLINE_PG_USER"],
        password=environment["HOURLINE_PG_PASSWORD"],
        dbname=environment["HOURLINE_PG_DBNAME"],
        sslmode=environment["HOURLINE_PG_SSLMODE"],
    ) as connection:
        connection.execute("set role hourline_transform")
        assert connection.info.dbname == environment["HOURLINE_PG_DBNAME"]


def test_server_by_address_is_not_stopped(warehouse: Warehouse) -> None:
    assert warehouse.is_embedded is False
    assert warehouse.stop() is False
    warehouse.connect("load").close()


def test_no_session_of_ours_compiles_its_plans_and_options_of_the_address_stay(warehouse: Warehouse) -> None:
    with_options = Warehouse(f"{warehouse.url()}{'&' if '?' in warehouse.url() else '?'}options=-c%20work_mem%3D3MB")
    with with_options.connect("operate") as session:
        assert session.execute("select current_setting('jit'), current_setting('work_mem')").fetchone() == (
            "off",
            "3MB",
        )
    with psycopg.connect(warehouse.url("analyse")) as session:
        assert session.execute("select current_setting('jit'), current_user").fetchone() == ("off", "hourline_analyse")
    assert warehouse.dbt_environment()["PGOPTIONS"] == "-c jit=off"
