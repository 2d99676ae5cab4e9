"""The way into the stage: one connection for a landing's copies, and none that an error has been through."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from ingest.quiet_dlt import Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plumbing.warehouse import Warehouse

pytestmark = pytest.mark.warehouse


@pytest.fixture
def destination(warehouse: Warehouse) -> Iterator[Postgres]:
    with contextlib.closing(Postgres(warehouse.url("load"))) as made:
        yield made


def backend_of(destination: Postgres) -> int:
    with destination.connected() as connection, connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        found = cursor.fetchone()
    assert found is not None
    return int(found[0])


def test_copies_of_a_landing_share_a_connection(destination: Postgres) -> None:
    assert backend_of(destination) == backend_of(destination)


def test_after_an_error_the_next_copy_has_a_connection_of_its_own(destination: Postgres, warehouse: Warehouse) -> None:
    first = backend_of(destination)
    with warehouse.connect(None, autocommit=True) as owner:
        owner.execute("select pg_terminate_backend(%s)", (first,))
    with pytest.raises(Exception, match=r"terminat|closed"):
        backend_of(destination)
    assert backend_of(destination) != first
