"""What only a person can say: there, not there, take it, leave it; gone by hand: make it again, or let it be."""

import threading
from collections.abc import Iterator

import pytest

from plumbing.errors import Misconfigured
from reverse_etl import answer, plan, push, question
from reverse_etl.questions import choices
from reverse_etl.writer import Operation
from tests.reverse_etl.loopback.pusher import TIMING, with_destination
from tests.reverse_etl.loopback.server import Call, Cut, Destination

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"
SAID = {"actor": "ann", "why": "looked there"}


@pytest.fixture
def there() -> Iterator[Destination]:
    destination = Destination()
    yield destination
    destination.close()


@pytest.fixture
def at(desk, there):
    return lambda system: with_destination(desk.settings, system, there.url)


def deliver(settings):
    plan(settings, SYNC)
    push(settings, SYNC, timing=TIMING, patience_seconds=20)


def lose(there, moment, method=None):
    """The next write's answer is lost, carried out (``after``) or not (``before``)."""
    left = threading.Semaphore(1)

    def fault(call: Call, now: str):
        is_due = call.is_write and now == moment and method in {None, call.method}
        return Cut() if is_due and left.acquire(blocking=False) else None

    there.fault = fault


@pytest.fixture
def lost(desk, there, at):
    """A create at a destination that can't be asked, its answer lost."""

    def create(moment):
        desk.want("91")
        lose(there, moment)
        deliver(at("blind"))
        return desk.open_intent("91")["intent_id"]

    return create


def conflict(desk, there, at):
    """Another record stands under our key."""
    desk.want("91")
    there.records["500"] = {"id": "500", "key": "kantata-91-g1", "item": "77", "minutes": "15", "date": "2026-10-05"}
    lose(there, "before")
    deliver(at("searched"))
    return desk.open_intent("91")["intent_id"]


def test_a_question_shows_what_was_sent_and_what_each_answer_will_do(lost, at):
    asked = question(at("blind"), lost("after"))
    assert (asked.operation, asked.state, asked.sent["minutes"]) == ("create", "unknown", "480")
    assert (asked.there, asked.before) == (None, None)
    assert "can't be asked" in asked.note
    assert "key kantata-91-g1" in asked.where
    assert set(asked.choices) == {"there", "not-there", "leave"}


def test_it_is_there_settles_it_under_the_id_named(desk, lost, at):
    number = lost("after")
    answer(at("blind"), number, "there", vendor_id="1", **SAID)
    assert (desk.chain("91")["settled_vendor_id"], desk.intents("91")[0]["state"]) == ("1", "acknowledged")
    (trouble,) = desk.exceptions(open_only=False)
    assert (trouble["closed_by"], trouble["closed_intent_id"]) == ("ann", number)
    (event,) = desk.connection.execute("select actor, detail from delivery.event where verb = 'decided'").fetchall()
    assert (event["actor"], event["detail"]["why"], event["detail"]["choice"]) == ("ann", "looked there", "there")


def test_it_is_not_there_sends_it_again(desk, there, lost, at):
    answer(at("blind"), lost("before"), "not-there", **SAID)
    deliver(at("blind"))
    assert (len(there.records), desk.intents("91")[0]["state"]) == (1, "acknowledged")
    assert desk.exceptions() == []


def test_left_as_it_is_it_stays_in_doubt_and_no_newer_desire_is_sent_over_it(desk, there, lost, at):
    number = lost("after")
    answer(at("blind"), number, "leave", **SAID)
    desk.want("91", minutes=60)
    deliver(at("blind"))
    assert len(there.records) == 1
    assert (desk.intents("91")[0]["state"], desk.intents("91")[0]["reason"]) == (
        "unknown",
        "left as it is by a person",
    )
    assert desk.exceptions()
    answer(at("blind"), number, "there", vendor_id="1", **SAID)


def test_there_needs_an_id(lost, at):
    with pytest.raises(Misconfigured, match="no id to settle it under"):
        answer(at("blind"), lost("after"), "there", **SAID)


def test_a_conflict_shows_what_stands_there(desk, there, at):
    asked = question(at("searched"), conflict(desk, there, at))
    assert (asked.there["id"], asked.there["minutes"], asked.sent["minutes"]) == ("500", "15", "480")
    assert "take" in asked.choices


def test_what_stands_there_otherwise_is_not_settled_as_ours(desk, there, at):
    with pytest.raises(Misconfigured, match="isn't what we meant to write"):
        answer(at("searched"), conflict(desk, there, at), "there", **SAID)
    with pytest.raises(Misconfigured, match="It stands there as 500"):
        answer(at("searched"), desk.open_intent("91")["intent_id"], "not-there", **SAID)


def test_what_stands_there_is_taken_over_and_amended_to_what_is_desired(desk, there, at):
    answer(at("searched"), conflict(desk, there, at), "take", **SAID)
    deliver(at("searched"))
    assert [(r["id"], r["minutes"]) for r in there.records.values()] == [("500", "480")]
    assert (desk.chain("91")["settled_vendor_id"], desk.exceptions()) == ("500", [])


def test_an_amend_in_conflict_may_write_over_what_stands_there(desk, there, at):
    desk.want("91", minutes=480)
    deliver(at("searched"))
    desk.want("91", minutes=360)
    (record,) = there.records.values()
    record["minutes"] = "7"
    lose(there, "before")
    deliver(at("searched"))
    number = desk.open_intent("91")["intent_id"]
    assert question(at("searched"), number).before["minutes"] == "480"
    answer(at("searched"), number, "take", **SAID)
    deliver(at("searched"))
    assert record["minutes"] == "360"


def gone(desk, there, at):
    """A row that a person deleted there, and an amend that found it gone."""
    desk.want("91", minutes=480)
    deliver(at("keyed"))
    there.records.clear()
    desk.want("91", minutes=360)
    deliver(at("keyed"))
    return desk.open_intent("91")["intent_id"]


def test_what_is_gone_by_hand_is_made_again_under_a_new_key_when_a_person_says_so(desk, there, at):
    number = gone(desk, there, at)
    assert set(question(at("keyed"), number).choices) == {"recreate", "gone"}
    answer(at("keyed"), number, "recreate", **SAID)
    deliver(at("keyed"))
    assert [(r["key"], r["minutes"]) for r in there.records.values()] == [("kantata-91-g2", "360")]
    assert desk.exceptions() == []


def test_what_is_accepted_as_gone_stays_held_until_a_person_says_otherwise(desk, there, at):
    answer(at("keyed"), gone(desk, there, at), "gone", **SAID)
    deliver(at("keyed"))
    assert there.records == {}
    held = desk.open_intent("91")
    assert (held["state"], held["reason"]) == ("held", "accepted as gone there")
    assert desk.balance() == {("US", "2026-10"): 360}
    desk.want("91", minutes=300)
    deliver(at("keyed"))
    assert there.records == {}
    answer(at("keyed"), desk.open_intent("91")["intent_id"], "recreate", **SAID)
    deliver(at("keyed"))
    assert [r["minutes"] for r in there.records.values()] == ["300"]


def test_what_stands_there_is_not_made_again(desk, there, at):
    desk.want("91")
    deliver(at("keyed"))
    settled = desk.chain("91")["settled_intent_id"]
    with pytest.raises(Misconfigured, match="can't be answered with 'recreate'"):
        answer(at("keyed"), settled, "recreate", **SAID)


def test_naming_another_id_makes_nothing_gone(desk, there, at):
    desk.want("91")
    deliver(at("keyed"))
    settled = desk.chain("91")["settled_intent_id"]
    with pytest.raises(Misconfigured, match="can't be answered with 'recreate'"):
        answer(at("keyed"), settled, "recreate", vendor_id="999", **SAID)


def test_nobody_decides_what_waits_for_nobody(desk, at):
    desk.want("91")
    plan(at("keyed"), SYNC)
    with pytest.raises(Misconfigured, match="waits for no person"):
        answer(at("keyed"), desk.open_intent("91")["intent_id"], "there", vendor_id="1", **SAID)


@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("is_found", [True, False])
def test_every_unknown_outcome_can_be_left_and_said_to_be_absent(operation, is_found):
    told = choices(operation, "unknown", is_by_hand=False, is_gone=False, is_found=is_found)
    assert {"leave", "not-there"} <= set(told)
    assert ("take" in told) == (not operation.makes_a_row or (operation is Operation.CREATE and is_found))
