"""Databases for whole jobs: always under one name, so that dbt parses its models once for all of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import psycopg

from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Databases:
    """Makes, keeps and brings back the database of a job on one server."""

    def __init__(self, server_url: str, name: str) -> None:
        self._server_url = server_url
        self.name = name
        self._is_migrated = False
        self._has_views = False

    @property
    def url(self) -> str:
        """Address of the job's database."""
        return self._address(self.name)

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """A migrated, empty database."""
        empty = f"{self.name}_empty"
        if not self._is_migrated:
            self._copy(None, empty)
            Warehouse(self._address(empty)).migrate()
            self._execute("grant hourline_test to current_user")
            self._is_migrated = True
        self._copy(empty, self.name)
        yield self.url
        self._execute(f"drop database {self.name} with (force)")

    def let_have_views(self, build: Callable[[], object]) -> None:
        """The models' views are made once, on the first job's empty database; later jobs find them there, as a night does."""
        if not self._has_views:
            build()
            self.keep("empty")
            self._has_views = True

    @contextmanager
    def prefect(self) -> Iterator[str]:
        """Address of an empty database for a Prefect server."""
        name = f"{self.name}_prefect"
        self._copy(None, name)
        yield self._address(name).replace("postgresql://", "postgresql+asyncpg://", 1)
        self._execute(f"drop database {name} with (force)")

    def keep(self, name: str) -> None:
        """Keeps the database as it stands."""
        self._copy(self.name, f"{self.name}_{name}")

    def bring_back(self, name: str) -> None:
        """The database as it was kept."""
        self._copy(f"{self.name}_{name}", self.name)

    def drop_all(self) -> None:
        """Removes whatever was made."""
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            names = connection.execute(
                "select datname from pg_database where starts_with(datname, %s)", (self.name,)
            ).fetchall()
        for (name,) in names:
            self._execute(f"drop database {name} with (force)")

    def _copy(self, source: str | None, target: str) -> None:
        self._execute(f"drop database if exists {target} with (force)")
        if source is not None:
            self._execute(
                f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{source}' and pid <> pg_backend_pid()"
            )
        self._execute(f"create database {target}" + (f" template {source} strategy file_copy" if source else ""))

    def _address(self, name: str) -> str:
        return urlunsplit(urlsplit(self._server_url)._replace(path=f"/{name}"))

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(statement)
