"""Ten thousand steps of any history, fixed seeds: once drained, what is there is what was last approved."""

import pytest

from tests.faults.machine import DeliveryMachine, walk

pytestmark = [pytest.mark.warehouse, pytest.mark.slow, pytest.mark.timeout(1800)]

STEPS = 10_000
SEED = 20261125


def test_once_drained_net_posted_is_the_latest_approved_version(ledger, street):
    assert walk(ledger, street, STEPS, seed=SEED) >= STEPS
    assert DeliveryMachine.reversals > 0
