"""The module's database with the hand-moved clock, and a street of its own."""

from collections.abc import Iterator

import pytest

from plumbing.settings import Settings
from tests.faults.ledger import Ledger, make_relations
from tests.faults.street import Street


@pytest.fixture(scope="module")
def ledger(settings: Settings) -> Iterator[Ledger]:
    """An empty ledger on the hand-moved clock."""
    make_relations(settings)
    ledger = Ledger(settings)
    yield ledger
    ledger.close()


@pytest.fixture
def street() -> Iterator[Street]:
    """An empty destination behind a proxy that passes everything on."""
    street = Street("honours_keys")
    yield street
    street.close()
