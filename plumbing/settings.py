"""The only reader of the environment, and the one place where configuration is decided.

``HOURLINE_HOME``, ``HOURLINE_CONFIG``, ``HOURLINE_WAREHOUSE_URL``, ``HOURLINE_RULES_DIR`` and
``HOURLINE_SECRET__<CONNECTION>__<FIELD>``; everything else stands in ``hourline.toml`` and ``secrets.toml``.
What is wrong is said in one sentence (`Misconfigured`), never by a traceback, and never with a secret in it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import tomllib
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbing import catalog
from plumbing.errors import Misconfigured
from plumbing.secret_store import CHANNELS_SECTION, OWN_SECTION, SecretStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import SecretStr

SECRET_PREFIX = "HOURLINE_SECRET__"  # noqa: S105  the name of a variable, no secret
# A connection's name becomes part of a schema's name (raw_<connection>), so it is held to what needs no quoting.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CONNECTION_KEYS = {"system", "base_url", "options", "ca_file"}
_REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Connection:
    """One configured system. ``secrets`` are as they stood when the settings were loaded."""

    name: str
    system: str
    base_url: str
    options: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, SecretStr] = field(default_factory=dict, repr=False)
    ca_file: Path | None = None
    store: SecretStore | None = field(default=None, repr=False, compare=False)

    def secret(self, name: str) -> SecretStr:
        """A secret by field name.

        Raises:
            Misconfigured: it is not set; the sentence says where to set it.
        """
        if name in self.secrets:
            return self.secrets[name]
        raise Misconfigured(
            f"Connection {self.name} has no secret {name}.",
            system=self.system,
            connection=self.name,
            remedy=f"Set {SECRET_PREFIX}{self.name.upper()}__{name.upper()}, or write {name} under [{self.name}] in "
            f"{self.store.path if self.store else 'secrets.toml'}.",
        )


@dataclass(frozen=True)
class Settings:
    """Everything that was configured. Holds no open resource."""

    home: Path
    config_path: Path
    connections: dict[str, Connection]
    warehouse_url: SecretStr | None
    rules_dir: Path
    store: SecretStore = field(repr=False, compare=False)
    prefect_api_url: str | None = None
    prefect_database_url: SecretStr | None = None  # what a server of ours keeps its runs in, when the firm says so

    @functools.cached_property
    def master_key(self) -> SecretStr:
        """The key of content hashes and personal tokens; made on first use in ``<home>/secrets.toml``."""
        return _secret(self.store.master_key())

    @functools.cached_property
    def channels(self) -> dict[str, tuple[SecretStr, ...]]:
        """Where people are told: channel (a team, or ``default``) -> addresses, one or several parted by white space."""
        section = self.store.section(CHANNELS_SECTION)
        return {
            name: tuple(_secret(one) for one in value.split())
            for name, value in sorted(section.items())
            if value.split()
        }

    def connection(self, name: str) -> Connection:
        """A connection by name.

        Raises:
            Misconfigured: there is none of that name; the sentence names those that exist.
        """
        if name in self.connections:
            return self.connections[name]
        self.require_connections()
        raise Misconfigured(
            f"There is no connection {name!r} in {self.config_path}; there are {', '.join(sorted(self.connections))}.",
            connection=name,
            remedy="Use one of these names, or add the connection.",
        )

    def require_connections(self) -> None:
        """Raise `Misconfigured` when nothing is configured yet."""
        if not self.connections:
            what = "names no connection" if self.config_path.exists() else "does not exist"
            raise Misconfigured(
                f"Nothing is configured: {self.config_path} {what}.",
                remedy="Run `hourline init` to choose your systems, or `hourline demo` to see it work without any.",
            )


def load(home: Path | None = None) -> Settings:
    """Read the environment, the configuration and the secrets. A missing configuration gives no connections.

    Args:
        home: data folder; overrides ``HOURLINE_HOME``.

    Raises:
        Misconfigured: something that is set is wrong.
    """
    environment = os.environ  # noqa: TID251  the one reader
    folder = home_of(home)
    named = environment.get("HOURLINE_CONFIG")
    config_path = Path(named).expanduser().absolute() if named else folder / "hourline.toml"
    store = SecretStore(folder / "secrets.toml", _secrets_of(environment))
    return Settings(
        home=folder,
        config_path=config_path,
        connections=_connections(config_path, store),
        warehouse_url=_warehouse_url(environment.get("HOURLINE_WAREHOUSE_URL"), "HOURLINE_WAREHOUSE_URL"),
        rules_dir=_rules_dir(environment.get("HOURLINE_RULES_DIR"), folder),
        store=store,
        prefect_api_url=environment.get("PREFECT_API_URL") or None,
        prefect_database_url=_prefect_database(environment),
    )


def home_of(home: Path | None = None) -> Path:
    """The data folder: the one given, else ``HOURLINE_HOME``, else ``.hourline`` under the working directory."""
    named = os.environ.get("HOURLINE_HOME")  # noqa: TID251  the one reader
    return (home or Path(named or ".hourline")).expanduser().absolute()


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child process: ours, with `extra` laid over it."""
    return {**os.environ, **extra}  # noqa: TID251  the one reader


@contextlib.contextmanager
def exported(values: Mapping[str, str]) -> Iterator[None]:
    """Lends variables to libraries that resolve their own settings (dbt, Prefect), and takes them back.

    The process has one environment: values lent at the same time by two threads must agree.
    """
    environment = os.environ  # noqa: TID251  the one writer, too
    earlier = {name: environment.get(name) for name in values}
    environment.update(values)
    try:
        yield
    finally:
        for name, value in earlier.items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value


def warehouse_url_for_tests() -> SecretStr | None:
    """``HOURLINE_TEST_WAREHOUSE_URL``: a server for the tests, by a login that may create databases and roles."""
    name = "HOURLINE_TEST_WAREHOUSE_URL"
    return _warehouse_url(os.environ.get(name), name)  # noqa: TID251  the one reader


def _prefect_database(environment: Mapping[str, str]) -> SecretStr | None:
    named = [f"PREFECT_{part}_DATABASE_CONNECTION_URL" for part in ("SERVER", "API")]  # Prefect takes either
    return next((_secret(environment[name]) for name in named if environment.get(name)), None)


def _secrets_of(environment: Mapping[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for variable, value in environment.items():
        if not variable.startswith(SECRET_PREFIX) or not value:
            continue
        section, separator, name = variable.removeprefix(SECRET_PREFIX).partition("__")
        if not separator or not section or not name:
            raise Misconfigured(
                f"The variable {variable} names no connection and field.",
                remedy=f"Name it {SECRET_PREFIX}<CONNECTION>__<FIELD>.",
            )
        found.setdefault(section.lower(), {})[name.lower()] = value
    return found


def _connections(path: Path, store: SecretStore) -> dict[str, Connection]:
    content = _read_config(path)
    if unknown := sorted(set(content) - {"connections"}):
        raise _wrong(path, f"has an unknown section [{unknown[0]}]", "Only [connections.<name>] sections stand there.")
    sections = content.get("connections", {})
    if not isinstance(sections, dict):
        raise _wrong(path, "has a value named connections", "Write one section [connections.<name>] per system.")
    return {name: _connection(name, section, path, store) for name, section in sections.items()}


def _read_config(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise _wrong(path, f"is not valid TOML: {error}", "Correct that line.") from None
    except UnicodeDecodeError:
        raise _wrong(path, "is not UTF-8 text", "Save it as UTF-8.") from None
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}", "Make it a readable file.") from None


def _connection(name: str, section: Any, path: Path, store: SecretStore) -> Connection:
    where = f"has in [connections.{name}]"
    if not _NAME.fullmatch(name) or name in {OWN_SECTION, CHANNELS_SECTION} or "__" in name:
        raise _wrong(
            path,
            f"names a connection {name!r}",
            f"Use small letters, digits and single underscores, at most 40, beginning with a letter; "
            f"{OWN_SECTION!r} and {CHANNELS_SECTION!r} are taken.",
        )
    if not isinstance(section, dict):
        raise _wrong(path, f"has a plain value at connections.{name}", f"Write a section [connections.{name}].")
    if unknown := sorted(set(section) - _CONNECTION_KEYS):
        raise _wrong(
            path, f"{where} an unknown key {unknown[0]!r}", f"Known are {', '.join(sorted(_CONNECTION_KEYS))}."
        )
    options = section.get("options", {})
    if not isinstance(options, dict):
        raise _wrong(path, f"{where} options that are no section", f"Write [connections.{name}.options].")
    system = section.get("system")
    known = catalog.systems("plumbing.vendors")
    if system not in known:
        what = f"an unknown system {system!r}" if system else "no system"
        raise _wrong(path, f"{where} {what}", f"Known systems are {', '.join(known)}.")
    return Connection(
        name=name,
        system=system,
        base_url=_base_url(section.get("base_url"), path, where),
        options=dict(options),
        secrets={key: _secret(value) for key, value in store.section(name).items()},
        ca_file=_ca_file(section.get("ca_file"), path, where),
        store=store,
    )


def _base_url(value: Any, path: Path, where: str) -> str:
    remedy = "Write base_url as https://host/path; http is taken for loopback only, and credentials never stand there."
    if not isinstance(value, str) or not value:
        raise _wrong(path, f"{where} no base_url", remedy)
    try:
        parts = urllib.parse.urlsplit(value)
        _ = parts.port
    except ValueError:
        raise _wrong(path, f"{where} a base_url that is no address", remedy) from None
    if parts.username or parts.password:
        raise _wrong(path, f"{where} a base_url with credentials in it", remedy)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise _wrong(path, f"{where} a base_url {value!r} that is no web address", remedy)
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise _wrong(path, f"{where} a base_url {value!r} without TLS", remedy)
    return value.rstrip("/")


def _ca_file(value: Any, path: Path, where: str) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, str) or not (file := (path.parent / value).expanduser()).is_file():
        raise _wrong(path, f"{where} a ca_file {value!r} that is no file", "Give the path of a PEM file.")
    return file


def _rules_dir(named: str | None, home: Path) -> Path:
    if named:
        folder = Path(named).expanduser().absolute()
        if not folder.is_dir():
            raise Misconfigured(
                f"HOURLINE_RULES_DIR names {folder}, which is no folder.",
                remedy="Point it at the folder of the rule CSVs.",
            )
        return folder
    own = home / "rules"
    return own if own.is_dir() else _REPOSITORY / "dbt_project" / "seeds"


def _warehouse_url(value: str | None, variable: str) -> SecretStr | None:
    if not value:
        return None
    remedy = "Write postgresql://user:password@host:5432/database, special characters percent-encoded."
    try:
        parts = urllib.parse.urlsplit(value)
        good = parts.scheme in {"postgresql", "postgres"} and (parts.hostname or "host=" in parts.query)
        _ = parts.port
    except ValueError:
        good = False
    if not good:
        raise Misconfigured(f"{variable} is no PostgreSQL address.", remedy=remedy)
    return _secret(value)


def _secret(value: str) -> SecretStr:
    from pydantic import SecretStr

    return SecretStr(value)


def _wrong(path: Path, what: str, remedy: str) -> Misconfigured:
    return Misconfigured(f"The configuration {path} {what}.", remedy=remedy)
