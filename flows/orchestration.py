"""Prefect, and only what we ask of it: a server of our own beside the warehouse, no telemetry, one limit per vendor.

The server is a child process of the command that needs it (`hourline up` keeps it; `nightly` and `demo` start one when
none answers). Every command uses the same database, so a run is seen in the UI of whichever server is up later.
Who retries: reads are retried by `plumbing.http`, deliveries by the ledger (`next_attempt_at`). Prefect retries nothing.
"""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from flows import supervision
from plumbing import embedded
from plumbing import settings as env
from plumbing.errors import HourlineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plumbing.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
POOL = "hourline"
DATABASE = "prefect"
START_SECONDS = 180.0
LEASE_SECONDS = 60.0
LIMIT_PREFIX = "connection-"


@dataclass(frozen=True)
class Server:
    """A Prefect server that answers: its API and the page a person opens."""

    api_url: str

    @property
    def ui_url(self) -> str:
        """Where its pages are."""
        return self.api_url.removesuffix("/api")


def variables(settings: Settings, api_url: str | None) -> dict[str, str]:
    """Prefect's own settings, as the variables it reads when it is imported."""
    home = settings.home / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    chosen = {
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(home),
        "PREFECT_API_DATABASE_CONNECTION_URL": _database(settings),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(int(START_SECONDS)),
        # Leases on disk, and short: the slot of a killed run comes back within a minute, a restarted server knows it.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_SERVER_CONCURRENCY_MAXIMUM_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_CLI_PROMPT": "false",
    }
    return chosen | ({"PREFECT_API_URL": api_url} if api_url else {})


def _database(settings: Settings) -> str:
    """Where a server of ours keeps its runs: as the firm says, else on the embedded server, else in a file.

    Prefect answers 503 whenever two writers meet in SQLite, and asks again two seconds later: on PostgreSQL a night takes less
    than half as long. A warehouse by address is the firm's own, and no other database is put beside it unasked.
    """
    if settings.prefect_database_url is not None:
        return settings.prefect_database_url.get_secret_value()
    if settings.warehouse_url is not None:
        return f"sqlite+aiosqlite:///{settings.home / 'prefect' / 'prefect.db'}"
    address = embedded.start(settings.home / "warehouse")
    embedded.ensure_database(address, DATABASE)
    return address.url(DATABASE).replace("postgresql://", "postgresql+asyncpg://", 1)


def find(settings: Settings) -> Server | None:
    """The server to use: PREFECT_API_URL if set, else the one an `hourline up` on this home keeps; None if none answers."""
    for url in (settings.prefect_api_url, _noted(settings)):
        if url and _answers(url):
            return Server(url)
    return None


@contextlib.contextmanager
def server(settings: Settings, *, port: int = 0) -> Iterator[Server]:
    """The server that is up, or one of our own for as long as the block lasts."""
    found = find(settings)
    if found is not None:
        yield found
        return
    chosen = supervision.free_port(port)
    url = f"http://127.0.0.1:{chosen}/api"
    child = supervision.start(
        "prefect",
        ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(chosen)],
        home=settings.home,
        extra=variables(settings, url),
    )
    note = settings.home / "prefect" / "server.json"
    try:
        supervision.wait_until(child, lambda: _answers(url), seconds=START_SECONDS, what="The Prefect server")
        note.write_text(json.dumps({"api_url": url}))
        yield Server(url)
    finally:
        note.unlink(missing_ok=True)
        child.stop()


@contextlib.contextmanager
def session(settings: Settings, at: Server) -> Iterator[None]:
    """Within it, flows of this process run against `at`. Prefect must not be imported before the first session."""
    with env.exported(variables(settings, at.api_url)):
        from prefect.logging.configuration import setup_logging
        from prefect.settings import PREFECT_API_URL, temporary_settings

        setup_logging()
        _keep_off_the_terminal()
        with temporary_settings({PREFECT_API_URL: at.api_url}):
            yield


@contextlib.contextmanager
def worker(settings: Settings, at: Server) -> Iterator[None]:
    """Puts the deployments of prefect.yaml on the server and works on what they schedule, while the block lasts."""
    extra = variables(settings, at.api_url) | {"HOURLINE_HOME": str(settings.home), "PYTHONPATH": str(ROOT)}
    for arguments in (
        ["work-pool", "create", POOL, "--type", "process", "--overwrite"],
        ["--no-prompt", "deploy", "--all", "--prefect-file", str(ROOT / "prefect.yaml")],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments],
            cwd=ROOT, env=env.environment(extra), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())[-300:]
            raise HourlineError(
                f"Prefect did not take `{' '.join(arguments[:2])}`: {said}.", remedy="See prefect.yaml."
            )
    child = supervision.start(
        "prefect-worker", ["prefect", "worker", "start", "--pool", POOL], home=settings.home, extra=extra
    )
    try:
        yield
    finally:
        child.stop()


def _keep_off_the_terminal() -> None:
    """Prefect's own log goes to its pages; the terminal gets what we narrate, and sentences instead of tracebacks."""
    for name in ("prefect", "prefect.flow_runs", "prefect.task_runs"):
        logger = logging.getLogger(name)
        logger.propagate = False
        for handler in list(logger.handlers):
            if isinstance(handler, logging.StreamHandler):
                logger.removeHandler(handler)


def limit(connection: str) -> str:
    """The name of a connection's global concurrency limit."""
    return f"{LIMIT_PREFIX}{connection}"


@contextlib.contextmanager
def alone(connection: str) -> Iterator[None]:
    """Nobody else reads or writes that connection within the block; a limit that doesn't exist is an error."""
    from prefect.concurrency.sync import concurrency

    with concurrency(limit(connection), occupy=1, strict=True, lease_duration=LEASE_SECONDS):
        yield


def ensure_limits(connections: Iterable[str]) -> None:
    """One reader or writer at a time per connection, whoever started it; limits a person changed stay as they are."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        known = {found.name for found in client.read_global_concurrency_limits(limit=200)}
        for name in connections:
            if limit(name) not in known:
                client.upsert_global_concurrency_limit_by_name(name=limit(name), limit=1)


def _noted(settings: Settings) -> str | None:
    with contextlib.suppress(OSError, ValueError, KeyError):
        return str(json.loads((settings.home / "prefect" / "server.json").read_text())["api_url"])
    return None


def _answers(api_url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{api_url}/health", timeout=5, trust_env=False).status_code == httpx.codes.OK
    return False
