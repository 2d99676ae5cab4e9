"""The warehouse: PostgreSQL, embedded or by address, entered as one of five roles.

Every connection takes on the group role of its work (``hourline_load``, …) right after connecting, so that what a room
may do is decided by rights in the database. Anything from PostgreSQL 15 up is taken, anything older is refused.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from plumbing import embedded, log
from plumbing.errors import Misconfigured, Unavailable
from plumbing.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    import sqlalchemy

    from plumbing.settings import Settings

_log = log.get(__name__)

Role = Literal["load", "transform", "deliver", "operate", "analyse"]
ROLES: tuple[Role, ...] = get_args(Role)
OLDEST_VERSION = 150000  # as PostgreSQL numbers itself: 15.0
CONNECT_SECONDS = 15
# The statement's plan costs minutes to compile and seconds to run; every server but the embedded one compiles by default.
NO_JIT = "-c jit=off"
MIGRATION_LOCK = 0x686F75726C696E65  # "hourline": one migration at a time in a database
_MIGRATIONS = Path(__file__).resolve().parent / "migrations"


class Warehouse:
    """One database. Cheap to open; holds no connection open by itself."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        self._url = url
        self._folder = folder

    @classmethod
    def open(cls, settings: Settings) -> Warehouse:
        """The configured warehouse; the embedded server is started if it is not running.

        Raises:
            Misconfigured, Unavailable: with what to do.
        """
        if settings.warehouse_url is not None:
            return cls(settings.warehouse_url.get_secret_value())
        folder = settings.home / "warehouse"
        return cls(embedded.start(folder).url(), folder)

    @property
    def is_embedded(self) -> bool:
        """Whether the server is ours to stop."""
        return self._folder is not None

    def url(self, role: Role | None = None) -> str:
        """libpq address, with the password if it has one: for drivers only, never for a log.

        With a role the server takes it on when a session begins, for drivers that cannot be told to.
        """
        if role is None:
            return self._url
        from urllib.parse import quote

        option = quote(f"-c role={_group(role)} {NO_JIT}", safe="")
        return f"{self._url}{'&' if '?' in self._url else '?'}options={option}"

    def connect(self, role: Role | None, autocommit: bool = False) -> psycopg.Connection[Any]:
        """A new connection; the caller closes it. ``role=None`` is the login itself, for migrations.

        Raises:
            Unavailable: no server answers.
            Misconfigured: the login, its rights or the server's version will not do.
        """
        connection = self._login(autocommit)
        if role is None:
            return connection
        try:
            self._take_role(connection, role)
        except BaseException:
            connection.close()
            raise
        return connection

    def engine(self, role: Role | None = None) -> sqlalchemy.Engine:
        """A SQLAlchemy engine whose connections take on the role."""
        import sqlalchemy

        # `creator` gives every pooled connection the same checks and sentences as `connect`.
        return sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: self.connect(role), pool_pre_ping=True)

    def migrate(self) -> None:
        """Bring the database to the newest revision, in one transaction, one process at a time."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        engine = self.engine(role=None)
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql("select pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
                config.attributes["connection"] = connection
                with self._rights_told("migrate the warehouse"):
                    command.upgrade(config, "head")
        finally:
            engine.dispose()

    def dbt_environment(self) -> dict[str, str]:
        """What profiles/profiles.yml reads; dbt takes on the role transform."""
        found = _conninfo(self._url)
        wanted = {
            "HOURLINE_PG_HOST": found.get("host", "localhost"),
            "HOURLINE_PG_PORT": found.get("port", "5432"),
            "HOURLINE_PG_USER": found.get("user", ""),
            "HOURLINE_PG_PASSWORD": found.get("password", ""),
            "HOURLINE_PG_DBNAME": found.get("dbname", found.get("user", "")),
            "HOURLINE_PG_SSLMODE": found.get("sslmode", "prefer"),
            "HOURLINE_PG_SSLROOTCERT": found.get("sslrootcert", ""),
            "PGOPTIONS": NO_JIT,  # libpq's own; a profile has no word for it
        }
        return {name: str(value) for name, value in wanted.items()}

    def stop(self) -> bool:
        """Stop the embedded server; True if it was running. A server by address is left alone."""
        return embedded.stop(self._folder) if self._folder is not None else False

    def _login(self, autocommit: bool) -> psycopg.Connection[Any]:
        import psycopg

        found = _conninfo(self._url)
        where = f"{found.get('host', 'localhost')}:{found.get('port', 5432)}"
        found.setdefault("connect_timeout", CONNECT_SECONDS)
        found.setdefault("application_name", "hourline")
        found["options"] = f"{found.get('options', '')} {NO_JIT}".strip()
        try:
            connection = psycopg.connect(autocommit=autocommit, **found)
        except psycopg.OperationalError as error:
            raise _no_connection(error, where) from None
        if connection.info.server_version < OLDEST_VERSION:
            version = connection.info.server_version // 10000
            connection.close()
            raise Misconfigured(
                f"The warehouse at {where} is PostgreSQL {version}; Hourline needs 15 or newer.",
                remedy="Point HOURLINE_WAREHOUSE_URL at a newer server, or leave it unset for the embedded one.",
            )
        return connection

    def _take_role(self, connection: psycopg.Connection[Any], role: Role) -> None:
        import psycopg

        group = _group(role)
        user = connection.info.user
        was_autocommit = connection.autocommit
        connection.autocommit = True  # the role must outlive a rollback
        try:
            connection.execute(f"set role {group}")  # one of five fixed names
        except psycopg.errors.InvalidParameterValue:
            raise Misconfigured(
                f"The role {group} does not exist in the warehouse.",
                remedy="Run `hourline init`; it prepares the database.",
            ) from None
        except psycopg.errors.InsufficientPrivilege:
            raise Misconfigured(
                f"The warehouse login {user} may not act as {group}.",
                remedy=f"Have an administrator run: GRANT {group} TO {user};",
            ) from None
        connection.autocommit = was_autocommit

    @contextlib.contextmanager
    def _rights_told(self, what: str) -> Iterator[None]:
        import psycopg
        import sqlalchemy.exc

        try:
            yield
        except sqlalchemy.exc.ProgrammingError as error:
            if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
                raise
            user = _conninfo(self._url).get("user", "")
            raise Misconfigured(
                f"The warehouse login {user} may not {what}: {error.orig.diag.message_primary}; nothing was changed.",
                remedy="It must own the database and have CREATEROLE, and ADMIN OPTION on the hourline_ roles that are "
                "there already; or be a superuser.",
            ) from None


def migrate(settings: Settings) -> None:
    """Open the configured warehouse and bring it to the newest revision."""
    Warehouse.open(settings).migrate()


def _group(role: Role) -> str:
    if role not in ROLES:
        raise ValueError(f"no such role: {role}")
    return f"hourline_{role}"


def _conninfo(url: str) -> dict[str, Any]:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        return conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise Misconfigured(
            f"The warehouse address cannot be read: {redact(str(error)).splitlines()[0]}.",
            remedy="Write postgresql://user:password@host:5432/database, special characters percent-encoded.",
        ) from None


def _no_connection(error: Exception, where: str) -> Misconfigured | Unavailable:
    words = (
        redact(str(error)).strip().splitlines()[-1].strip().rstrip(".") if str(error).strip() else type(error).__name__
    )
    told = words.rsplit("FATAL:", 1)[-1].strip()
    lowered = told.lower()
    if "authentication failed" in lowered or "no pg_hba.conf entry" in lowered or "no password supplied" in lowered:
        return Misconfigured(
            f"The warehouse at {where} did not accept the login: {told}.",
            remedy="Check user and password in HOURLINE_WAREHOUSE_URL.",
        )
    if "does not exist" in lowered and ("database" in lowered or "role" in lowered):
        return Misconfigured(
            f"The warehouse at {where} said: {told}.", remedy="Create it, or correct HOURLINE_WAREHOUSE_URL."
        )
    if "permission denied for database" in lowered:
        return Misconfigured(
            f"The warehouse at {where} did not let the login in: {told}.", remedy="Grant it CONNECT on the database."
        )
    return Unavailable(
        f"The warehouse at {where} cannot be reached: {told}.",
        remedy="Check that the server runs and HOURLINE_WAREHOUSE_URL is right, then run again.",
    )
