"""A billed row of a NetSuite account is answered by a row of negative hours, where the account takes one and an option vouches for it."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest
from pydantic import SecretStr

from plumbing.settings import Connection, Settings
from plumbing.vendors import netsuite
from reverse_etl.engine import Timing
from reverse_etl.planner import plan
from reverse_etl.pusher import push
from tests.conformance.subjects.netsuite import fields
from tests.fixtures.simulators import Firm, start_firm

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"
TIMING = Timing(lease_seconds=60, call_seconds=10, quiet_seconds=0.4)
BILLED = {"destination_state": "billed"}


@pytest.fixture(scope="module", params=["netsuite_negative_hours", ""], ids=["takes negative hours", "refuses them"])
def account(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Firm, bool]]:
    options = {"unconfirmed": request.param} if request.param else {}
    with start_firm(tmp_path_factory.mktemp("firm"), seed=7, entries=120, only="netsuite", **options) as firm:
        yield firm, bool(request.param)


def connected(settings: Settings, firm: Firm, *, takes_negative_time: bool) -> Settings:
    address = firm.addresses["netsuite"]
    connection = Connection(
        name="netsuite",
        system="netsuite",
        base_url=address["base_url"],
        options={**address["options"], "takes_negative_time": takes_negative_time},
        secrets={name: SecretStr(value) for name, value in address["secrets"].items()},
    )
    return replace(settings, connections={"netsuite": connection})


def deliver(settings: Settings) -> None:
    plan(settings, SYNC)
    for report in push(settings, SYNC, timing=TIMING, patience_seconds=20):
        assert report.stopped is None, report.stopped


def test_a_billed_row_is_reversed_and_posted_again_where_the_option_vouches_for_it(desk, account):
    firm, takes_it = account
    settings = connected(desk.settings, firm, takes_negative_time=True)
    ((given, _),) = islice(fields(settings.connections["netsuite"]), 1)
    desk.want_exactly("91", fields=given, context={}, destination="netsuite")
    deliver(settings)
    vendor_id = desk.chain("91")["settled_vendor_id"]
    desk.want_exactly("91", fields={**given, "minutes": "360"}, context=BILLED, destination="netsuite", minutes=360)
    deliver(settings)
    told = [(row["operation"], row["state"]) for row in desk.intents("91", live=True)]
    if not takes_it:  # the account says no: nothing is posted again, and a person learns of it
        assert told == [("create", "acknowledged"), ("reverse", "refused"), ("create", "planned")]
        assert [one["category"] for one in desk.exceptions()] == ["validation"]
        return
    assert told == [("create", "acknowledged"), ("reverse", "acknowledged"), ("create", "acknowledged")]
    with netsuite.client(settings.connections["netsuite"]) as client:
        rows = [client.get(f"record/v1/timeBill/{row['vendor_id']}").json() for row in desk.intents("91", live=True)]
    assert [row["hours"] for row in rows] == ["7:30", "-7:30", "6:00"]
    assert rows[0]["id"] == vendor_id
    key = desk.intents("91")[0]["record_key"]
    assert [row["memo"].split(" ", 2)[2] for row in rows] == ["original", f"reversal of {key}", f"posts again {key}"]


def test_without_the_option_it_is_a_proposal_and_nothing_is_sent(desk, account):
    firm, _ = account
    settings = connected(desk.settings, firm, takes_negative_time=False)
    ((given, _),) = islice(fields(settings.connections["netsuite"]), 1)
    desk.want_exactly("92", fields=given, context={}, destination="netsuite")
    deliver(settings)
    firm["netsuite"].clear_journal()
    desk.want_exactly("92", fields={**given, "minutes": "360"}, context=BILLED, destination="netsuite", minutes=360)
    deliver(settings)
    assert firm["netsuite"].total_writes() == 0
    assert {row["reason"] for row in desk.intents("92", live=True)[1:]} == {"needs reversal"}
