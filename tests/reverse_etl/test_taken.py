"""What a destination took and refused afterwards stands there: it is changed or followed up, and never sent a second time."""

import pytest

from reverse_etl import plan, replay
from reverse_etl.writer import Outcome, Result
from tests.reverse_etl.loopback.pusher import with_destination

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"
ACCEPTED = Outcome(Result.ACCEPTED, message="awaiting the payroll sync")
CLOSED = Outcome(Result.REFUSED, category="closed_period", message="The period is closed.")
GONE = Outcome(Result.GONE, category="gone_by_hand", message="It isn't there any more.")


def taken_and_refused(desk, source_id, outcome=CLOSED, **wanted):
    """An hour that was accepted there, then refused; its intent."""
    desk.want(source_id, **wanted)
    plan(desk.settings, SYNC)
    claims = desk.claim()
    desk.answer(claims, ACCEPTED)
    desk.follow_up(claims, outcome)
    return desk.intents(source_id)[-1]


def test_a_replay_follows_it_up_again(desk):
    before = taken_and_refused(desk, "1")
    assert before["state"] == "refused"
    assert replay(desk.settings, sync=SYNC, actor="ann", why="reopened") == 1
    after = desk.intents("1")[0]
    assert (after["state"], after["vendor_id"], after["payload"]) == (
        "accepted",
        before["vendor_id"],
        before["payload"],
    )
    assert desk.claim() == []


def test_a_plan_of_the_same_hour_leaves_it_where_it_is(desk):
    refused = taken_and_refused(desk, "2")
    assert plan(desk.settings, SYNC).totals == ()
    assert desk.intents("2") == [refused]


def test_a_changed_hour_changes_the_record_that_stands_there(desk):
    refused = taken_and_refused(desk, "3", minutes=480)
    desk.want("3", 360)
    assert plan(desk.settings, SYNC).count("amend") == 1
    (claim,) = desk.claim()
    assert (claim.record.vendor_id, claim.record.record_key) == (refused["vendor_id"], refused["record_key"])
    assert claim.record.previous["minutes"] == "480"
    desk.answer([claim], ACCEPTED)
    first, second = desk.intents("3")
    assert (first["state"], first["superseded_by"], second["state"]) == ("superseded", second["intent_id"], "accepted")
    assert desk.exceptions() == []
    desk.follow_up([claim], Outcome(Result.ACKNOWLEDGED))
    assert desk.chain("3")["settled_minutes"] == 360


def test_a_withdrawn_hour_is_taken_away_there(desk):
    refused = taken_and_refused(desk, "4")
    desk.want("4", desired_state="void", not_due_rule="not approved", is_approved=False)
    assert plan(desk.settings, SYNC).count("delete") == 1
    (claim,) = desk.claim()
    assert claim.record.vendor_id == refused["vendor_id"]
    desk.answer([claim], Outcome(Result.ACKNOWLEDGED))
    assert [one["state"] for one in desk.intents("4")] == ["superseded", "acknowledged"]
    assert desk.chain("4")["settled_intent_id"] is None
    assert desk.balance() == {}


def test_an_hour_that_goes_back_to_what_was_in_effect_is_changed_back_there(desk):
    desk.want("5", 480)
    plan(desk.settings, SYNC)
    desk.deliver()
    taken_and_refused(desk, "5", minutes=360)
    desk.want("5", 480)
    assert plan(desk.settings, SYNC).count("amend") == 1
    (claim,) = desk.claim()
    assert (claim.record.previous["minutes"], claim.record.fields["minutes"]) == ("360", "480")
    desk.answer([claim], Outcome(Result.ACKNOWLEDGED))
    assert desk.balance() == {("US", "2026-10"): 480}


def test_it_is_gone_by_hand_and_a_replay_sends_it_again(desk):
    assert taken_and_refused(desk, "6", GONE)["reason"] == "gone by hand there"
    assert replay(desk.settings, sync=SYNC, actor="ann", why="it was deleted by mistake") == 1
    (claim,) = desk.claim()
    assert (claim.record.operation, claim.record.vendor_id) == ("create", None)


def test_a_second_refusal_leaves_one_open_exception(desk):
    taken_and_refused(desk, "7", minutes=480)
    refused = taken_and_refused(desk, "7", minutes=360)
    assert [one["intent_id"] for one in desk.exceptions()] == [refused["intent_id"]]
    desk.want("7", 480)
    plan(desk.settings, SYNC)
    (claim,) = desk.claim()
    assert claim.record.previous["minutes"] == "360"


def test_a_deletion_that_was_refused_lets_nothing_new_be_sent(desk):
    desk.want("8")
    plan(desk.settings, SYNC)
    desk.deliver()
    taken_and_refused(desk, "8", desired_state="void", not_due_rule="not approved", is_approved=False)
    desk.want("8")
    plan(desk.settings, SYNC)
    assert [one["state"] for one in desk.intents("8")] == ["acknowledged", "refused", "planned"]
    assert desk.claim() == []  # it waits until somebody has had the deletion brought into effect


def test_a_difference_waits_until_what_it_differs_from_is_in_effect(desk):
    settings = with_destination(desk.settings, "adjusting", "http://127.0.0.1:9")
    desk.want("9", 480)
    plan(settings, SYNC)
    claims = desk.claim()
    desk.answer(claims, ACCEPTED)
    desk.follow_up(claims, CLOSED)
    desk.want("9", 510, context={"period_closed": True, "correction_date": "2026-11-02"})
    assert plan(settings, SYNC).count("adjust") == 1
    assert desk.claim() == []
    assert replay(settings, sync=SYNC, actor="ann", why="reopened") == 1
    desk.follow_up(claims, Outcome(Result.ACKNOWLEDGED))
    assert [claim.record.operation for claim in desk.claim()] == ["adjust"]
