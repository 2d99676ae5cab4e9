"""A destination in trouble is left alone by all workers and tried again with one intent; one customer's trouble is its own."""

from collections.abc import Iterator

import pytest

from reverse_etl.planner import plan
from reverse_etl.pusher import push
from tests.reverse_etl.loopback.pusher import TIMING, with_destination
from tests.reverse_etl.loopback.server import Call, Destination, Say

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"
DOWN = Say(503, body={"error": "down for maintenance"})


@pytest.fixture
def there() -> Iterator[Destination]:
    destination = Destination()
    yield destination
    destination.close()


def run(desk, there, **options):
    """Plan and push once, without waiting for what is due later."""
    settings = with_destination(desk.settings, "keyed", there.url)
    plan(settings, SYNC)
    return push(settings, SYNC, timing=TIMING, **{"patience_seconds": 0, **options})[0]


def writes_down(call: Call, moment: str):
    return DOWN if call.is_write and moment == "before" else None


def want(desk, number: int, project: str | None = None):
    desk.want(str(number), fields={"project_ref": project or f"p{number}"})


def let_time_pass(desk, seconds: int):
    """As if the breaker and the intents had been put off so much earlier."""
    desk.connection.execute(
        "update delivery.breaker set probe_at = probe_at - make_interval(secs => %s), probe_lease_until = null",
        (seconds,),
    )
    desk.connection.execute(
        "update delivery.intent set next_attempt_at = next_attempt_at - make_interval(secs => %s)"
        " where state in ('planned', 'in_doubt')",
        (seconds,),
    )


def breaker(desk):
    return desk.connection.execute("select * from delivery.breaker").fetchone()


def test_a_scheduled_push_leaves_a_destination_in_trouble_alone_until_its_time(desk, there):
    for number in range(20):
        want(desk, number)
    there.fault = writes_down
    assert "left alone" in run(desk, there).stopped
    calls = len(there.journal)
    report = run(desk, there, is_scheduled=True)
    assert len(there.journal) == calls
    assert "It is tried again at" in report.stopped
    assert report.waiting == 20


def test_one_intent_tries_it_again_and_the_rest_follows_when_it_is_through(desk, there):
    for number in range(20):
        want(desk, number)
    there.fault = writes_down
    run(desk, there)
    there.fault = lambda _call, _moment: None
    let_time_pass(desk, 600)
    report = run(desk, there, is_scheduled=True)
    assert report.stopped is None
    assert len(there.records) == 20
    assert breaker(desk) is None


def test_a_probe_in_trouble_sends_no_second_intent_and_doubles_the_rest(desk, there):
    for number in range(20):
        want(desk, number)
    there.fault = writes_down
    run(desk, there)
    let_time_pass(desk, 600)
    writes = len(there.writes)
    assert "still in trouble" in run(desk, there, is_scheduled=True).stopped
    assert len(there.writes) == writes + 1
    assert breaker(desk)["trips"] == 2


def test_a_person_who_pushes_is_not_kept_waiting(desk, there):
    for number in range(20):
        want(desk, number)
    there.fault = writes_down
    run(desk, there)
    there.fault = lambda _call, _moment: None
    desk.connection.execute("update delivery.intent set next_attempt_at = hourline.now() where state = 'planned'")
    assert run(desk, there).stopped is None
    assert len(there.records) == 20


def test_trouble_with_one_customer_alone_puts_that_one_off_and_the_others_go_on(desk, there):
    for number in range(100):
        want(desk, number, "poisoned")
    for number in range(100, 128):
        desk.want(str(number), work_date="2026-10-06", fields={"project_ref": f"p{number}", "item_ref": "88"})

    def fault(call: Call, moment: str):
        return DOWN if moment == "before" and call.is_write and call.body.get("item") == "77" else None

    there.fault = fault
    report = run(desk, there)
    assert report.stopped is None
    assert len(there.records) == 28
    left = [row for row in desk.intents() if row["state"] != "acknowledged"]
    assert {row["fields"]["project_ref"] for row in left} == {"poisoned"}
    assert report.counts["put off"] > 0
    assert len(there.writes) < 28 + 100


def test_what_is_nearest_its_cut_off_goes_first(desk, there):
    for number in range(6):
        want(desk, number)
    settings = with_destination(desk.settings, "keyed", there.url)
    plan(settings, SYNC)
    desk.connection.execute("update delivery.intent set cutoff_at = now() + interval '1 hour' where source_id = '4'")
    desk.connection.execute("update delivery.intent set cutoff_at = now() + interval '2 hours' where source_id = '2'")
    push(settings, SYNC, timing=TIMING, limit=1)
    push(settings, SYNC, timing=TIMING, limit=1)
    assert [call.body["key"] for call in there.writes] == ["kantata-4-g1", "kantata-2-g1"]
