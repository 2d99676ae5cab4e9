"""Killed with -9 while it reads: nothing half landed, nothing is locked, and the next run lands what is there."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import pytest

from tests.fixtures.workplace import Office

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("bad input")]


def test_a_land_killed_between_two_pages_leaves_the_cursor_and_the_next_one_loses_and_doubles_nothing(
    office: Office,
) -> None:
    assert office.run("land", "kantata").exit_code == 0
    latest = (
        "select distinct on (source_id) source_id, content_hash from raw_kantata.time_entries order by 1, version desc"
    )
    rows = office.query(latest)
    office.query("truncate raw_kantata.time_entries")
    office.query("delete from landing.cursor where connection = 'kantata' and resource = 'time_entries'")
    psa = office.firm["kantata"]
    psa.fault("delay", seconds=60, path="/time_entries$", query="per_page=200", after=1, times=1)
    with office.start("land", "kantata") as process:
        try:
            until(lambda: any(one["hit"] for one in psa.get("faults")), process)
        finally:
            process.kill()
    assert office.count("raw_kantata.time_entries") == 0
    assert "time_entries" not in office.cursors("kantata")
    psa.clear_faults()
    said = office.run("land", "kantata", "--json")
    assert said.exit_code == 0
    assert office.query(latest) == rows
    assert office.count("raw_kantata.time_entries") == len(rows)


def until(holds: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 60) -> None:
    """Waits for a condition while a process lives."""
    limit = time.monotonic() + seconds
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.05)
