"""What people and doors say: hold, approve, replay; and what they are shown."""

import pytest

import reverse_etl
from plumbing.errors import Misconfigured
from reverse_etl import approve, exceptions, hold_batch, hold_rows, plan, replay, trace
from reverse_etl.writer import Outcome, Result

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"
REFUSED = Outcome(Result.REFUSED, category="closed_period", code="USER_ERROR", message="The period is closed.")


def states(desk):
    return [row["state"] for row in desk.intents(live=True)]


def events(desk, verb):
    return desk.connection.execute(
        "select actor, subject, detail from delivery.event where verb = %s order by event_id", (verb,)
    ).fetchall()


def test_rows_held_by_a_door_stay_held_through_plans_until_replayed(desk):
    desk.want("91")
    desk.want("92")
    plan(desk.settings, SYNC)
    first = desk.open_intent("91")["intent_id"]
    assert hold_rows(desk.settings, [first], "amount over limit", owner="controllers") == 1
    plan(desk.settings, SYNC)
    assert desk.deliver() == 1
    (trouble,) = desk.exceptions()
    assert (trouble["cause"], trouble["owner"], trouble["minutes"]) == ("amount over limit", "controllers", 480)
    assert replay(desk.settings, cause="amount over limit", actor="ann", why="looked at it") == 1
    assert desk.deliver() == 1
    assert desk.exceptions() == []


def test_what_was_sent_meanwhile_is_not_held(desk):
    desk.want("91")
    plan(desk.settings, SYNC)
    claims = desk.claim()
    assert hold_rows(desk.settings, [claims[0].record.intent_id], "too late") == 0
    assert states(desk) == ["sending"]


def test_a_held_batch_goes_when_approved(desk):
    for number in range(3):
        desk.want(str(number))
    report = plan(desk.settings, SYNC)
    assert hold_batch(desk.settings, report.plan_id, "Totals look wrong.") == 3
    assert desk.deliver() == 0
    assert approve(desk.settings, report.plan_id, actor="ann", why="totals are right") == 3
    assert desk.deliver() == 3
    assert desk.exceptions() == []
    assert {event["actor"] for event in events(desk, "approved")} == {"ann"}


def test_a_mass_change_goes_when_approved_in_the_right_order(desk):
    desk.connection.execute("insert into rule.policy (name, value) values ('mass_change_minimum', 2)")
    for number in range(4):
        desk.want(str(number))
    plan(desk.settings, SYNC)
    desk.deliver()
    for number in range(4):
        desk.want(str(number), legal_entity="UK", destination="erp_uk")
    report = plan(desk.settings, SYNC)
    assert report.batch_state == "needs_approval"
    assert approve(desk.settings, report.plan_id, actor="ann", why="the firm moved") == 8
    assert desk.deliver("erp_uk") == 0
    assert desk.deliver("erp") == 4
    assert desk.deliver("erp_uk") == 4


@pytest.mark.parametrize("number", [999, None])
def test_a_plan_that_waits_for_nobody_is_not_approved(desk, number):
    desk.want("91")
    plan_id = plan(desk.settings, SYNC).plan_id if number is None else number
    with pytest.raises(Misconfigured, match=f"Plan {plan_id} (does not exist|is ready and waits for nobody)"):
        approve(desk.settings, plan_id, actor="ann", why="x")


def test_a_refused_intent_is_replayed_with_who_and_why_and_keeps_its_key(desk):
    desk.want("91")
    plan(desk.settings, SYNC)
    desk.answer(desk.claim(), REFUSED)
    before = desk.intents("91")[0]
    assert replay(desk.settings, sync=SYNC, cause="closed_period: USER_ERROR", actor="ann", why="period reopened") == 1
    after = desk.intents("91")[0]
    assert (after["state"], after["request_key"], after["failure_count"], after["payload"]) == (
        "planned",
        before["request_key"],
        0,
        None,
    )
    assert desk.exceptions()[0]["replay_count"] == 1
    assert [(event["actor"], event["detail"]["why"]) for event in events(desk, "replayed")] == [
        ("ann", "period reopened")
    ]
    desk.deliver()
    assert desk.exceptions() == []


def test_a_replay_that_is_refused_again_keeps_one_exception_and_counts(desk):
    desk.want("91")
    plan(desk.settings, SYNC)
    desk.answer(desk.claim(), REFUSED)
    for _ in range(3):
        replay(desk.settings, sync=SYNC, actor="ann", why="again")
        desk.answer(desk.claim(), REFUSED)
    (trouble,) = desk.exceptions()
    assert trouble["replay_count"] == 3


def test_a_hold_by_rule_is_not_replayed(desk):
    desk.want("91", desired_state="held", reason="rate missing")
    plan(desk.settings, SYNC)
    assert replay(desk.settings, sync=SYNC, actor="ann", why="hoping") == 0
    assert states(desk) == ["held"]


def test_replay_choices_narrow_each_other(desk):
    from datetime import date

    desk.want("91", work_date="2026-09-05")
    desk.want("92", work_date="2026-10-05")
    plan(desk.settings, SYNC)
    desk.answer(desk.claim(), REFUSED)
    assert replay(desk.settings, period=date(2026, 9, 1), sync="payroll_hours", actor="ann", why="x") == 0
    assert replay(desk.settings, period=date(2026, 9, 1), actor="ann", why="x") == 1
    left = [row.exception_id for row in exceptions(desk.settings) if row.state == "refused"]
    assert replay(desk.settings, exception_ids=left, actor="ann", why="x") == 1


@pytest.mark.parametrize(
    ("choice", "why", "sentence"),
    [({}, "x", "A replay needs a choice"), ({"sync": SYNC}, " ", "A replay needs a reason")],
)
def test_a_replay_without_choice_or_reason_is_refused(desk, choice, why, sentence):
    with pytest.raises(Misconfigured, match=sentence):
        replay(desk.settings, actor="ann", why=why, **choice)


def test_an_unknown_sync_is_one_sentence_that_names_the_known(desk):
    with pytest.raises(
        Misconfigured, match="There is no sync 'labour'; there are erp_labor, payroll_hours, psa_invoice_status"
    ):
        plan(desk.settings, "labour")


def test_a_trace_tells_the_whole_story_of_a_time_entry(desk):
    desk.want("91", minutes=480)
    plan(desk.settings, SYNC, actor="nightly")
    desk.answer(desk.claim(), REFUSED)
    replay(desk.settings, sync=SYNC, actor="ann", why="period reopened")
    desk.deliver()
    desk.want("91", minutes=360)
    plan(desk.settings, SYNC, actor="nightly")
    told = trace(desk.settings, "91")
    first, second = told.intents
    assert [each["outcome"] for each in first.attempts] == ["refused", "acknowledged"]
    assert [event["verb"] for event in first.events] == ["planned", "refused", "replayed", "acknowledged"]
    assert [each["category"] for each in first.exceptions] == ["closed_period"]
    assert (second.intent["operation"], second.intent["state"]) == ("amend", "planned")
    assert told.as_dict()["intents"][0]["intent"]["minutes"] == "480"


def test_a_trace_of_a_stranger_is_empty(desk):
    assert trace(desk.settings, "nobody").intents == []


def test_an_aggregate_is_traced_by_its_members(desk):
    members = [{"source_system": "kantata", "source_id": name, "version": 1, "minutes": "240"} for name in ("t1", "t2")]
    desk.want("12-20261005-primary", members=members)
    plan(desk.settings, SYNC)
    assert [each.intent["source_id"] for each in trace(desk.settings, "t2").intents] == ["12-20261005-primary"]


def test_the_public_surface_is_what_it_says():
    for name in reverse_etl.__all__:
        assert getattr(reverse_etl, name).__module__.startswith("reverse_etl.")
