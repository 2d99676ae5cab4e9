"""Corrections of what is billed or closed: reversed and posted again, adjusted, or proposed; over a real ledger and destination."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from plumbing.settings import Connection
from reverse_etl.planner import plan
from reverse_etl.proposals import approve_proposals, proposals
from reverse_etl.pusher import push
from reverse_etl.story import trace
from tests.reverse_etl.loopback.pusher import TIMING, with_destination
from tests.reverse_etl.loopback.server import Call, Cut, Destination

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"
BILLED = {"destination_state": "billed"}
CLOSED = {"period_closed": True, "correction_date": "2026-11-01"}
WITHDRAWN = {"desired_state": "void", "is_approved": False, "is_due": False, "reason": "withdrawn"}


@pytest.fixture
def there() -> Iterator[Destination]:
    destination = Destination()
    yield destination
    destination.close()


@pytest.fixture
def run(desk, there):
    """Plan and push once, at a destination of a temper."""

    def once(system="reversing", options=None, **pushing):
        settings = with_destination(desk.settings, system, there.url)
        configured = Connection(name="erp", system=system, base_url=there.url, options=options or {})
        settings = replace(settings, connections={"erp": configured})
        report = plan(settings, SYNC)
        push(settings, SYNC, timing=TIMING, **{"patience_seconds": 20, **pushing})
        return report

    return once


def rows(there):
    """Key and minutes of what stands there."""
    return sorted((record["key"], record["minutes"]) for record in there.records.values())


def told(desk):
    return [(row["operation"], row["state"], row["reason"]) for row in desk.intents("91", live=True)]


def test_a_billed_hour_that_was_edited_is_reversed_and_posted_again_linked_both_ways(desk, there, run):
    desk.want("91", minutes=480)
    run()
    desk.want("91", minutes=360, context=BILLED)
    run()
    assert rows(there) == [("kantata-91-g1", "480"), ("kantata-91-g2", "-480"), ("kantata-91-g3", "360")]
    original, reversal, again = desk.intents("91", live=True)
    assert [row["operation"] for row in (original, reversal, again)] == ["create", "reverse", "create"]
    assert (reversal["corrects"], reversal["reverses"]) == (original["intent_id"], original["intent_id"])
    assert (again["corrects"], again["waits_for"]) == (original["intent_id"], reversal["intent_id"])
    assert original["corrected_by"] == reversal["intent_id"]
    assert desk.balance() == {("US", "2026-10"): 360}
    desk.want("91", minutes=360)
    assert run().is_empty


def test_a_correction_that_is_not_sent_before_its_period_closes_is_planned_anew_for_the_next(desk, there, run):
    desk.want("91", minutes=480)
    run()
    for context, wanted in (
        (BILLED, None),
        ({**BILLED, **CLOSED}, "2026-11-01"),
        ({**BILLED, **CLOSED, "correction_date": "2026-12-01"}, "2026-12-01"),
    ):
        desk.want("91", minutes=360, context=context)
        run(dry_run=True)
        reversal, again = desk.intents("91", live=True)[1:]
        assert [row["context"].get("correction_date") for row in (reversal, again)] == [wanted, wanted]
        assert run(dry_run=True).is_empty
    run()
    assert told(desk)[1:] == [("reverse", "acknowledged", None), ("create", "acknowledged", None)]
    assert [minutes for _, minutes in rows(there)] == ["480", "-480", "360"]


def test_what_is_posted_again_waits_for_the_reversal(desk, there, run):
    desk.want("91", minutes=480)
    run()
    desk.want("91", minutes=360, context=BILLED)
    run(limit=1)
    assert rows(there) == [("kantata-91-g1", "480"), ("kantata-91-g2", "-480")]
    assert told(desk)[1:] == [("reverse", "acknowledged", None), ("create", "planned", None)]
    assert desk.chain("91")["settled_intent_id"] is None
    assert desk.balance() == {("US", "2026-10"): 360}
    run()
    assert rows(there)[-1] == ("kantata-91-g3", "360")


def test_a_reversal_whose_answer_was_lost_is_looked_up_and_stands_there_once(desk, there, run):
    desk.want("91", minutes=480)
    run()
    desk.want("91", minutes=360, context=BILLED)
    lost = iter([Cut()])
    there.fault = lambda call, moment: next(lost, None) if call.is_write and moment == "after" else None
    run()
    assert rows(there) == [("kantata-91-g1", "480"), ("kantata-91-g2", "-480"), ("kantata-91-g3", "360")]


def test_an_edit_that_comes_between_reversal_and_repost_is_what_is_posted_again(desk, there, run):
    desk.want("91", minutes=480)
    run()
    desk.want("91", minutes=360, context=BILLED)
    run(limit=1)
    desk.want("91", minutes=300)
    run()
    assert rows(there)[-1] == ("kantata-91-g3", "300")
    assert desk.intents("91", live=True)[-1]["corrects"] == desk.intents("91")[0]["intent_id"]


def test_a_billed_hour_that_was_withdrawn_is_reversed_only_and_can_come_back(desk, there, run):
    desk.want("91", minutes=480)
    run()
    desk.want("91", **WITHDRAWN, context=BILLED)
    run()
    assert rows(there) == [("kantata-91-g1", "480"), ("kantata-91-g2", "-480")]
    assert desk.balance() == {}
    desk.want("91", minutes=420)
    run()
    assert rows(there)[-1] == ("kantata-91-g3", "420")
    desk.want("91", minutes=400, context=BILLED)
    run()
    assert [minutes for _, minutes in rows(there)] == ["480", "-480", "420", "-420", "400"]


def test_a_billed_hour_of_another_entity_is_reversed_here_before_the_other_is_told(desk, there, run):
    desk.want("91", minutes=480)
    run()
    desk.want("91", minutes=480, legal_entity="UK", context=BILLED)
    run()
    assert rows(there) == [("kantata-91-g1", "480"), ("kantata-91-g2", "-480"), ("kantata-91-g3", "480")]
    assert desk.balance() == {("UK", "2026-10"): 480}
    assert desk.chain("91")["settled_legal_entity"] == "UK"


@pytest.mark.parametrize(
    ("policy", "minutes", "reason"),
    [
        ({"reversal_tolerance_minutes": 60}, 360, "reversal above tolerance"),
        ({"reversal_tolerance_minutes": 120}, 360, None),
        ({"reversal_tolerance_amount": 199}, 360, "reversal above tolerance"),
        ({"reversal_tolerance_amount": 200}, 360, None),
    ],
)
def test_a_reversal_up_to_the_firms_tolerance_goes_unasked(desk, there, run, policy, minutes, reason):
    for name, value in policy.items():
        desk.connection.execute("insert into rule.policy (name, value) values (%s, %s)", (name, value))
    desk.want("91", minutes=480)
    run()
    desk.want("91", minutes=minutes, context=BILLED)
    run()
    assert {row["reason"] for row in desk.intents("91", live=True)[1:]} == {reason}


def test_a_tolerance_counts_the_whole_hour_when_more_than_its_size_changed(desk, there, run):
    desk.connection.execute("insert into rule.policy (name, value) values ('reversal_tolerance_minutes', 120)")
    desk.want("91", minutes=480)
    run()
    desk.want("91", minutes=480, fields={"project_ref": "2045"}, context=BILLED)
    run()
    assert told(desk)[1] == ("reverse", "held", "reversal above tolerance")


def test_an_entitys_own_tolerance_outranks_the_one_for_all(desk, there, run):
    desk.connection.execute(
        "insert into rule.policy (name, legal_entity, value) values"
        " ('reversal_tolerance_minutes', '', 480), ('reversal_tolerance_minutes', 'US', 0)"
    )
    desk.want("91", minutes=480)
    run()
    desk.want("91", minutes=470, context=BILLED)
    run()
    assert told(desk)[1] == ("reverse", "held", "reversal above tolerance")


def test_an_unconfirmed_means_is_a_proposal_unless_the_option_vouches_for_it(desk, there, run):
    desk.want("91", minutes=480)
    run("doubtful")
    desk.want("91", minutes=360, context=BILLED)
    report = run("doubtful")
    assert told(desk)[1:] == [("reverse", "held", "needs reversal"), ("create", "held", "needs reversal")]
    assert "? 1 propose" in report.text()
    assert {row["held_by"] for row in desk.intents("91", live=True)[1:]} == {"proposal"}
    assert run("doubtful").is_empty
    run("doubtful", {"takes_back": True})
    assert [minutes for _, minutes in rows(there)] == ["480", "-480", "360"]


def test_the_adjustment_of_a_closed_day_is_a_row_of_its_own_with_the_difference(desk, there, run):
    desk.want("91", minutes=480)
    run("adjusting")
    desk.want("91", minutes=540, context=CLOSED)
    run("adjusting")
    assert rows(there) == [("kantata-91-g1", "480"), ("kantata-91-g2", "60")]
    assert (desk.chain("91")["settled_minutes"], desk.chain("91")["is_in_pieces"]) == (540, True)
    assert run("adjusting").is_empty
    desk.want("91", minutes=600, context=CLOSED)
    run("adjusting")
    assert rows(there)[-1] == ("kantata-91-g3", "60")
    assert desk.balance() == {("US", "2026-10"): 600}


def test_fewer_hours_of_a_closed_day_are_a_proposal_that_a_person_makes(desk, there, run):
    desk.want("91", minutes=480)
    run("adjusting")
    desk.want("91", minutes=420, context=CLOSED)
    run("adjusting")
    assert told(desk)[1:] == [("adjust", "held", "would take back pay")]
    (one,) = proposals(desk.settings)
    assert (one.is_by_hand, one.operations, one.minutes_there, one.minutes_wanted) == (True, ["adjust"], 480, 420)
    for who in ("ann", "bob"):
        approve_proposals(desk.settings, [one.proposal_id], actor=who, why="overpaid")
    run("adjusting")
    assert rows(there) == [("kantata-91-g1", "480")]


@pytest.mark.parametrize(("back", "state"), [(2, "acknowledged"), (3, "held")])
def test_a_correction_reaches_back_as_far_as_policy_says(desk, there, run, back, state):
    desk.connection.execute("insert into rule.policy (name, value) values ('closed_periods_back', 2)")
    desk.want("91", minutes=480)
    run("adjusting")
    desk.want("91", minutes=540, context={**CLOSED, "periods_back": back})
    run("adjusting")
    assert told(desk)[1][:2] == ("adjust", state)


def test_what_stands_in_pieces_is_never_amended_in_place(desk, there, run):
    desk.want("91", minutes=480)
    run("adjusting")
    desk.want("91", minutes=540, context=CLOSED)
    run("adjusting")
    desk.want("91", minutes=600)
    run("adjusting")
    assert told(desk)[2] == ("adjust", "held", "no open period takes it")


def test_a_member_that_changes_revises_the_aggregate(desk, there, run):
    def members(*minutes):
        return [
            {"source_system": "kantata", "source_id": f"e{number}", "version": 1, "minutes": str(each)}
            for number, each in enumerate(minutes)
        ]

    desk.want("day", minutes=480, members=members(240, 240))
    run("adjusting")
    desk.want("day", minutes=540, members=members(240, 300), context=CLOSED)
    run("adjusting")
    lines = desk.connection.execute(
        "select l.source_id, l.minutes from delivery.chain c join delivery.intent_line l on l.intent_id = c.settled_intent_id"
        " order by 1"
    ).fetchall()
    assert [(line["source_id"], int(line["minutes"])) for line in lines] == [("e0", 240), ("e1", 300)]


def test_a_member_that_is_dropped_finds_the_revision_that_dropped_it_in_its_story(desk, there, run):
    both = [{"source_system": "kantata", "source_id": name, "version": 1, "minutes": "240"} for name in ("a", "b")]
    desk.want("day", minutes=480, members=both)
    run("adjusting")
    desk.want("day", minutes=240, members=both[:1])
    run("adjusting")
    assert [(one.intent["operation"], one.intent["member_minutes"]) for one in trace(desk.settings, "b").intents] == [
        ("create", 240),
        ("amend", 0),
    ]
    assert [one.intent["member_minutes"] for one in trace(desk.settings, "a").intents] == [240, 240]


def test_a_reversal_is_part_of_the_story_of_the_hour_it_takes_back(desk, there, run):
    desk.want("91", minutes=480)
    run()
    desk.want("91", minutes=360, context=BILLED)
    run()
    told = [(one.intent["operation"], one.intent["member_minutes"]) for one in trace(desk.settings, "91").intents]
    assert told == [("create", 480), ("reverse", 0), ("create", 360)]


def test_a_reversal_counts_as_a_mass_change(desk, there, run):
    desk.connection.execute("insert into rule.policy (name, value) values ('mass_change_minimum', 3)")
    for number in range(4):
        desk.want(str(number))
    run()
    for number in range(4):
        desk.want(str(number), minutes=60, context=BILLED)
    assert run().batch_state == "needs_approval"
    assert len(there.records) == 4


def test_a_row_that_the_read_back_says_is_gone_is_not_amended(desk, there, run):
    desk.want("91", minutes=480)
    run()
    desk.want("91", minutes=360, context={"destination_state": "gone"})
    run()
    assert told(desk)[1] == ("amend", "held", "gone by hand there")


def test_the_reversing_row_is_found_under_its_own_key_and_never_under_the_originals(desk, there, run):
    desk.want("91", minutes=480)
    run()
    desk.want("91", **WITHDRAWN, context=BILLED)
    seen: list[Call] = []
    there.fault = lambda call, _moment: seen.append(call)
    run()
    writes = [call for call in seen if call.is_write]
    assert {(call.method, call.path) for call in writes} == {("PUT", "/keys/kantata-91-g2")}
