"""Lands what the connected systems say, in the shape and under the promise that docs/architecture.md section 3 states.

The only home of dlt. `land`, `ensure`, `resources` and `check` are public, with what they return.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.landing import land
    from ingest.report import LoadReport, ResourceReport
    from ingest.sources import Finding
    from plumbing.settings import Settings

__all__ = ["Finding", "LoadReport", "ResourceReport", "check", "ensure", "erase", "land", "resources"]

_HOMES = {
    "land": "ingest.landing",
    "LoadReport": "ingest.report",
    "ResourceReport": "ingest.report",
    "Finding": "ingest.sources",
}


def __getattr__(name: str) -> Any:
    # Late, since landing brings dlt and Arrow with it.
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def resources(system: str) -> tuple[str, ...]:
    """Names of what is read of a system, in the order in which it is read."""
    from ingest import sources

    return tuple(resource.name for resource in sources.resources(system))


def ensure(settings: Settings) -> None:
    """Make the raw tables of every configured connection, so that views on them can be made before the first load."""
    from ingest import sources
    from ingest.store import Store
    from plumbing.warehouse import Warehouse

    with Warehouse.open(settings).connect("load", autocommit=True) as session:
        for name, connection in settings.connections.items():
            if connection.system in sources.systems():
                Store(session, name).declare(connection.system, sources.resources(connection.system))


def erase(settings: Settings, person_refs: Sequence[str]) -> int:
    """Destroy the keys of persons, so that nobody can read what was kept of them; audit and history stay verifiable.

    Args:
        person_refs: ``<connection>:<kind>:<id>``, one for each source that knows the person.

    Returns:
        How many keys there were to destroy. Persons who were never read are remembered too, and never kept.
    """
    from ingest.shaping import Keys
    from ingest.vault import Vault
    from plumbing.warehouse import Warehouse

    with Warehouse.open(settings).connect("load", autocommit=True) as session:
        return Vault(session, Keys.derive(settings.master_key.get_secret_value())).erase(person_refs)


def check(settings: Settings, connection: str) -> Sequence[Finding]:
    """Whether a connection's credentials and scopes suffice to read it; sends reads only, never raises what they meet.

    Raises:
        Misconfigured: there is no such connection.
    """
    from ingest import sources
    from plumbing import vendors
    from plumbing.errors import HourlineError

    configured = settings.connection(connection)
    try:
        system = sources.load(configured.system)
        with vendors.client(configured) as client:
            return system.open(configured, client).check()
    except HourlineError as error:
        message, remedy = error.message, error.remedy or ""
        return [sources.Finding(connection, "configuration", is_well=False, message=message, remedy=remedy)]
