"""Vendors that take many records a call: a bad row is found, and its neighbours come through once."""

from collections.abc import Iterator

import pytest

from reverse_etl.planner import plan
from reverse_etl.pusher import push
from tests.reverse_etl.loopback.batches import BATCH_SIZE
from tests.reverse_etl.loopback.pusher import TIMING, with_destination
from tests.reverse_etl.loopback.server import Call, Cut, Destination, Say

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"
HOURS = 40
BAD = {3, 20, 21}


@pytest.fixture
def there() -> Iterator[Destination]:
    destination = Destination()
    yield destination
    destination.close()


def run(desk, there, system, *, bad=frozenset(), **options):
    for number in range(HOURS):
        desk.want(str(number), fields={"item_ref": "bad"} if number in bad else {})
    settings = with_destination(desk.settings, system, there.url)
    plan(settings, SYNC)
    (report,) = push(settings, SYNC, timing=TIMING, **{"patience_seconds": 30, **options})
    return report


def states(desk):
    return {int(row["source_id"]): row["state"] for row in desk.intents()}


def sizes(there):
    return [len(call.body["items"]) for call in there.writes]


@pytest.mark.parametrize("system", ["whole", "partial"])
def test_good_hours_go_out_in_full_batches(desk, there, system):
    run(desk, there, system)
    assert sizes(there) == [BATCH_SIZE] * (HOURS // BATCH_SIZE)
    assert set(states(desk).values()) == {"acknowledged"}
    vendor_ids = {row["settled_vendor_id"] for row in desk.connection.execute("select * from delivery.chain")}
    assert vendor_ids == set(there.records)


@pytest.mark.parametrize("system", ["whole", "partial"])
def test_a_bad_row_is_refused_alone_and_its_neighbours_are_there_once(desk, there, system):
    run(desk, there, system, bad=BAD)
    assert states(desk) == {n: "refused" if n in BAD else "acknowledged" for n in range(HOURS)}
    assert {key: len(records) for key, records in there.by_key().items()} == {
        f"kantata-{n}-g1": 1 for n in range(HOURS) if n not in BAD
    }
    assert [row["cause"] for row in desk.exceptions()] == ["invalid_reference: item"] * len(BAD)


def test_a_refused_batch_is_sent_in_halves_until_the_bad_row_stands_alone(desk, there):
    run(desk, there, "whole", bad={3})
    assert sorted(sizes(there), reverse=True) == [8, 8, 8, 8, 8, 4, 4, 2, 2, 1, 1]
    said = desk.connection.execute(
        "select outcome, count(*) as n from delivery.request where phase = 'answered' group by 1"
    ).fetchall()
    assert {row["outcome"]: row["n"] for row in said} == {"split": 3, "acknowledged": 7, "refused": 1}


def test_every_half_is_asked_before_it_is_sent_and_its_intents_name_it(desk, there):
    run(desk, there, "whole", bad={3})
    row = desk.connection.execute(
        "select count(*) as n from delivery.attempt t join delivery.intent i using (intent_id)"
        " join delivery.request q on q.call_id = t.call_id and q.phase = 'asked' where i.last_call_id = t.call_id and q.at <= t.at"
    ).fetchone()
    assert row["n"] == HOURS


@pytest.mark.parametrize("system", ["whole", "partial"])
def test_a_batch_whose_answer_is_lost_is_looked_up_row_by_row(desk, there, system):
    cut = iter([True])

    def lose(call: Call, moment: str) -> Cut | None:
        return Cut() if call.is_write and moment == "after" and next(cut, False) else None

    there.fault = lose
    run(desk, there, system)
    assert set(states(desk).values()) == {"acknowledged"}
    assert len(there.writes) == HOURS // BATCH_SIZE
    assert len(there.records) == HOURS


def test_a_busy_batch_goes_out_again_whole_and_costs_no_try(desk, there):
    busy = iter([True])

    def refuse(call: Call, moment: str) -> Say | None:
        return Say(429, {"Retry-After": "0.2"}) if call.is_write and moment == "before" and next(busy, False) else None

    there.fault = refuse
    run(desk, there, "whole")
    assert set(states(desk).values()) == {"acknowledged"}
    assert {row["failure_count"] for row in desk.intents()} == {0}


def test_operations_are_never_mixed_in_one_call(desk, there):
    run(desk, there, "whole")
    for number in range(HOURS):
        if number % 2:
            desk.want(str(number), minutes=60)
    desk.want("900")
    settings = with_destination(desk.settings, "whole", there.url)
    plan(settings, SYNC)
    push(settings, SYNC, timing=TIMING, patience_seconds=30)
    assert set(states(desk).values()) == {"acknowledged"}
    assert there.by_key()["kantata-1-g1"][0]["minutes"] == "60"
    mixed = desk.connection.execute(
        "select call_id from delivery.attempt join delivery.intent using (intent_id) group by call_id"
        " having count(distinct operation) > 1"
    ).fetchall()
    assert mixed == []
