"""A worker that is stopped (SIGSTOP) past its lease and woken (SIGCONT) after another has done its work doubles nothing."""

import os
import signal

import pytest

from tests.faults import runs
from tests.faults.killer import PusherPool, Stage, Watch
from tests.faults.ledger import Wish
from tests.faults.street import Street

pytestmark = pytest.mark.warehouse

WISHES = {str(number): Wish(str(number), 60 * number) for number in range(1, 4)}


@pytest.fixture(scope="module")
def pools(ledger):
    pools = [PusherPool(ledger.settings.home) for _ in range(2)]
    yield pools
    for pool in pools:
        pool.close()


def stopped_and_woken(ledger, pools, temper, boundary) -> runs.Verdict:
    """One worker stops at a boundary, its lease runs out, another pushes to the end, and the first wakes."""
    street = Street(temper)
    ledger.clear()
    ledger.want(WISHES.values())
    sleeper, other = Stage(ledger, pools[0], street), Stage(ledger, pools[1], street)
    watch = Watch(boundary, strike=signal.SIGSTOP)
    street.proxy._on_moment = sleeper._called
    with sleeper.relay(watch) as url:
        sleeper.begin(temper, watch, url)
        assert watch.wait_for_strike(), f"never at {boundary}"
        ledger.reread_clock().advance(200)
        try:
            assert other.push(temper, Watch()) == 0
        finally:
            os.kill(watch.victim, signal.SIGCONT)
        assert pools[0].result() == 0
    ledger.reread_clock().advance(200)
    assert other.push(temper, Watch()) == 0
    verdict = runs.judge(ledger, street.account(), WISHES)
    street.close()
    return verdict


@pytest.mark.parametrize(
    "boundary", [("POST arrived", 2), ("POST done", 2), ("commit asked", 5), ("commit done", 5), ("commit asked", 7)]
)
@pytest.mark.parametrize("temper", ["honours_keys", "looks_only", "neither"])
def test_woken_after_its_lease_each_hour_is_there_once(ledger, pools, temper, boundary):
    verdict = stopped_and_woken(ledger, pools, temper, boundary)
    assert verdict.is_clean, verdict
    if temper != "neither":
        assert verdict.parked == 0


def test_a_late_answer_is_kept_and_marked(ledger, pools):
    stopped_and_woken(ledger, pools, "looks_only", ("POST done", 2))
    rows = ledger.connection.execute("select count(*) from delivery.attempt where is_late").fetchone()
    assert rows[0] > 0
