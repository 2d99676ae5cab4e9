"""The same faults between the engine and a vendor's simulator: its own writer, sign-in and error bodies; real waits."""

from dataclasses import replace
from itertools import islice
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from plumbing.settings import Connection
from reverse_etl import plan, push, replay
from reverse_etl.engine import Timing
from simulators.faultproxy import Mix
from tests.conformance.subjects import netsuite
from tests.faults.street import ProxyThread
from tests.fixtures.simulators import start_firm

pytestmark = pytest.mark.warehouse

HOURS = 12
TIMING = Timing(lease_seconds=150.0, call_seconds=101.0, quiet_seconds=0.3)
KINDS = ("drop_before", "drop_after", "reset_after", "late", "reorder", "error_after", "busy_wait", "truncated", "slow")
ROUNDS = 6


@pytest.fixture(scope="module")
def firm(tmp_path_factory):
    with start_firm(tmp_path_factory.mktemp("firm"), seed=7, entries=200, only="netsuite") as firm:
        yield firm


def test_through_the_proxy_netsuite_holds_each_hour_once(desk, firm):
    address = firm.addresses["netsuite"]
    at = urlsplit(address["base_url"])
    secrets = {name: SecretStr(value) for name, value in address["secrets"].items()}
    direct = Connection("netsuite", "netsuite", address["base_url"], address["options"], secrets)
    before = netsuite.held(direct)
    mix = Mix(share=0.5, weights=dict.fromkeys(KINDS, 1.0), reads=("^POST .*suiteql",))
    proxy = ProxyThread((at.hostname, at.port), 4, mix)
    try:
        settings = replace(desk.settings, connections={"netsuite": replace(direct, base_url=f"{proxy.url}{at.path}")})
        for number, (fields, context) in enumerate(islice(netsuite.fields(direct), HOURS)):
            desk.want_exactly(str(number), fields=fields, context=context, destination="netsuite")
        for _ in range(ROUNDS):
            plan(settings, netsuite.SYNC)
            push(settings, netsuite.SYNC, timing=TIMING, patience_seconds=30)
            if {row["state"] for row in desk.intents(live=True)} == {"acknowledged"}:
                break
            replay(settings, sync=netsuite.SYNC, actor="test", why="it answers again")
        proxy.release()
        struck = sum(proxy.proxy.counts[kind] for kind in KINDS)
    finally:
        proxy.close()
    assert struck > 0
    assert {row["state"] for row in desk.intents(live=True)} == {"acknowledged"}
    held = {key: count for key, count in netsuite.held(direct).items() if key not in before}
    assert sorted(held.values()) == [1] * HOURS
