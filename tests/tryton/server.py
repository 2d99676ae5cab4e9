"""A running Tryton: waitress in Tryton's own environment, ready when it answers a login over HTTP."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.tryton.install import CACHE, program

if TYPE_CHECKING:
    from tests.tryton.database import Home

USER, PASSWORD = "integration", "integration-password"
START_LIMIT = 120.0


@dataclass(frozen=True)
class Running:
    """How to speak to a server; `url` is without the database."""

    series: str
    url: str
    database: str
    user: str
    password: str
    ids: dict[str, Any]
    pid: int

    def line(self) -> dict[str, Any]:
        return asdict(self)


def serve(
    home: Home, database: str, ids: dict[str, Any], *, port: int = 0, detached: bool = False, **settings: str
) -> tuple[Running, subprocess.Popen[bytes]]:
    """Starts a server for the database and waits until it answers. It serves the server's other Tryton databases too.

    `settings` are Tryton's own, as `session__max_age="3"`. Detached, it outlives the caller.
    """
    port = port or _free_port()
    folder = CACHE / "servers" / str(port)
    folder.mkdir(parents=True, exist_ok=True)
    with home.configuration() as made:
        configuration = folder / "trytond.conf"
        configuration.write_text(made.read_text().replace(str(made.parent), str(folder)))
    environment = {f"TRYTOND_{name.upper()}": value for name, value in settings.items()}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program(home.series, "waitress-serve"), f"--listen=127.0.0.1:{port}", "--threads=6",
             "trytond.application:app"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=detached,
            env={**os.environ, "TZ": "UTC", "TRYTOND_CONFIG": str(configuration),
                 "TRYTOND_DATABASE_NAMES": database, **environment},
        )  # fmt: skip
    running = Running(home.series, f"http://127.0.0.1:{port}", database, USER, PASSWORD, ids, process.pid)
    _wait(process, running, folder / "log")
    return running, process


def warm(url: str, database: str) -> None:
    """Has a running server load a database it was not started with.

    A sign-in, or any call with a user, would find the database unloaded and leave it marked as loaded; of the addresses
    that load first, the avatars' is the one without a sign-in. There is no avatar, so it answers 404 once it is done.
    Tryton remembers for minutes which databases there are, by the host name of the call, so a new name is given.
    """
    name = base64.urlsafe_b64encode(database.encode()).decode()
    host = {"Host": f"{database.replace('_', '-')}.test"}
    httpx.get(f"{url}/avatar/{name}/none", headers=host, timeout=120, trust_env=False)
    if (refusal := _sign_in(url, database)) is not None:
        raise RuntimeError(f"Tryton did not load {database}: {refusal}")


def _sign_in(url: str, database: str) -> str | None:
    """What speaks against a sign-in; None when it is well."""
    ask = {"id": 1, "method": "common.db.login", "params": [USER, {"password": PASSWORD}, "en"]}
    answer = httpx.post(f"{url}/{database}/rpc/", json=ask, timeout=120, trust_env=False)
    if answer.is_success and answer.json().get("result"):
        return None
    return f"{answer.status_code} {answer.text[:300]}"


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], running: Running, log: Path) -> None:
    limit = time.monotonic() + START_LIMIT
    refusal: str | None = "no answer"
    while refusal == "no answer" and process.poll() is None and time.monotonic() < limit:
        try:
            refusal = _sign_in(running.url, running.database)
        except httpx.TransportError:
            time.sleep(0.05)
    if refusal is None:
        return
    process.kill()
    raise RuntimeError(f"Tryton did not start ({refusal}):\n{log.read_text()[-3000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
