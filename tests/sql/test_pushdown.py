"""One changed hour reads as much of a small history as of a large one: counted, not timed."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from benchmarks.pushdown import VIEWS, Reading, fill, read_by_key
from plumbing.warehouse import Warehouse
from tests.sql.hand_made import Firm

pytestmark = [pytest.mark.warehouse, pytest.mark.slow]

SMALL, LARGE = 40_000, 400_000  # entries; two and a half versions each
BUFFERS_A_KEY, ROWS_A_KEY = 300, 500  # measured: at most 180 and 320; the rest is room for another server's plans
RATIO = 1.3


@pytest.fixture(scope="module")
def readings(warehouse: Warehouse, owner: psycopg.Connection[Any]) -> dict[tuple[str, int, int], Reading]:
    """What each view read at both sizes, by view, entries and keys asked for."""
    found = {}
    for entries in (SMALL, LARGE):
        Firm(owner).clear()
        with psycopg.connect(warehouse.url()) as connection:
            versions = fill(connection, entries)
            assert versions == entries * 5 // 2
            for view in VIEWS:
                for keys in (1, 10, 100):
                    found[view, entries, keys] = read_by_key(connection, view, entries, keys)
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_a_call_by_key_finds_its_rows(readings: dict[tuple[str, int, int], Reading], view: str) -> None:
    assert [readings[view, LARGE, keys].returned for keys in (1, 10, 100)] == [1, 10, 100]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("entries", [SMALL, LARGE])
def test_what_a_key_reads_is_bounded_by_a_constant(
    readings: dict[tuple[str, int, int], Reading], view: str, entries: int
) -> None:
    for keys in (1, 10, 100):
        reading = readings[view, entries, keys]
        assert reading.buffers / keys <= BUFFERS_A_KEY
        assert reading.rows_read / keys <= ROWS_A_KEY


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("keys", [1, 10])
def test_ten_times_the_history_costs_a_key_no_more(
    readings: dict[tuple[str, int, int], Reading], view: str, keys: int
) -> None:
    small, large = readings[view, SMALL, keys], readings[view, LARGE, keys]
    assert large.buffers <= small.buffers * RATIO
    assert large.rows_read <= small.rows_read * RATIO
