"""Serves one simulated vendor on loopback for a test: raw HTTP against the real app, on a port the system chose."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

import httpx
import trustme
import uvicorn

from simulators.kit import AppOptions, KitApp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    from simulators.firm.model import World


class Vendor:
    """A running vendor: its app, what it told the client, and a plain HTTP client at its address."""

    def __init__(self, app: KitApp, description: dict[str, Any], http: httpx.Client, ca_file: Path | None) -> None:
        self.app = app
        self.description = description
        self.http = http
        self.ca_file = ca_file

    @property
    def base_url(self) -> str:
        return str(self.description["base_url"])

    @property
    def secrets(self) -> dict[str, str]:
        return dict(self.description["secrets"])

    def change(self, verb: str, **arguments: Any) -> Any:
        """A verb of the control path; fails the test when it is refused."""
        response = self.http.post("/_control/change", json={"verb": verb, **arguments})
        assert response.status_code == 200, response.text
        return response.json()


@contextlib.contextmanager
def serve(
    module: ModuleType, world: World, folder: Path, unconfirmed: frozenset[str] = frozenset()
) -> Iterator[Vendor]:
    """The vendor of a module on a free port of 127.0.0.1; with TLS by a test CA where the module says so."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # calls wait in the queue until the server takes them
    is_tls = bool(getattr(module, "TLS", False))
    origin = f"{'https' if is_tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
    options = AppOptions(origin=origin, unconfirmed=unconfirmed)
    app = module.app(world, options)
    ca_file, tls = _certificate(folder) if is_tls else (None, {})
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", **tls))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    verify: Any = httpx.create_ssl_context(verify=str(ca_file)) if ca_file else True
    try:
        with httpx.Client(base_url=origin, verify=verify, timeout=30) as http:
            yield Vendor(app, module.describe(world, options), http, ca_file)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
    assert app.errors == []


def _certificate(folder: Path) -> tuple[Path, dict[str, Any]]:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    ca_file, key_file, chain_file = folder / "ca.pem", folder / "key.pem", folder / "chain.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    issued.private_key_pem.write_to_path(str(key_file))
    issued.cert_chain_pems[0].write_to_path(str(chain_file))
    return ca_file, {"ssl_keyfile": str(key_file), "ssl_certfile": str(chain_file)}
