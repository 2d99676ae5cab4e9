"""Firms made once and read by many tests."""

from __future__ import annotations

from datetime import date

import pytest

from simulators.firm.generator import build
from simulators.firm.model import World

AS_OF = date(2026, 11, 16)


@pytest.fixture(scope="session", params=[1, 2, 3, 4, 5])
def any_firm(request: pytest.FixtureRequest) -> World:
    """Five seeds of 2,000 entries; not to be changed."""
    return build(request.param, 2_000, AS_OF)


@pytest.fixture
def world() -> World:
    """A firm of one test's own."""
    return build(7, 1_200, AS_OF)
