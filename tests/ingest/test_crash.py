"""The landing process killed at moments of its work: what is read again adds nothing twice and loses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ingest.conftest import Landing
from tests.ingest.kantata_script import TOKEN, entry
from tests.ingest.scripted import Call

pytestmark = pytest.mark.warehouse
ROOT = Path(__file__).parents[2]
COUNT = 600
LAND = "import sys, plumbing.settings, ingest; ingest.land(plumbing.settings.load(), sys.argv[1], resources=['time_entries'])"


def start(kantata: Landing, home: Path) -> subprocess.Popen[bytes]:
    """The landing in a process of its own."""
    [connection] = kantata.settings.connections.values()
    assert kantata.settings.warehouse_url is not None
    home.mkdir(exist_ok=True)
    (home / "hourline.toml").write_text(
        f'[connections.{connection.name}]\nsystem = "kantata"\nbase_url = "{connection.base_url}"\n'
        f'[connections.{connection.name}.options]\naccount_id = "1"\n'
    )
    secrets = home / "secrets.toml"
    secrets.write_text(f'[{connection.name}]\ntoken = "{TOKEN}"\n[hourline]\nmaster_key = "{"0" * 64}"\n')
    secrets.chmod(0o600)
    environment = os.environ | {
        "HOURLINE_HOME": str(home),
        "HOURLINE_WAREHOUSE_URL": kantata.settings.warehouse_url.get_secret_value(),
    }
    return subprocess.Popen([sys.executable, "-c", LAND, connection.name], cwd=ROOT, env=environment)


def killer(process_of: list[subprocess.Popen[bytes]], at_call: int, after: float) -> Callable[[Call], None]:
    """Kills the process a moment after its n-th call arrives."""
    seen = iter(range(1, 10_000))

    def on_call(_call: Call) -> None:
        if next(seen) == at_call:
            threading.Timer(after, process_of[0].kill).start()

    return on_call


# By calls: amid the pages; then moments in which the stage is filled and the rows are appended; then
# the count that follows the commit.
@pytest.mark.parametrize(("at_call", "after"), [(3, 0.0), (4, 0.05), (4, 0.3), (5, 0.0)])
def test_a_killed_landing_is_made_good_by_the_next(
    kantata: Landing, tmp_path: Path, at_call: int, after: float
) -> None:
    kantata.script.add(*(entry(n) for n in range(COUNT)))
    process_of: list[subprocess.Popen[bytes]] = []
    kantata.script.hook = killer(process_of, at_call, after)
    process_of.append(start(kantata, tmp_path / "home"))
    killed = process_of[0].wait(60)
    kantata.script.hook = None
    rerun = start(kantata, tmp_path / "home")
    assert rerun.wait(60) == 0
    assert killed in {-9, 0}
    rows = kantata.query(f"select count(*), count(distinct source_id) from raw_{kantata.connection}.time_entries")
    assert rows == [(COUNT, COUNT)]
    assert kantata.query(
        "select sum(cardinality(member_ids)) from landing.neighbourhood where source_system = %s", kantata.connection
    ) == [(COUNT,)]
    assert kantata.query(
        "select count(*) from landing.load where connection = %s and status = 'running'", kantata.connection
    ) == [(0,)]
