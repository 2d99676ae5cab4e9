"""SIGKILL at every boundary of a pushing process that a traced run shows: after the rerun each hour is there once.

Real processes, real signals, a real PostgreSQL. The traced run names each commit (asked, done) and each call (arrived, carried
out, answered); the process is then killed at every one of them, and a boundary where no kill came to pass fails the test.
"""

import pytest

from tests.faults.kill_points import Scene, kill_everywhere
from tests.faults.killer import PusherPool, Stage
from tests.faults.street import Street

pytestmark = [pytest.mark.warehouse, pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def pool(ledger):
    pool = PusherPool(ledger.settings.home)
    yield pool
    pool.close()


@pytest.fixture
def stage(ledger, pool):
    street = Street("honours_keys")
    yield Stage(ledger, pool, street)
    street.close()


@pytest.mark.parametrize("temper", ["honours_keys", "takes_reversals", "looks_only", "neither"])
def test_killed_at_every_boundary_each_hour_is_there_once_after_the_rerun(stage, temper):
    points, verdict = kill_everywhere(stage, temper)
    assert points > 20
    assert verdict.is_clean, verdict
    assert (verdict.parked > 0) == (temper == "neither"), verdict


def test_a_traced_run_shows_commits_and_calls_of_each_operation(stage):
    kinds = {kind for kind, _ in Scene(stage, "honours_keys").traced()}
    operations = {
        f"{method} {moment}" for method in ("POST", "PATCH", "DELETE") for moment in ("arrived", "done", "answered")
    }
    assert kinds >= {"commit asked", "commit done"} | operations
