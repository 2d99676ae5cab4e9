"""dlt kept to itself: no telemetry, nothing read from the environment or from files, nothing written outside our home.

Everything of ours that needs dlt imports it from here: dlt settles its ways when a source is first declared, and by then
they must be these.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import ConfigProvider
from dlt.common.configuration.providers.dictionary import DictionaryProvider
from dlt.common.configuration.specs import RuntimeConfiguration
from dlt.common.configuration.specs.base_configuration import configspec
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.runtime.run_context import RunContext
from dlt.common.runtime.telemetry import stop_telemetry
from dlt.common.typing import TSecretStrValue
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.destinations.impl.postgres.factory import get_adbc_driver_location, postgres
from dlt.destinations.impl.postgres.postgres import PostgresClient, PostgresParquetCopyJob

SETTINGS: dict[str, Any] = {
    "normalize": {"parquet_normalizer": {"add_dlt_load_id": False, "add_dlt_id": False}},
    "data_writer": {"file_max_items": 50_000},  # rows a Parquet file: one is in memory at a time
    "load": {"delete_completed_jobs": True, "raise_on_max_retries": 3, "workers": 1},
    "restore_from_destination": False,  # no state of ours is in dlt
    "progress": None,
}
_ENTERED = threading.Lock()


class QuietContext(RunContext):
    """A run context that lives in one folder and knows these settings alone."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._global_dir = str(folder)

    @property
    def run_dir(self) -> str:
        return self._init_run_dir

    @property
    def local_dir(self) -> str:
        return self._init_run_dir

    @property
    def data_dir(self) -> str:
        return self._init_run_dir

    def initial_providers(self) -> list[ConfigProvider]:
        provider = DictionaryProvider()
        for section, value in SETTINGS.items():
            provider.set_value(section, value, None)
        return [provider]

    def initialize_runtime(self, runtime_config: RuntimeConfiguration | None = None) -> None:
        quiet = runtime_config or RuntimeConfiguration()
        quiet.dlthub_telemetry = False
        quiet.log_level = "CRITICAL"  # what went wrong is raised, and told once, by us
        super().initialize_runtime(quiet)


@configspec(init=False)
class Address(PostgresCredentials):
    """A libpq address as it stands: dlt's own class insists on a host and a password, and a socket has neither."""

    host: str | None = None  # type: ignore[assignment]
    username: str | None = None  # type: ignore[assignment]
    password: TSecretStrValue | None = None  # type: ignore[assignment]
    url: TSecretStrValue | None = None

    def to_native_representation(self) -> str:
        return str(self.url)

    def data_location(self) -> str:
        return f"postgresql://{self.host or 'localhost'}"


class _KeptClient(PostgresClient):
    connected: Any

    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> Any:
        job = super().create_load_job(table, file_path, load_id, restore)
        if isinstance(job, PostgresParquetCopyJob):
            job._connect = self.connected  # type: ignore[method-assign]  # noqa: SLF001  the seam that dlt leaves
        return job


class Postgres(postgres):
    """dlt's PostgreSQL at one address, with what dlt does anew each time done once: its configuration, resolved for every
    question about what its destination can do, was a third of the time that a small load takes; and ADBC's connection, which
    reads the whole catalog when it is made, another third. Close it.
    """

    def __init__(self, url: str) -> None:
        super().__init__(address(url), create_indexes=False, destination_name="postgres")
        self._resolved: Any = None
        self._adbc: Any = None

    @functools.cached_property
    def client_class(self) -> type[PostgresClient]:
        """dlt's client, whose copies share a connection."""
        return type("KeptClient", (_KeptClient,), {"connected": staticmethod(self.connected)})

    @contextlib.contextmanager
    def connected(self) -> Iterator[Any]:
        """The ADBC connection; each copy over it is a transaction. After an error there it is not used again."""
        from adbc_driver_manager import dbapi

        if self._adbc is None:
            uri = self.config_params["credentials"].to_native_representation()
            self._adbc = dbapi.connect(driver=get_adbc_driver_location(), db_kwargs={"uri": uri}, autocommit=True)
        try:
            yield self._adbc
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let the connection go; it is made anew when it is needed."""
        kept, self._adbc = self._adbc, None
        if kept is not None:
            kept.close()

    def capabilities(self, config: Any = None, naming: Any = None) -> Any:
        """As its parent's, where nothing is asked about another configuration than ours."""
        if config is None:
            if self._resolved is None:
                credentials = self.config_params["credentials"].copy()
                self._resolved = self.configuration(self.spec(credentials=credentials), accept_partial=True)
            config = self._resolved
        return super().capabilities(config, naming)


def address(url: str) -> Address:
    """dlt's credentials for a libpq address."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(url)
    made = Address()
    made.url = TSecretStrValue(url)
    made.host = str(parts.get("host") or "localhost")
    made.database = str(parts.get("dbname") or parts.get("user") or "")
    made.query = {"options": str(parts["options"])} if "options" in parts else {}
    made.resolve()
    return made


def enter(folder: Path) -> None:
    """Make dlt live in this folder from now on, in this process; again is free."""
    with _ENTERED:
        context = Container()[PluggableRunContext].context
        if isinstance(context, QuietContext) and context.run_dir == str(folder):
            return
        folder.mkdir(parents=True, exist_ok=True)
        _install(folder)


def _install(folder: Path) -> None:
    stop_telemetry()
    Container()[PluggableRunContext] = PluggableRunContext(QuietContext(folder))


_install(Path())
__all__ = ["Address", "Postgres", "QuietContext", "address", "dlt", "enter"]
