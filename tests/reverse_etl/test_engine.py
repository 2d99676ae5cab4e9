"""The engine against a small real destination on loopback, over a real ledger."""

import threading
from collections.abc import Iterator

import pytest

from reverse_etl.planner import plan
from reverse_etl.pusher import push
from tests.reverse_etl.loopback.pusher import TIMING, with_destination
from tests.reverse_etl.loopback.server import Call, Cut, Destination, Say

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"


@pytest.fixture
def there() -> Iterator[Destination]:
    destination = Destination()
    yield destination
    destination.close()


def run(desk, there, system="keyed", **options):
    """Plan and push once."""
    settings = with_destination(desk.settings, system, there.url)
    plan(settings, SYNC)
    reports = push(settings, SYNC, timing=TIMING, **{"patience_seconds": 20, **options})
    return reports[0] if reports else None


def first(times: int, answer: Cut | Say, moment: str = "before", method: str | None = None):
    """A fault of the first few writes."""
    left = threading.Semaphore(times)

    def fault(call: Call, now: str):
        if call.is_write and now == moment and method in {None, call.method} and left.acquire(blocking=False):
            return answer
        return None

    return fault


def states(desk):
    return [row["state"] for row in desk.intents(live=True)]


def test_second_push_of_same_batch_sends_nothing(desk, there):
    for number in range(20):
        desk.want(str(number))
    report = run(desk, there)
    assert (report.counts["acknowledged"], len(there.records)) == (20, 20)
    calls = len(there.journal)
    assert run(desk, there) is None
    assert len(there.journal) == calls


def test_the_whole_life_of_an_hour_ends_with_an_empty_destination(desk, there):
    desk.want("91", minutes=480)
    run(desk, there)
    desk.want("91", minutes=360)
    run(desk, there)
    assert [record["minutes"] for record in there.records.values()] == ["360"]
    desk.want("91", desired_state="void", is_approved=False, is_due=False)
    run(desk, there)
    assert there.records == {}
    desk.want("91", minutes=60)
    run(desk, there)
    assert [record["key"] for record in there.records.values()] == ["kantata-91-g2"]


@pytest.mark.parametrize("system", ["keyed", "searched"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_lost_answer_is_looked_up_and_each_hour_is_there_once(desk, there, system, moment):
    for number in range(6):
        desk.want(str(number))
    there.fault = first(3, Cut(), moment)
    run(desk, there, system)
    assert states(desk) == ["acknowledged"] * 6
    assert sorted(len(records) for records in there.by_key().values()) == [1] * 6


def test_a_lost_answer_without_key_and_look_up_is_for_a_person(desk, there):
    desk.want("91")
    there.fault = first(1, Cut(), "after")
    run(desk, there, "blind")
    assert states(desk) == ["unknown"]
    (trouble,) = desk.exceptions()
    assert trouble["category"] == "outcome_unknown"
    assert run(desk, there, "blind") is None
    assert len(there.writes) == 1


def test_a_lost_amend_and_a_lost_delete_are_settled_by_looking(desk, there):
    desk.want("91", minutes=480)
    run(desk, there)
    desk.want("91", minutes=360)
    there.fault = first(1, Cut(), "after", "PATCH")
    run(desk, there)
    assert desk.chain("91")["settled_minutes"] == 360
    assert len([call for call in there.writes if call.method == "PATCH"]) == 1
    desk.want("91", desired_state="void", is_approved=False, is_due=False)
    there.fault = first(1, Cut(), "after", "DELETE")
    run(desk, there)
    assert desk.chain("91")["settled_intent_id"] is None
    assert len([call for call in there.writes if call.method == "DELETE"]) == 1


def test_what_was_changed_by_hand_while_in_doubt_is_a_conflict(desk, there):
    desk.want("91", minutes=480)

    def change_by_hand(call: Call, moment: str):
        if call.method == "PUT" and moment == "after":
            for record in there.records.values():
                record["minutes"] = "1"
            return Cut()
        return None

    there.fault = change_by_hand
    run(desk, there)
    assert states(desk) == ["unknown"]
    assert desk.exceptions()[0]["category"] == "conflict"


def test_a_refused_row_does_not_sink_its_neighbours(desk, there):
    for number in range(8):
        desk.want(str(number), fields={"item_ref": "bad"} if number == 3 else {})
    run(desk, there)
    assert sorted(states(desk)) == ["acknowledged"] * 7 + ["refused"]
    (trouble,) = desk.exceptions()
    assert (trouble["category"], trouble["cause"], trouble["money"], trouble["hours"]) == (
        "invalid_reference",
        "invalid_reference: item",
        800,
        8,
    )


def test_a_row_that_can_not_be_written_is_refused_without_a_call(desk, there):
    desk.want("91", fields={"item_ref": "unwritable"})
    desk.want("92")
    run(desk, there)
    assert sorted(states(desk)) == ["acknowledged", "refused"]
    assert len(there.writes) == 1


def test_gone_by_hand_is_never_made_again(desk, there):
    desk.want("91", minutes=480)
    run(desk, there)
    there.records.clear()
    desk.want("91", minutes=360)
    run(desk, there)
    assert states(desk) == ["acknowledged", "refused"]
    assert desk.exceptions()[0]["category"] == "gone_by_hand"
    assert there.records == {}


def test_a_delete_of_what_is_gone_is_done(desk, there):
    desk.want("91", minutes=480)
    run(desk, there)
    there.records.clear()
    desk.want("91", desired_state="void", is_approved=False, is_due=False)
    run(desk, there)
    assert desk.chain("91")["settled_intent_id"] is None


def test_retry_after_is_honoured_and_costs_no_try(desk, there):
    desk.want("91")
    at = []

    def busy(call: Call, moment: str):
        import time

        if moment == "before":
            at.append(time.monotonic())
            if len(at) == 1:
                return Say(429, {"Retry-After": "1"})
        return None

    there.fault = busy
    run(desk, there)
    assert at[1] - at[0] >= 1
    assert desk.intents("91")[0]["failure_count"] == 0
    assert states(desk) == ["acknowledged"]


def test_a_wrong_token_stops_the_destination_with_one_sentence_and_state_intact(desk, there):
    for number in range(5):
        desk.want(str(number))
    there.fault = lambda _call, moment: Say(401) if moment == "before" else None
    report = run(desk, there)
    assert "401" in report.stopped
    assert "what was not sent stays planned" in report.stopped
    assert states(desk) == ["planned"] * 5
    assert len(there.journal) <= 5
    there.fault = lambda _call, _moment: None
    run(desk, there)
    assert states(desk) == ["acknowledged"] * 5


def test_an_unreachable_destination_is_left_alone_after_a_few_tries(desk, there):
    for number in range(30):
        desk.want(str(number))
    settings = with_destination(desk.settings, "keyed", "http://127.0.0.1:9")
    plan(settings, SYNC)
    (report,) = push(settings, SYNC, timing=TIMING, patience_seconds=0)
    assert "left alone" in report.stopped
    assert set(states(desk)) == {"planned"}
    assert sum(row["failure_count"] for row in desk.intents()) < 30


def test_a_create_that_fails_every_time_becomes_a_dead_letter(desk, there, monkeypatch):
    from reverse_etl import outcomes

    monkeypatch.setattr(outcomes, "FIRST_WAIT_SECONDS", 0.0)
    desk.want("91")
    there.fault = lambda call, moment: Cut() if call.is_write and moment == "before" else None
    run(desk, there, "keyed", patience_seconds=60)
    (intent,) = desk.intents()
    assert (intent["state"], intent["held_by"], intent["failure_count"]) == ("held", "retries", 8)
    (trouble,) = desk.exceptions()
    assert trouble["category"] == "dead_letter"


def test_an_expired_lease_is_doubted_and_looked_up_before_anything_is_sent(desk, there):
    desk.want("91")
    settings = with_destination(desk.settings, "searched", there.url)
    plan(settings, SYNC)
    desk.claim(lease_seconds=0)
    there.serve(
        Call(0, "POST", "/records", {"key": "kantata-91-g1", "item": "77", "minutes": "480", "date": "2026-10-05"})
    )
    push(settings, SYNC, timing=TIMING, patience_seconds=20)
    assert states(desk) == ["acknowledged"]
    assert [call.method for call in there.journal] == ["GET"]


def test_a_lease_too_short_for_the_call_sends_nothing(desk, there):
    from reverse_etl.engine import Timing

    desk.want("91")
    settings = with_destination(desk.settings, "keyed", there.url)
    plan(settings, SYNC)
    push(
        settings,
        SYNC,
        timing=Timing(lease_seconds=0.5, call_seconds=1.0, quiet_seconds=0.1),
        limit=1,
        patience_seconds=0,
    )
    assert (there.journal, states(desk)) == ([], ["planned"])


def test_a_late_answer_is_kept_and_changes_no_state(desk, there):
    from reverse_etl.writer import Outcome, Result

    desk.want("91")
    settings = with_destination(desk.settings, "searched", there.url)
    plan(settings, SYNC)
    late = desk.claim(lease_seconds=0)
    push(settings, SYNC, timing=TIMING, patience_seconds=20)
    assert states(desk) == ["acknowledged"]
    before = desk.intents("91")[0]
    desk.answer(late, Outcome(Result.ACKNOWLEDGED, vendor_id="another"))
    assert desk.intents("91")[0] == before
    attempt = desk.connection.execute("select * from delivery.attempt order by attempt_id desc limit 1").fetchone()
    assert (attempt["is_late"], attempt["vendor_id"]) == (True, "another")
    assert desk.exceptions()[0]["cause"] == "a late answer named a second record"


def test_two_workers_at_once_send_each_hour_once(desk, there):
    for number in range(120):
        desk.want(str(number))
    settings = with_destination(desk.settings, "searched", there.url)
    plan(settings, SYNC)
    workers = [
        threading.Thread(target=push, args=(settings, SYNC), kwargs={"timing": TIMING, "patience_seconds": 5})
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert states(desk) == ["acknowledged"] * 120
    assert len(there.writes) == 120
    owners = desk.connection.execute(
        "select count(distinct worker) as n from delivery.request where phase = 'asked'"
    ).fetchone()
    assert owners["n"] == 2


def test_every_call_has_its_asked_and_its_answered_row(desk, there):
    for number in range(5):
        desk.want(str(number))
    run(desk, there)
    rows = desk.connection.execute(
        "select a.call_id, a.at <= b.at as in_order, b.status, b.outcome from delivery.request a join delivery.request b using (call_id)"
        " where a.phase = 'asked' and b.phase = 'answered'"
    ).fetchall()
    assert [(row["in_order"], row["status"], row["outcome"]) for row in rows] == [(True, 201, "acknowledged")] * 5


def test_a_dry_run_touches_nothing(desk, there):
    desk.want("91")
    settings = with_destination(desk.settings, "keyed", there.url)
    plan(settings, SYNC)
    before = desk.intents()
    (report,) = push(settings, SYNC, dry_run=True)
    assert report.counts["would create"] == 1
    assert (there.journal, desk.intents()) == ([], before)


def test_an_unknown_connection_stops_only_that_destination(desk, there):
    desk.want("91")
    desk.want("92", destination="nowhere")
    settings = with_destination(desk.settings, "keyed", there.url)
    plan(settings, SYNC)
    reports = {report.destination: report for report in push(settings, SYNC, timing=TIMING)}
    assert reports["erp"].counts["acknowledged"] == 1
    assert "There is no connection 'nowhere'" in reports["nowhere"].stopped


def test_a_push_ends_though_what_is_in_doubt_can_not_be_looked_up(desk):
    desk.want("91")
    settings = with_destination(desk.settings, "searched", "http://127.0.0.1:9")
    plan(settings, SYNC)
    desk.claim(lease_seconds=0)
    (report,) = push(settings, SYNC, timing=TIMING, patience_seconds=1)
    (intent,) = desk.intents()
    assert (intent["state"], intent["look_count"], report.waiting) == ("in_doubt", 0, 1)
    assert intent["next_attempt_at"] > intent["doubt_since"]
