"""Which connections can be written, and by which writer: found by looking in the vendor folders, never listed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import sqlalchemy as sa

from plumbing import catalog
from plumbing.errors import Misconfigured
from plumbing.warehouse import Role, Warehouse
from reverse_etl.decisions import Means
from reverse_etl.fieldmap import FieldMap, FieldRule

if TYPE_CHECKING:
    from plumbing.settings import Connection, Settings
    from reverse_etl.decisions import Ability
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


def means(settings: Settings, sync: Sync) -> dict[str, Means]:
    """What can be done at each destination: what its vendor can, the sync allows, and the connection's options vouch for."""
    found = {}
    for name in of_sync(settings, sync):
        connection = settings.connections[name]
        can = writer_class(sync, connection.system).capabilities
        found[name] = Means(
            amend=can.can_amend and "amend" in sync.operations,
            delete=can.can_delete and "delete" in sync.operations,
            reverse=_ability(can.reverse, can.reverse_option, connection) if "reverse" in sync.operations else "no",
            adjust=_ability(can.adjust, can.adjust_option, connection) if "adjust" in sync.operations else "no",
        )
    return found


def _ability(able: Ability, option: str | None, connection: Connection) -> Ability:
    """What is unconfirmed is done where the connection's option vouches for it."""
    return "yes" if able == "unconfirmed" and option and connection.options.get(option) is True else able


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
