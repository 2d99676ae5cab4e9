"""The plan against a real ledger: what is desired minus what is in effect."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from plumbing.errors import Misconfigured
from reverse_etl.planner import plan
from reverse_etl.writer import Outcome, Result

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"


def told(desk, source_id=None):
    """Operation and state of the live intents."""
    return [(row["operation"], row["state"]) for row in desk.intents(source_id, live=True)]


def test_an_approved_hour_becomes_one_planned_create(desk):
    desk.want("91", minutes=450)
    report = plan(desk.settings, SYNC)
    (intent,) = desk.intents()
    assert (intent["operation"], intent["state"], intent["revision"]) == ("create", "planned", 1)
    assert (intent["record_key"], intent["request_key"]) == ("kantata-91-g1", "kantata-91-g1-r1-c")
    assert intent["delta_minutes"] == 450
    assert (report.count("create"), report.batch_state) == (1, "ready")


def test_the_same_desire_plans_nothing_twice(desk):
    desk.want("91")
    plan(desk.settings, SYNC)
    assert plan(desk.settings, SYNC).is_empty
    desk.deliver()
    assert plan(desk.settings, SYNC).is_empty
    assert len(desk.intents()) == 1


def test_a_dry_run_tells_the_same_and_changes_nothing(desk):
    desk.want("91")
    dry = plan(desk.settings, SYNC, dry_run=True)
    assert desk.intents() == []
    assert dry.totals == plan(desk.settings, SYNC).totals


def test_an_edit_after_posting_amends_in_place(desk):
    desk.want("91", minutes=480)
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.want("91", minutes=360)
    plan(desk.settings, SYNC)
    intent = desk.open_intent("91")
    assert (intent["operation"], intent["record_key"], intent["revision"]) == ("amend", "kantata-91-g1", 2)
    assert intent["delta_minutes"] == -120
    desk.deliver()
    assert desk.chain("91")["settled_minutes"] == 360
    assert desk.chain("91")["settled_vendor_id"] == "v-kantata-91-g1"


def test_a_withdrawn_hour_is_deleted_and_its_return_opens_a_generation(desk):
    desk.want("91")
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.want("91", desired_state="void", is_approved=False, is_due=False, reason="withdrawn")
    plan(desk.settings, SYNC)
    assert told(desk, "91")[-1] == ("delete", "planned")
    assert desk.balance() == {}
    desk.deliver()
    assert desk.chain("91")["settled_intent_id"] is None
    desk.want("91")
    plan(desk.settings, SYNC)
    assert desk.open_intent("91")["record_key"] == "kantata-91-g2"


def test_a_void_that_never_was_posted_plans_nothing(desk):
    desk.want("91", desired_state="void", is_approved=False, is_due=False, reason="rejected")
    assert plan(desk.settings, SYNC).is_empty


def test_a_hold_on_a_new_hour_is_an_intent_with_owner_and_money(desk):
    desk.want("91", minutes=60, desired_state="held", reason="rate missing", owner="rates team")
    plan(desk.settings, SYNC)
    (intent,) = desk.intents()
    assert (intent["state"], intent["reason"], intent["owner"], intent["delta_minutes"]) == (
        "held",
        "rate missing",
        "rates team",
        60,
    )
    (trouble,) = desk.exceptions()
    assert (trouble["category"], trouble["cause"], trouble["owner"], trouble["money"]) == (
        "held",
        "rate missing",
        "rates team",
        100,
    )


def test_a_hold_lifted_supersedes_the_held_intent_and_closes_its_exception_with_a_link(desk):
    desk.want("91", desired_state="held", reason="rate missing", owner="rates team")
    plan(desk.settings, SYNC)
    desk.want("91")
    plan(desk.settings, SYNC)
    old, new = desk.intents("91")
    assert (old["state"], old["superseded_by"], new["supersedes"]) == ("superseded", new["intent_id"], old["intent_id"])
    assert new["state"] == "planned"
    (trouble,) = desk.exceptions(open_only=False)
    assert trouble["closed_intent_id"] == new["intent_id"]


def test_a_hold_on_a_settled_hour_leaves_the_destination_alone(desk):
    desk.want("91", minutes=480)
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.want("91", minutes=360, desired_state="held", reason="rate missing")
    plan(desk.settings, SYNC)
    assert told(desk, "91")[-1] == ("amend", "held")
    assert desk.open_intent("91")["delta_minutes"] == -120
    assert desk.deliver() == 0
    assert desk.balance() == {("US", "2026-10"): 360}


def test_an_hour_held_for_re_approval_stays_due_at_its_settled_value(desk):
    desk.want("91", minutes=480)
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.want("91", minutes=360, desired_state="held", reason="re-approval")
    plan(desk.settings, SYNC)
    assert desk.open_intent("91")["delta_minutes"] == 0
    assert desk.balance() == {("US", "2026-10"): 480}
    desk.want("91", minutes=360)
    plan(desk.settings, SYNC)
    assert desk.open_intent("91")["delta_minutes"] == -120


def test_pending_time_that_was_never_posted_plans_nothing(desk):
    desk.want("91", desired_state="held", reason="re-approval", is_approved=False, is_due=False)
    assert plan(desk.settings, SYNC).is_empty


def test_eight_six_eight_before_sending_ends_where_it_began(desk):
    desk.want("91", minutes=480)
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.want("91", minutes=360)
    plan(desk.settings, SYNC)
    desk.want("91", minutes=480)
    plan(desk.settings, SYNC)
    assert told(desk, "91") == [("create", "acknowledged")]
    assert plan(desk.settings, SYNC).is_empty


def test_a_newer_desire_waits_behind_what_is_in_flight(desk):
    desk.want("91", minutes=480)
    plan(desk.settings, SYNC)
    claims = desk.claim()
    desk.want("91", minutes=360)
    plan(desk.settings, SYNC)
    first, second = desk.intents("91")
    assert (first["state"], second["state"], second["operation"]) == ("sending", "planned", "amend")
    assert (second["waits_for"], second["delta_minutes"]) == (first["intent_id"], -120)
    assert desk.claim() == []
    assert desk.balance() == {("US", "2026-10"): 360}
    desk.answer(claims, Outcome(Result.ACKNOWLEDGED))
    assert plan(desk.settings, SYNC).is_empty
    assert desk.deliver() == 1
    assert desk.chain("91")["settled_minutes"] == 360


def test_what_waited_behind_a_refusal_is_planned_anew_from_what_is_in_effect(desk):
    desk.want("91", minutes=480)
    plan(desk.settings, SYNC)
    claims = desk.claim()
    desk.want("91", minutes=360)
    plan(desk.settings, SYNC)
    desk.answer(claims, Outcome(Result.REFUSED, category="invalid_reference", message="no such item"))
    assert desk.balance() == {("US", "2026-10"): 360}
    plan(desk.settings, SYNC)
    assert told(desk, "91") == [("create", "planned")]
    assert desk.open_intent("91")["record_key"] == "kantata-91-g1"
    assert desk.balance() == {("US", "2026-10"): 360}
    (trouble,) = desk.exceptions(open_only=False)
    assert trouble["closed_intent_id"] == desk.open_intent("91")["intent_id"]


def test_a_refused_intent_stays_refused_until_something_changes(desk):
    desk.want("91")
    plan(desk.settings, SYNC)
    desk.answer(
        desk.claim(), Outcome(Result.REFUSED, category="invalid_reference", field="item", message="no such item")
    )
    assert plan(desk.settings, SYNC).is_empty
    (trouble,) = desk.exceptions()
    assert (trouble["category"], trouble["cause"], trouble["owner"]) == (
        "invalid_reference",
        "invalid_reference: item",
        "billing operations",
    )


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        ({"destination_state": "billed"}, "needs reversal by hand"),
        ({"destination_state": "posted"}, "needs reversal by hand"),
        ({"period_closed": True}, "needs reversal by hand"),
        ({"destination_state": "on_draft_invoice"}, "on draft invoice"),
    ],
)
@pytest.mark.parametrize("change", [{"minutes": 360}, {"desired_state": "void", "is_approved": False, "is_due": False}])
def test_what_is_billed_drafted_or_closed_is_held(desk, context, reason, change):
    desk.want("91", minutes=480)
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.want("91", **{"minutes": 480, **change}, context=context)
    plan(desk.settings, SYNC)
    intent = desk.open_intent("91")
    assert (intent["state"], intent["reason"]) == ("held", reason)
    assert desk.deliver() == 0


def test_an_invoice_cancelled_there_turns_the_proposal_into_an_amend(desk):
    desk.want("91", minutes=480)
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.want("91", minutes=360, context={"destination_state": "billed"})
    plan(desk.settings, SYNC)
    desk.want("91", minutes=360)
    plan(desk.settings, SYNC)
    assert told(desk, "91") == [("create", "acknowledged"), ("amend", "planned")]


def test_an_hour_of_another_entity_moves_as_one_chain_and_the_new_place_waits(desk):
    desk.want("91", minutes=480)
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.want("91", minutes=480, legal_entity="UK", destination="erp_uk")
    plan(desk.settings, SYNC)
    away, there = desk.intents("91", live=True)[1:]
    assert (away["operation"], away["destination"], away["delta_minutes"]) == ("delete", "erp", -480)
    assert (there["operation"], there["destination"], there["waits_for"]) == ("create", "erp_uk", away["intent_id"])
    assert there["record_key"] == "kantata-91-g2"
    assert desk.balance() == {("UK", "2026-10"): 480}
    assert plan(desk.settings, SYNC).is_empty
    assert desk.deliver("erp_uk") == 0
    assert desk.deliver("erp") == 1
    assert desk.deliver("erp_uk") == 1
    chain = desk.chain("91")
    assert (chain["destination"], chain["settled_legal_entity"], chain["generation"]) == ("erp_uk", "UK", 2)
    assert plan(desk.settings, SYNC).is_empty


def test_a_move_taken_back_before_sending_leaves_everything_as_it_was(desk):
    desk.want("91")
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.want("91", legal_entity="UK", destination="erp_uk")
    plan(desk.settings, SYNC)
    desk.want("91")
    plan(desk.settings, SYNC)
    assert told(desk, "91") == [("create", "acknowledged")]


def test_a_change_of_the_routing_table_never_moves_an_acknowledged_hour(desk):
    desk.want("91")
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.want("91", destination="erp_new", fields={"employee_ref": "other id there"})
    assert plan(desk.settings, SYNC).is_empty
    desk.want("91", destination=None, desired_state="void", not_due_rule="no_destination", is_due=False)
    assert plan(desk.settings, SYNC).is_empty


def test_an_edit_of_an_hour_routed_elsewhere_since_is_held(desk):
    desk.want("91", minutes=480)
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.want("91", minutes=360, destination="erp_new")
    plan(desk.settings, SYNC)
    assert desk.open_intent("91")["reason"] == "routed elsewhere since posted"


def test_an_hour_moved_to_another_month_counts_in_both(desk):
    desk.want("91", minutes=480, work_date="2026-10-31")
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.want("91", minutes=480, work_date="2026-11-01")
    plan(desk.settings, SYNC)
    assert desk.open_intent("91")["delta_minutes"] == 0
    assert desk.balance() == {("US", "2026-11"): 480}
    effect = desk.connection.execute(
        "select side, to_char(period, 'MM') as month, minutes from delivery.intent_effect order by side"
    ).fetchall()
    assert [(row["side"], row["month"], int(row["minutes"])) for row in effect] == [
        ("from", "10", -480),
        ("to", "11", 480),
    ]


def test_a_missing_row_takes_nothing_back_and_raises_the_alarm(desk):
    for number in range(5):
        desk.want(str(number))
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.forget("3")
    report = plan(desk.settings, SYNC)
    assert (report.alarms, report.totals) == (1, ())
    (alarm,) = desk.exceptions()
    assert (alarm["category"], alarm["chain_key"], alarm["minutes"]) == ("integrity", "kantata-3", 480)
    plan(desk.settings, SYNC)
    assert len(desk.exceptions()) == 1
    desk.want("3")
    plan(desk.settings, SYNC)
    assert desk.exceptions() == []


def test_an_empty_view_stops_the_plan(desk):
    for number in range(3):
        desk.want(str(number))
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.forget("0", "1", "2")
    report = plan(desk.settings, SYNC)
    assert report.batch_state == "stopped"
    assert "lacks 3 of the 3 chains that are in effect" in report.text()
    assert [trouble["category"] for trouble in desk.exceptions()] == ["integrity"]
    assert told(desk) == [("create", "acknowledged")] * 3
    for number in range(3):
        desk.want(str(number))
    assert plan(desk.settings, SYNC).is_empty
    assert desk.exceptions() == []


def test_a_planned_hour_whose_row_vanished_is_not_sent(desk):
    desk.want("91")
    desk.want("92")
    plan(desk.settings, SYNC)
    desk.forget("91")
    plan(desk.settings, SYNC)
    assert desk.open_intent("91")["state"] == "held"
    assert desk.deliver() == 1
    desk.want("91")
    plan(desk.settings, SYNC)
    assert desk.deliver() == 1


def test_a_mass_change_is_held_until_approved(desk):
    desk.connection.execute(
        "insert into rule.policy (name, value) values ('mass_change_minimum', 3), ('mass_change_share', 0.2)"
    )
    for number in range(10):
        desk.want(str(number))
    plan(desk.settings, SYNC)
    desk.deliver()
    for number in range(3):
        desk.want(str(number), minutes=60)
    report = plan(desk.settings, SYNC)
    assert report.batch_state == "needs_approval"
    assert "amend or take back 3 of the 10 hours in effect at erp" in report.text()
    assert desk.deliver() == 0
    assert plan(desk.settings, SYNC).is_empty


def test_a_release_that_changes_no_material_field_plans_nothing(desk, monkeypatch):
    desk.want("91")
    desk.want("92", desired_state="held", reason="rate missing")
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.want("91", fields={"cost_center": "CC-1"})
    desk.want("92", desired_state="held", reason="rate missing", fields={"cost_center": "CC-1"})
    assert plan(desk.settings, SYNC).is_empty
    with contract_of_two_versions(monkeypatch):
        assert plan(desk.settings, SYNC).is_empty
        desk.want("91", minutes=60, fields={"cost_center": "CC-1"})
        plan(desk.settings, SYNC)
        assert desk.open_intent("91")["contract_version"] == 2
        assert desk.open_intent("91")["fields"]["cost_center"] == "CC-1"


@contextmanager
def contract_of_two_versions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A release that adds a material field."""
    from dataclasses import replace

    from reverse_etl import planner as module
    from reverse_etl.syncs import SYNCS

    first = SYNCS[SYNC].contracts[1]
    released = replace(SYNCS[SYNC], contracts={1: first, 2: (*first, "cost_center")})
    with monkeypatch.context() as patch:
        patch.setattr(module, "named", lambda _name: released)
        yield


def test_a_contract_version_edited_in_place_is_refused(desk, monkeypatch):
    from dataclasses import replace

    from reverse_etl import planner as module
    from reverse_etl.syncs import SYNCS

    desk.want("91")
    plan(desk.settings, SYNC)
    edited = replace(SYNCS[SYNC], contracts={1: ("employee_ref",)})
    monkeypatch.setattr(module, "named", lambda _name: edited)
    with pytest.raises(Misconfigured, match="Contract version 1 of erp_labor was kept with other material fields"):
        plan(desk.settings, SYNC)


def test_a_view_that_lacks_a_material_field_is_refused(desk):
    desk.want("91")
    desk.connection.execute("update sync.sync_erp__labor set fields = fields - 'item_ref'")
    with pytest.raises(Misconfigured, match="lacks the material field item_ref"):
        plan(desk.settings, SYNC)


def test_a_chain_key_of_two_source_entries_is_refused(desk):
    desk.want("91")
    desk.want("92", chain_key="kantata-91")
    with pytest.raises(Misconfigured, match="gives chain kantata-91 more than once"):
        plan(desk.settings, SYNC)


def test_a_chain_key_that_changes_hands_is_refused(desk):
    desk.want("91")
    plan(desk.settings, SYNC)
    desk.forget("91")
    desk.want("92", chain_key="kantata-91")
    with pytest.raises(Misconfigured, match="uses chain key kantata-91 for another source entry"):
        plan(desk.settings, SYNC)


def test_a_view_that_is_not_there_is_one_sentence(desk):
    desk.connection.execute("alter table sync.sync_erp__labor rename to elsewhere")
    try:
        with pytest.raises(Misconfigured, match=r"The sync view sync\.sync_erp__labor does not exist"):
            plan(desk.settings, SYNC)
    finally:
        desk.connection.execute("alter table sync.elsewhere rename to sync_erp__labor")


def test_a_keyed_plan_gives_the_same_intents_as_the_sweep(desk):
    history = [{"minutes": 480}, {"minutes": 360}, {"desired_state": "held", "reason": "rate missing"}, {"minutes": 60}]
    made = []
    for is_sweep in (True, False):
        desk.connection.execute("set session_replication_role = replica")
        desk.connection.execute(
            "truncate delivery.intent, delivery.intent_line, delivery.chain, delivery.exception restart identity"
        )
        desk.connection.execute("set session_replication_role = origin")
        desk.want("other")
        for step in history:
            desk.want("91", **step)
            plan(desk.settings, SYNC, keys=None if is_sweep else {"kantata": ["91", "other"]})
        names = (
            "request_key",
            "operation",
            "state",
            "fingerprint",
            "correlation_id",
            "fields",
            "delta_minutes",
            "reason",
        )
        made.append(
            [tuple(row[name] for name in names) for row in sorted(desk.intents(), key=lambda row: row["request_key"])]
        )
    assert made[0] == made[1]
    assert len(made[0]) == 5


def test_a_keyed_plan_touches_only_its_keys_and_keeps_no_snapshot(desk):
    desk.want("91")
    desk.want("92")
    plan(desk.settings, SYNC, keys={"kantata": ["91"]})
    assert [row["source_id"] for row in desk.intents()] == ["91"]
    assert desk.connection.execute("select count(*) as n from delivery.last_plan").fetchone()["n"] == 0


def test_a_keyed_plan_of_a_vanished_row_raises_the_alarm_too(desk):
    desk.want("91")
    desk.want("92")
    plan(desk.settings, SYNC)
    desk.deliver()
    desk.forget("91")
    assert plan(desk.settings, SYNC, keys={"kantata": ["91"]}).alarms == 1
    assert [trouble["category"] for trouble in desk.exceptions()] == ["integrity"]
    desk.want("91")
    plan(desk.settings, SYNC, keys={"kantata": ["91"]})
    assert desk.exceptions() == []


def test_the_sweep_keeps_the_snapshot_it_saw(desk):
    desk.want("91")
    plan(desk.settings, SYNC)
    row = desk.connection.execute(
        "select pg_visible_in_snapshot(pg_current_xact_id(), snapshot) as later, snapshot is not null as kept from delivery.last_plan"
    ).fetchone()
    assert row == {"later": False, "kept": True}


def test_members_are_kept_as_lines(desk):
    members = [{"source_system": "kantata", "source_id": name, "version": 7, "minutes": "30.5"} for name in ("a", "b")]
    desk.want("91", members=members)
    plan(desk.settings, SYNC)
    lines = desk.connection.execute(
        "select source_id, version, minutes from delivery.intent_line order by source_id"
    ).fetchall()
    assert [(line["source_id"], line["version"], str(line["minutes"])) for line in lines] == [
        ("a", 7, "30.5"),
        ("b", 7, "30.5"),
    ]


def test_the_report_reads_like_a_plan(desk):
    for number in range(2):
        desk.want(str(number), minutes=450)
    desk.want("held", minutes=60, desired_state="held", reason="rate missing", owner="rates team")
    text = plan(desk.settings, SYNC).text()
    assert "+ 2 create  ‖ 1 hold   $1,500.00 → erp" in text
    assert "US           2026-10         15.00 h         $1,500.00" in text
    assert "‖ 1 held: rate missing (1.00 h)" in text


def test_events_are_append_only_for_the_engine_and_for_everyone(desk):
    desk.want("91")
    plan(desk.settings, SYNC)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        desk.connection.execute("update delivery.event set actor = 'nobody'")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        desk.connection.execute("delete from delivery.event")
    desk.connection.execute("set role hourline_deliver")
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            desk.connection.execute("update delivery.event set actor = 'nobody'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            desk.connection.execute("delete from delivery.intent")
    finally:
        desk.connection.execute("reset role")
