"""Serves vendors by uvicorn in one event loop, on ports that the system may choose, some by TLS with a test CA."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import trustme
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

HOST = "127.0.0.1"


class _Wire(H11Protocol):
    """Hands the app its transport, so that a fault can cut the connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = {**(scope.get("extensions") or {}), "kit.transport": self.transport}
            await inner({**scope, "extensions": extensions}, receive, send)

        self.app = app


class _Server(uvicorn.Server):
    """Leaves signals to the run as a whole."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Listener:
    """A bound socket, open for calls once an app stands behind it."""

    name: str
    sock: socket.socket
    tls: bool

    @classmethod
    def bind(cls, name: str, *, tls: bool, port: int = 0) -> Listener:
        # With the protocol named, asyncio turns Nagle's delay off: 40 ms on every small answer otherwise.
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.listen(256)
        return cls(name, sock, tls)

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://{HOST}:{self.sock.getsockname()[1]}"


class TestAuthority:
    """A certificate authority for one run, trusted by whoever reads its file."""

    __test__ = False  # pytest: no test class

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA(organization_name="Hartwell test authority")
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST, "localhost").configure_cert(self.context)


async def serve(
    apps: Sequence[tuple[Listener, ASGIApp]],
    authority: TestAuthority | None,
    on_ready: Callable[[], None],
    stop: asyncio.Event,
) -> None:
    """Serves until `stop` is set; calls `on_ready` when all listen. Raises what keeps a server from starting."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # cut connections are our own doing
    servers = [_server(listener, app, authority) for listener, app in apps]
    tasks = [
        asyncio.create_task(server.serve(sockets=[listener.sock]))
        for server, (listener, _app) in zip(servers, apps, strict=True)
    ]
    try:
        while not all(server.started for server in servers):
            if any(task.done() for task in tasks):
                break
            await asyncio.sleep(0.01)
        else:
            on_ready()
            await stop.wait()
    finally:
        for server in servers:
            server.should_exit = True
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


def _server(listener: Listener, app: ASGIApp, authority: TestAuthority | None) -> _Server:
    config = uvicorn.Config(
        app,
        http=_Wire,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    config.load()
    if listener.tls:
        if authority is None:
            raise ValueError(f"{listener.name} is served by TLS and needs a test authority")
        config.ssl = authority.context
    return _Server(config)


async def serve_until_told(
    apps: Sequence[tuple[Listener, ASGIApp]],
    authority: TestAuthority | None,
    on_ready: Callable[[], None],
    with_parent: int | None,
) -> None:
    """Serves until SIGTERM, SIGINT, or the end of the process `with_parent`."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch = asyncio.create_task(_watch(with_parent, stop)) if with_parent is not None else None
    try:
        await serve(apps, authority, on_ready, stop)
    finally:
        if watch is not None:
            watch.cancel()


async def _watch(parent: int, stop: asyncio.Event) -> None:
    """Sets `stop` when the parent is gone."""
    while True:
        if not is_alive(parent):
            stop.set()
            return
        await asyncio.sleep(0.5)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not yet waited for does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
