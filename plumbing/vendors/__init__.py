"""What is one vendor's own on the wire: host, sign-in, limits, error envelope. For its source and its writer alike.

Each module has ``Options``, ``Secrets``, ``client(connection)`` and, where the vendor names limits, ``ALLOWANCE``;
`module` finds it by the connection's system.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from plumbing import catalog
from plumbing.errors import Misconfigured
from plumbing.limits import Allowance
from plumbing.vendor_options import options_of

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


def allowance(connection: Connection) -> Allowance:
    """What the vendor lets the connection's account do: its documented limits, as the connection's options raise them."""
    known = module(connection.system)
    granted: Allowance = options_of(connection, known.Options).limits(getattr(known, "ALLOWANCE", Allowance()))
    return granted


def client(connection: Connection, **seams: Any) -> Client:
    """A client for the connection, made by its vendor's module."""
    made: Client = module(connection.system).client(connection, **seams)
    return made
