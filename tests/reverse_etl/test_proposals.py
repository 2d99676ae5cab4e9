"""Proposals: two people, whole, with reasons; and what a person makes by hand."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from plumbing.errors import Misconfigured
from plumbing.settings import Connection
from reverse_etl import answer, approve_proposals, plan, proposals, push, question, reject_proposals
from tests.reverse_etl.loopback.pusher import TIMING, with_destination
from tests.reverse_etl.loopback.server import Destination

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"
BILLED = {"destination_state": "billed"}


@pytest.fixture
def there() -> Iterator[Destination]:
    destination = Destination()
    yield destination
    destination.close()


@pytest.fixture
def at(desk, there):
    """A destination whose way to reverse is unconfirmed, and one that has none, under one name."""

    def of(system="doubtful"):
        found = with_destination(desk.settings, system, there.url)
        return replace(found, connections={"erp": Connection(name="erp", system=system, base_url=there.url)})

    return of


def deliver(settings):
    plan(settings, SYNC)
    push(settings, SYNC, timing=TIMING, patience_seconds=20)


@pytest.fixture
def proposed(desk, at):
    """A billed hour, edited: its proposal."""
    desk.want("91", minutes=480)
    deliver(at())
    desk.want("91", minutes=360, context=BILLED)
    deliver(at())
    (one,) = proposals(at())
    return one


def minutes(there):
    return [record["minutes"] for record in there.records.values()]


def test_a_proposal_says_what_is_there_what_is_wanted_and_why(proposed):
    assert (proposed.operations, proposed.reason, proposed.owner) == (
        ["reverse", "create"],
        "needs reversal",
        "billing operations",
    )
    assert (proposed.minutes_there, proposed.minutes_wanted) == (480, 360)
    assert (proposed.amount_there, proposed.amount_wanted, proposed.currency) == (800, 600, "USD")
    assert "8.00 h → 6.00 h  $800.00 → $600.00; nobody approved yet" in proposed.text()


def test_two_people_let_it_go_and_the_next_push_sends_it(desk, there, at, proposed):
    first = approve_proposals(at(), [proposed.proposal_id], actor="ann", why="client agreed")
    assert (first.approved, first.released, first.waiting) == (1, 0, 1)
    deliver(at())
    assert minutes(there) == ["480"]
    second = approve_proposals(at(), [proposed.proposal_id], actor="bob", why="seen the mail")
    assert (second.released, second.waiting) == (1, 0)
    deliver(at())
    assert minutes(there) == ["480", "-480", "360"]
    assert proposals(at()) == []
    assert desk.exceptions() == []
    told = desk.connection.execute(
        "select actor, detail ->> 'why' as why from delivery.event where verb = 'approved' order by event_id"
    ).fetchall()
    assert {(event["actor"], event["why"]) for event in told} == {("ann", "client agreed"), ("bob", "seen the mail")}


@pytest.mark.parametrize("same", ["ann", "ANN", " ann "])
def test_the_same_person_twice_is_one_pair_of_eyes(there, at, proposed, same):
    approve_proposals(at(), [proposed.proposal_id], actor="ann", why="yes")
    with pytest.raises(Misconfigured, match="approved this before"):
        approve_proposals(at(), [proposed.proposal_id], actor=same, why="yes again")
    deliver(at())
    assert minutes(there) == ["480"]


@pytest.mark.parametrize("nobody", ["plan", "Push", "", "  "])
def test_the_plan_approves_nothing(at, proposed, nobody):
    with pytest.raises(Misconfigured, match="no person's name"):
        approve_proposals(at(), [proposed.proposal_id], actor=nobody, why="because")


def test_an_approval_needs_a_reason_and_a_choice(at, proposed):
    with pytest.raises(Misconfigured, match="needs a reason"):
        approve_proposals(at(), [proposed.proposal_id], actor="ann", why=" ")
    with pytest.raises(Misconfigured, match="No proposal was chosen"):
        approve_proposals(at(), actor="ann", why="all of them")
    with pytest.raises(Misconfigured, match="No open proposal fits"):
        approve_proposals(at(), [999], actor="ann", why="that one")


def test_a_rejected_proposal_leaves_the_destination_and_stays_held_through_plans(desk, there, at, proposed):
    assert reject_proposals(at(), reason="needs reversal", actor="ann", why="client disputes it") == 1
    deliver(at())
    assert minutes(there) == ["480"]
    assert {row["reason"] for row in desk.intents("91", live=True)[1:]} == {"proposal rejected"}
    assert "client disputes it" in desk.exceptions()[0]["message"]
    assert desk.balance() == {("US", "2026-10"): 360}


def test_another_desire_supersedes_a_proposal_and_its_approvals(desk, there, at, proposed):
    approve_proposals(at(), [proposed.proposal_id], actor="ann", why="yes")
    desk.want("91", minutes=300, context=BILLED)
    deliver(at())
    (again,) = proposals(at())
    assert (again.minutes_wanted, again.approved_by) == (300, None)
    assert approve_proposals(at(), [again.proposal_id], actor="bob", why="yes").waiting == 1


def test_an_approved_proposal_stays_approved_when_nothing_changed(desk, there, at, proposed):
    for who in ("ann", "bob"):
        approve_proposals(at(), sync=SYNC, actor=who, why="yes")
    assert plan(at(), SYNC).is_empty


def test_what_no_writer_can_do_is_made_by_hand_and_said(desk, there, at):
    desk.want("91", minutes=480)
    deliver(at("keyed"))
    desk.want("91", minutes=360, context=BILLED)
    deliver(at("keyed"))
    (one,) = proposals(at("keyed"))
    assert (one.reason, one.is_by_hand) == ("needs reversal by hand", True)
    approve_proposals(at("keyed"), [one.proposal_id], actor="ann", why="yes")
    said = approve_proposals(at("keyed"), [one.proposal_id], actor="bob", why="yes")
    assert (said.by_hand, said.released) == (1, 0)
    deliver(at("keyed"))
    assert minutes(there) == ["480"]
    assert set(question(at("keyed"), one.proposal_id).choices) == {"there"}
    answer(at("keyed"), one.proposal_id, "there", vendor_id="credit-7", actor="ann", why="credit note 7")
    deliver(at("keyed"))
    assert minutes(there) == ["480", "360"]
    assert desk.chain("91")["settled_record_key"] == "kantata-91-g3"
    assert desk.exceptions() == []


def test_approvals_can_be_changed_by_nobody(desk, at, proposed):
    approve_proposals(at(), [proposed.proposal_id], actor="ann", why="yes")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        desk.connection.execute("update delivery.approval set actor = 'bob'")
