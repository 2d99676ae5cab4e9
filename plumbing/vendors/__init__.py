"""What is one vendor's own on the wire: host, sign-in, limits, error envelope. For its source and its writer alike.

Each module has ``Options``, ``Secrets`` and ``client(connection)``; `module` finds it by the connection's system.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from plumbing import catalog
from plumbing.errors import Misconfigured

if TYPE_CHECKING:
    from types import ModuleType

    from plumbing.http import Client
    from plumbing.settings import Connection


def module(system: str) -> ModuleType:
    """The vendor's module; `Misconfigured` where there is none, naming those that exist."""
    known = catalog.systems(__name__)
    if system not in known:
        raise Misconfigured(f"There is no system {system!r}.", remedy=f"Known systems are {', '.join(known)}.")
    return importlib.import_module(f"{__name__}.{system}")


def client(connection: Connection, **seams: Any) -> Client:
    """A client for the connection, made by its vendor's module."""
    made: Client = module(connection.system).client(connection, **seams)
    return made
