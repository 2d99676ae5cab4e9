"""drt-core in an environment of its own, its ledger in the warehouse: one sync of a table of hours, one call a row."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

VERSION = "1.2.1"
NAME = f"drt-core {VERSION}, ledger on"
COLUMNS = ("key", "item", "minutes", "rate", "date")
TRIES = 5  # for a call that got no answer or an error


@dataclass
class Drt:
    """One project of drt's, set up as its documents recommend for rows that must arrive once.

    Attributes:
        database: address of the PostgreSQL that holds the rows and drt's ledger.
        address: where rows are posted.
        place: the project's folder, new.
        venv: an environment that has drt-core.
    """

    database: str
    address: str
    place: Path
    venv: Path

    def __post_init__(self) -> None:
        for folder in (self.place, self.place / "syncs", self.place / ".drt"):
            folder.mkdir()
        found = conninfo_to_dict(self.database)
        given = {name: str(found[name]) for name in ("host", "dbname", "user")}
        profile = {"harness": {"type": "postgres", **given, "port": int(found["port"])}}
        state = {"backend": "warehouse", "connection_profile": "harness", "idempotency": True}
        project = {"name": "harness", "version": "0.1", "profile": "harness", "state": state}
        files = {".drt/profiles.yml": profile, "drt_project.yml": project, "syncs/hours.yml": self._sync()}
        for name, content in files.items():
            (self.place / name).write_text(json.dumps(content))
        self._connection = psycopg.connect(self.database, autocommit=True)

    def _sync(self) -> dict[str, object]:
        body = ", ".join(f'"{name}": "{{{{ row.{name} }}}}"' for name in COLUMNS)
        return {
            "name": "hours",
            "model": f"SELECT {', '.join(COLUMNS)} FROM public.peer_hours",
            "destination": {
                "type": "rest_api", "url": self.address, "method": "POST",
                "headers": {"Content-Type": "application/json"}, "body_template": f"{{{body}}}",
                "native_idempotency_key": "{{ row.key }}",
            },
            "sync": {
                "mode": "full", "batch_size": 100, "on_error": "skip", "idempotency_key": "{{ row.key }}",
                "rate_limit": {"requests_per_second": 100_000}, "dlq": {"enabled": True},
                "retry": {"max_attempts": TRIES, "initial_backoff": 0.01, "max_backoff": 0.05},
            },
        }  # fmt: skip

    def fill(self, rows: Iterable[tuple[str, ...]]) -> None:
        """The rows that its next run finds, in the order of `COLUMNS`."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("drop table if exists public.peer_hours")
            columns = ", ".join(f"{name} text" for name in COLUMNS)
            cursor.execute(f"create table public.peer_hours ({columns}, primary key (key))")
            with cursor.copy("copy public.peer_hours from stdin") as copy:
                for row in rows:
                    copy.write_row(row)

    def run(self) -> bool:
        """Run it once; whether it says that nothing failed. Its last words stay in ``last.log``."""
        environment = {"HOME": str(self.place), "PATH": "/usr/bin:/bin", "DO_NOT_TRACK": "1", "DRT_TELEMETRY": "0"}
        command = [self.venv / "bin" / "drt", "run"]
        ended = subprocess.run(command, cwd=self.place, env=environment, capture_output=True, text=True, check=False)
        (self.place / "last.log").write_text(ended.stdout + ended.stderr)
        return ended.returncode == 0

    def forget(self) -> None:
        """Empty its ledger and its dead letters."""
        self._connection.execute('drop schema if exists "_drt" cascade')
        for path in (self.place / ".drt").glob("dlq/*"):
            path.unlink()


def environment(place: Path) -> Path:
    """drt-core in a virtual environment of its own, installed through the ordinary client."""
    venv = place / "drt-venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    install = [venv / "bin" / "python", "-m", "pip", "install", "--quiet", f"drt-core[postgres]=={VERSION}"]
    subprocess.run(install, check=True, capture_output=True)
    return venv
