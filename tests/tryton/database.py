"""Seeded Tryton databases: made once as SQL under a key of their parts, then copied from a template in a moment.

A server holds one template database per (series, firm); it is filled from the cached SQL, which is made when nobody has
it yet (a minute and a half of Tryton's own set-up, on the server at hand). The key is made of the pinned versions, the
seed script and the firm, so a change of any makes a new one. The SQL holds password hashes: it stays in the user's cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from plumbing import embedded
from tests.tryton.install import CACHE, locked, program, requirements

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = Path(__file__).with_name("seed.py")
MODULES = ("ir", "res", "timesheet_cost", "project_invoice")
ADMIN_PASSWORD = "admin-password"
# Lines that only psql, or only a newer server than the one at hand, understands.
NOT_FOR_EVERY_SERVER = ("\\restrict", "\\unrestrict", "SET transaction_timeout")


def own_postgres() -> str:
    """Address of the embedded server that `python -m tests.tryton` keeps in the user's cache, started if need be."""
    return embedded.start(CACHE / "postgres").url("postgres")


@dataclass(frozen=True)
class Home:
    """Where one series of Tryton lives: its environment and a PostgreSQL by the URL of its maintenance database."""

    series: str
    postgres: str

    def fresh(self, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        """A new database of this name with the firm in it; gives the ids of what was seeded."""
        template, ids = self._template(spec)
        with locked("template"), self._maintenance() as connection:  # nobody may be connected to a template
            connection.execute(
                sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))
            )
            _forget_durability(connection, name)
        return ids

    def drop(self, name: str) -> None:
        with self._maintenance() as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def build(self, spec: dict[str, Any]) -> Path:
        """The cached SQL of the firm, made if it is missing."""
        return self._cached(_key(self.series, spec), lambda name: self._seed_firm(name, spec))

    @contextmanager
    def configuration(self, **sections: dict[str, str]) -> Iterator[Path]:
        """A configuration file for Tryton's own programs."""
        with tempfile.TemporaryDirectory(prefix="tryton-") as folder:
            path = Path(folder) / "trytond.conf"
            given = {"database": {"uri": self.url(""), "path": folder}, **sections}
            path.write_text(
                "".join(
                    f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
                    for section, entries in given.items()
                )
            )
            yield path

    def url(self, name: str) -> str:
        """Address of a database on this server."""
        return urlunsplit(urlsplit(self.postgres)._replace(path=f"/{name}"))

    def _template(self, spec: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        dump = self.build(spec)
        name = f"tryton_template_{dump.stem.replace('.', '_').replace('-', '_')}"
        with locked("template"), self._maintenance() as connection:
            if not _exists(connection, name):
                self._restore(connection, name, dump)
        return name, json.loads(dump.with_suffix(".json").read_text())

    def _restore(self, connection: psycopg.Connection[Any], name: str, dump: Path) -> None:
        """Filled beside the place, then renamed: a kill in the middle leaves no half template."""
        making = f"{name}_making"
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(making)))
        connection.execute(sql.SQL("create database {} template template0").format(sql.Identifier(making)))
        _forget_durability(connection, making)
        with psycopg.connect(self.url(making), autocommit=True) as filling:
            filling.execute(dump.read_bytes())
        connection.execute(
            sql.SQL("alter database {} rename to {}").format(sql.Identifier(making), sql.Identifier(name))
        )

    def _cached(self, key: str, make: Any) -> Path:
        path = CACHE / f"{key}.sql"
        with locked(f"build-{key}"):
            if not path.exists():
                name = f"tryton_build_{os.getpid()}_{time.monotonic_ns()}"
                try:
                    ids = make(name)
                    path.with_suffix(".json").write_text(json.dumps(ids))
                    self._dump(name, path)
                finally:
                    self.drop(name)
        return path

    def _initialise(self, name: str) -> dict[str, Any]:
        """Tryton's own set-up: its tables and modules, and nothing of a firm."""
        with self._maintenance() as connection:
            connection.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
            _forget_durability(connection, name)
        with self.configuration() as configuration:
            password = configuration.with_name("password")
            password.write_text(f"{ADMIN_PASSWORD}\n")
            _run(
                [program(self.series, "trytond-admin"), "-c", configuration, "-d", name, "-u", *MODULES,
                 "--activate-dependencies", "--email", "admin@example.com"],
                TRYTONPASSFILE=str(password),
            )  # fmt: skip
        return {}

    def _seed_base(self, name: str) -> dict[str, Any]:
        return self._seed("base", name, self._cached(_bare_key(self.series), self._initialise))

    def _seed_firm(self, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        base = self._cached(_key(self.series, None), self._seed_base)
        return self._seed("firm", name, base, spec)

    def _seed(self, step: str, name: str, under: Path, spec: dict[str, Any] | None = None) -> dict[str, Any]:
        """One step of the seed script upon an earlier step's SQL; gives the ids of both."""
        with self._maintenance() as connection:
            self._restore(connection, name, under)
        with self.configuration() as configuration:
            wanted = configuration.with_name("firm.json")
            wanted.write_text(json.dumps(spec))
            printed = _run(
                [program(self.series, "python"), SEED, step, configuration, self.url(name), wanted],
                TRYTOND_CONFIG=str(configuration),  # read when Tryton is imported, before the script can say so
            )
        made: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return {**json.loads(under.with_suffix(".json").read_text()), **made}

    def _dump(self, name: str, path: Path) -> None:
        tool = embedded._binaries() / "pg_dump"
        dumped = _run([tool, "--no-owner", "--no-privileges", "--rows-per-insert=500", "-d", self.url(name)])
        lines = [line for line in dumped.splitlines() if not line.startswith(NOT_FOR_EVERY_SERVER)]
        making = path.with_suffix(".making")
        making.write_text("\n".join(lines) + "\n", encoding="utf-8")
        making.rename(path)

    def _maintenance(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.postgres, autocommit=True)


def _bare_key(series: str) -> str:
    return f"{series}-bare-{_digest(requirements(series).read_bytes(), ' '.join(MODULES).encode())}"


def _key(series: str, spec: dict[str, Any] | None) -> str:
    parts = [_bare_key(series).encode(), SEED.read_bytes()]
    if spec is not None:
        parts.append(json.dumps(spec, sort_keys=True).encode())
    return f"{series}-{'base' if spec is None else 'firm'}-{_digest(*parts)}"


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"|".join(parts)).hexdigest()[:12]


def _exists(connection: psycopg.Connection[Any], name: str) -> bool:
    return connection.execute("select from pg_database where datname = %s", [name]).fetchone() is not None


def _forget_durability(connection: psycopg.Connection[Any], name: str) -> None:
    """Tryton's set-up is thousands of small commits, and a test's ERP need not outlive a power cut."""
    connection.execute(sql.SQL("alter database {} set synchronous_commit = off").format(sql.Identifier(name)))


def _run(command: list[Any], **environment: str) -> str:
    """Runs one of Tryton's programs; its last words are in the error when it fails. Times are UTC in every one."""
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "TZ": "UTC", **environment},
    )
    if done.returncode != 0:
        raise RuntimeError(f"{Path(str(command[0])).name} failed:\n{done.stderr[-3000:]}")
    return done.stdout
