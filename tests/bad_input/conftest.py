"""One firm and one built warehouse for the folder; each test works on a copy of both that is its own in a second.

An office is a data folder with its database. Whatever a test runs in it is read for tracebacks and for every secret that
the office knows, and so is every file under the folder when the test ends.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import tomlkit
from click.testing import CliRunner

from flows.cli import cli
from plumbing import settings as configuration
from plumbing.settings import Settings
from tests.fixtures.simulators import ROOT, Firm, start_firm

NAMES = frozenset({"username"})  # stands beside a secret and is none


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    exit_code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document it ought to be."""
        return json.loads(self.out)

    @property
    def everything(self) -> str:
        """Both outputs, every run of white space as one space, so that a sentence is found wherever lines break."""
        return " ".join(f"{self.out} {self.err}".split())

    @property
    def error(self) -> str:
        """The message of a document that tells of a failure."""
        return str(self.document["error"]["message"])

    def stopped(self, connection: str) -> str:
        """Why a connection stopped, from the document of `land`."""
        return str(self.document["stopped"][connection])


@dataclass
class Office:
    """A data folder, its database and the firm it reads."""

    home: Path
    url: str
    firm: Firm
    environment: pytest.MonkeyPatch
    secrets: set[str] = field(default_factory=set)

    @property
    def settings(self) -> Settings:
        return configuration.load(self.home)

    def run(self, *arguments: str, input: str | None = None) -> Said:  # noqa: A002  click's word
        """One command in this process."""
        with self.environment.context() as lent:
            for name, value in self.variables().items():
                lent.setenv(name, value)
            result = CliRunner().invoke(cli, list(arguments), input=input)
        return self.heard(Said(result.exit_code, result.stdout, result.stderr), arguments)

    def spawn(self, *arguments: str) -> Said:
        """One command as a process, as a person starts it."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=240)
        return self.heard(Said(process.returncode, out, err), arguments)

    def spawn_without_room(self, *arguments: str) -> Said:
        """The same where no file may take a byte, as on a full disk."""
        with self.start(*arguments, prefix=("prlimit", "--fsize=0")) as process:
            out, err = process.communicate(timeout=240)
        return self.heard(Said(process.returncode, out, err), arguments)

    def start(self, *arguments: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """A command still running."""
        return subprocess.Popen(
            [*prefix, sys.executable, "-m", "flows", *arguments], cwd=ROOT, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=configuration.environment(self.variables()),
        )  # fmt: skip

    def variables(self) -> dict[str, str]:
        return {"HOURLINE_HOME": str(self.home), "HOURLINE_WAREHOUSE_URL": self.url}

    def heard(self, said: Said, arguments: tuple[str, ...]) -> Said:
        """What was said, once it is known to hold neither a traceback nor a secret."""
        for text in (said.out, said.err):
            assert "Traceback" not in text, text
            assert "defect in Hourline" not in text, text
            assert not (leaked := [one for one in self.secrets if one in text]), f"{leaked} in {text}"
        if "--json" in arguments:
            assert said.document is not None
        return said

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Asks the warehouse as its owner."""
        with psycopg.connect(self.url, autocommit=True) as session:
            cursor = session.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def count(self, relation: str, condition: str = "true", *values: Any) -> int:
        return int(self.query(f"select count(*) from {relation} where {condition}", *values)[0][0])

    def cursors(self, connection: str) -> dict[str, str]:
        """The cursors of a connection, by resource."""
        return dict(self.query("select resource, cursor_value from landing.cursor where connection = %s", connection))

    def configure(self, connection: str, changes: Mapping[str, Any]) -> None:
        """Changes keys of a connection in hourline.toml."""
        path = self.home / "hourline.toml"
        document = tomlkit.parse(path.read_text())
        document["connections"][connection].update(changes)  # type: ignore[index, union-attr]
        path.write_text(tomlkit.dumps(document))

    def set_secret(self, connection: str, name: str, value: str | None) -> None:
        """Replaces a secret, or takes it away."""
        path = self.home / "secrets.toml"
        document = tomlkit.parse(path.read_text())
        if value is None:
            del document[connection][name]  # type: ignore[union-attr]
        else:
            document[connection][name] = value  # type: ignore[index]
            self.secrets.add(value)
        path.write_text(tomlkit.dumps(document))

    def only(self, *connections: str) -> None:
        """Forgets the other connections."""
        path = self.home / "hourline.toml"
        document = tomlkit.parse(path.read_text())
        for name in [one for one in document["connections"] if one not in connections]:  # type: ignore[union-attr]
            del document["connections"][name]  # type: ignore[union-attr]
        path.write_text(tomlkit.dumps(document))

    def files_with_secrets(self) -> list[str]:
        """Files under the data folder, the secrets file left out, that hold a secret."""
        found = []
        for path in self.home.rglob("*"):
            if path.is_file() and path.name != "secrets.toml":
                content = path.read_bytes()
                found += [str(path) for one in self.secrets if one.encode() in content]
        return found


@dataclass(frozen=True)
class Template:
    """What every office is copied from."""

    home: Path
    database: str


@pytest.fixture(scope="session")
def shared_firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    """A small firm for the folder; what a test switches on or enters there, it takes back or leaves for nobody to meet."""
    with start_firm(tmp_path_factory.mktemp("bad") / "firm", seed=11, entries=260, as_of="2026-11-16") as firm:
        yield firm


@pytest.fixture(scope="session")
def template(shared_firm: Firm, server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    """The firm landed and built once, by the command line."""
    database = f"hourline_bad_{uuid.uuid4().hex[:12]}"
    home = tmp_path_factory.mktemp("bad") / "template"
    with psycopg.connect(server_url, autocommit=True) as session:
        session.execute(f"create database {database}")
    with pytest.MonkeyPatch.context() as environment:
        office = Office(home, at(server_url, database), shared_firm, environment, secrets_of(shared_firm))
        for arguments in (
            ("init", "--from", str(shared_firm.out / "simulators.json"), "--rules", str(shared_firm.out / "rules"),
             "--no-check", "--no-first-plan"),
            ("land",),
            ("build",),
        ):  # fmt: skip
            said = office.run(*arguments)
            assert said.exit_code == 0, said.everything
    shutil.rmtree(home / "dbt")
    yield Template(home, database)
    with psycopg.connect(server_url, autocommit=True) as session:
        session.execute(f"drop database {database} with (force)")


@pytest.fixture
def office(
    template: Template, shared_firm: Firm, server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    """A data folder and a database in which everything has landed and is built."""
    database = f"hourline_bad_{uuid.uuid4().hex[:12]}"
    home = tmp_path / "home"
    shutil.copytree(template.home, home, symlinks=True)
    with psycopg.connect(server_url, autocommit=True) as session:
        session.execute(f"create database {database} template {template.database}")
    office = Office(home, at(server_url, database), shared_firm, monkeypatch, secrets_of(shared_firm))
    office.secrets.add(tomlkit.parse((home / "secrets.toml").read_text())["hourline"]["master_key"])  # type: ignore[index, arg-type]
    yield office
    for control in shared_firm.controls.values():
        control.clear_faults()
    with psycopg.connect(server_url, autocommit=True) as session:
        session.execute(f"drop database {database} with (force)")
    assert office.files_with_secrets() == []


@pytest.fixture
def bare(shared_firm: Firm, server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """A data folder that is not there yet, and a database address where nothing was made."""
    return Office(
        tmp_path / "home", at(server_url, "hourline_bad_none"), shared_firm, monkeypatch, secrets_of(shared_firm)
    )


def at(server_url: str, database: str) -> str:
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{database}"))


def secrets_of(firm: Firm) -> set[str]:
    """Every secret that the simulated vendors gave out."""
    return {
        value
        for one in firm.addresses.values()
        for name, value in one["secrets"].items()
        if name not in NAMES and value
    }
