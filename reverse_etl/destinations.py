"""Which connections can be written, and by which writer: found by looking in the vendor folders, never listed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from plumbing import catalog
from plumbing.errors import Misconfigured
from plumbing.warehouse import Role, Warehouse
from reverse_etl.fieldmap import FieldMap, FieldRule

if TYPE_CHECKING:
    from plumbing.settings import Settings
    from reverse_etl.syncs import Sync
    from reverse_etl.writer import Writer


def engine(settings: Settings, role: Role) -> sa.Engine:
    """An engine on the warehouse, in a role; the caller disposes of it."""
    return Warehouse.open(settings).engine(role)


def writer_class(sync: Sync, system: str) -> type[Writer]:
    """The writer of a system for the sync's kind.

    Raises:
        Misconfigured: there is no such writer; the sentence names those that exist.
    """
    package = f"reverse_etl.{sync.kind}"
    found = catalog.systems(package)
    if system not in found:
        raise Misconfigured(
            f"There is no {sync.kind} writer for {system}; there are {', '.join(found)}.",
            system=system,
            remedy=f"Route the sync {sync.name} to a connection of one of these systems.",
        )
    module = importlib.import_module(f"{package}.{system}.writer")
    writer: type[Writer] = module.Writer
    return writer


def of_sync(settings: Settings, sync: Sync) -> list[str]:
    """The configured connections that the sync can be written to, sorted."""
    written = set(catalog.systems(f"reverse_etl.{sync.kind}"))
    return sorted(name for name, connection in settings.connections.items() if connection.system in written)


def capabilities(settings: Settings, sync: Sync) -> list[dict[str, Any]]:
    """What each destination can do, as the plan's SQL reads it."""
    rows = []
    for name in of_sync(settings, sync):
        can = writer_class(sync, settings.connections[name].system).capabilities
        rows.append(
            {
                "destination": name,
                "can_amend": can.can_amend and "amend" in sync.operations,
                "can_delete": can.can_delete and "delete" in sync.operations,
            }
        )
    return rows


def field_map(connection: sa.Connection, destination: str, entity: str) -> FieldMap:
    """The firm's own rows of the field map."""
    rows = connection.execute(
        sa.text(
            "select vendor_field, value_kind, value, value_type from rule.field_map"
            " where destination = :destination and entity = :entity order by vendor_field"
        ),
        {"destination": destination, "entity": entity},
    )
    named = (FieldRule(row.vendor_field, row.value_kind, row.value, row.value_type) for row in rows)
    return FieldMap(destination, entity, named)


def open_writer(settings: Settings, sync: Sync, destination: str, connection: sa.Connection) -> Writer:
    """The writer of a destination, with the firm's field map; the caller closes it.

    Raises:
        Misconfigured: no such connection or writer, or a wrong option, secret or field map.
    """
    configured = settings.connection(destination)
    kind = writer_class(sync, configured.system)
    return kind(configured, sync.entity, field_map(connection, destination, sync.entity))
