"""Seeded fault runs in short: each hour once, whatever became of the calls. `python -m benchmarks.faults` runs them in long."""

import pytest

from simulators.faultproxy import KINDS
from tests.faults import runs

pytestmark = pytest.mark.warehouse

POSTINGS = 150
SEEDS = (11, 12)


@pytest.fixture(scope="module")
def long_street():
    from tests.faults.street import Street

    street = Street("honours_keys")
    yield street
    street.close()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("temper", ["honours_keys", "ignores_keys", "looks_only"])
def test_under_faults_each_hour_is_there_once_as_last_approved(ledger, long_street, temper, seed):
    verdict = runs.run(ledger, long_street, seed, temper, POSTINGS, share=0.3)
    assert (verdict.lost, verdict.duplicated, verdict.drift_minutes, verdict.drift_money) == (0, 0, 0, 0)
    assert verdict.parked == 0
    assert verdict.postings > POSTINGS / 2
    assert sum(verdict.faults[kind] for kind in KINDS) > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_where_nothing_can_tell_no_hour_is_doubled_and_doubtful_ones_are_parked(ledger, long_street, seed):
    verdict = runs.run(ledger, long_street, seed, "neither", POSTINGS, share=0.3)
    assert (verdict.lost, verdict.duplicated, verdict.drift_minutes, verdict.drift_money) == (0, 0, 0, 0)
    assert verdict.parked > 0


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_fault_by_itself_leaves_each_hour_there_once(ledger, long_street, kind):
    from simulators.faultproxy import Mix
    from tests.faults.client import with_destination
    from tests.faults.ledger import Wish

    wishes = {str(number): Wish(str(number), 60 + number) for number in range(12)}
    long_street.reset("looks_only", 5, Mix(share=0.5, weights={kind: 1.0}))
    ledger.clear()
    ledger.want(wishes.values())
    runs.drain(with_destination(ledger.settings, "looks_only", long_street.url, timeout_seconds=0.3), ledger)
    account = long_street.account()
    verdict = runs.judge(ledger, account, wishes)
    assert account.faults[kind] > 0
    assert verdict.is_clean, verdict
    assert verdict.parked == 0


def test_the_same_seed_meets_the_same_faults(ledger, long_street):
    told = []
    for _ in range(2):
        verdict = runs.run(ledger, long_street, 21, "honours_keys", 60, share=0.3)
        told.append((verdict.postings, {kind: verdict.faults[kind] for kind in KINDS}))
    assert told[0] == told[1]


def test_a_client_that_sends_again_at_once_is_caught_by_the_harness(ledger, long_street):
    """The harness itself: an engine that forgets to look would be seen to double hours."""
    import httpx

    from simulators.faultproxy import Mix

    long_street.reset("ignores_keys", 3, Mix(share=0.5, weights={"drop_after": 1.0, "late": 1.0}))
    with httpx.Client(base_url=long_street.url, timeout=5) as client:
        for number in range(40):
            body = {"key": f"kantata-{number}-g1", "item": "77", "minutes": "60", "rate": "100", "date": "2026-10-05"}
            for _ in range(8):
                try:
                    client.post("/records", json=body)
                    break
                except httpx.TransportError:
                    continue
    assert sum(max(0, count - 1) for count, _, _ in long_street.account().net.values()) > 0
