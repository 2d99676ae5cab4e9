"""The statement is no tautology: disturb one row anywhere, and the line that ought to move does, and no other."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.sql.delivered import Night
from tests.sql.hand_made import Firm

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("sql")]


@pytest.fixture
def night(hand_made: Firm) -> Night:
    """Seven hours of every kind, delivered and read back, with nothing left to explain."""
    hand_made.entry("1001")
    hand_made.entry("1002", user_id="12", role_id="42", time_in_minutes=50)
    hand_made.entry("1003", user_id="13", time_in_minutes=20)
    hand_made.entry("1004", workspace_id="22", story_id="32", time_in_minutes=75)
    hand_made.entry("1005", workspace_id="25", story_id="35", time_in_minutes=480)
    hand_made.entry("1006", approved=False, active_submission_id=None)
    hand_made.entry("1007", date_performed="2026-09-20")
    night = Night(hand_made)
    night.settle()
    night.report_back()
    assert found(night) == set()
    return night


def found(night: Night) -> set[tuple[str, int, str]]:
    """Who, which line, and whether it is unexplained or made by hand."""
    rows = night.connection.execute(
        "select name, line, case when unexplained_rows > 0 then 'unexplained' else 'by hand' end from marts.rpt_hour_conservation "
        "where unexplained_rows > 0 or is_made_by_hand"
    ).fetchall()
    return {(name, line, finding) for name, line, finding in rows}


def bucket(night: Night, line: int, name: str, bucket: str, **where: Any) -> tuple[Any, Any]:
    """Minutes and money of a bucket of a line."""
    more = "".join(f" and {column} is not distinct from %({column})s" for column in where)
    row = night.connection.execute(
        "select coalesce(sum(minutes), 0), sum(amount) from marts.rpt_hour_conservation "
        f"where line = %(line)s and name = %(name)s and bucket = %(bucket)s{more}",
        {"line": line, "name": name, "bucket": bucket, **where},
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_every_hour_of_a_quiet_night_has_its_place(night: Night) -> None:
    assert bucket(night, 2, "kantata", "approved", legal_entity="US", period="2026-10-01") == (
        120 + 20 + 75 + 480,
        None,
    )
    assert bucket(night, 2, "kantata", "not approved", reason="draft") == (120, None)
    assert bucket(night, 3, "erp_labor", "not due", reason="leave") == (480, 0)
    assert bucket(night, 3, "payroll_hours", "not due", reason="subcontractor") == (20, 0)
    assert bucket(night, 3, "payroll_hours", "not due", reason="no_destination", legal_entity="UK") == (50, 0)
    assert bucket(night, 4, "erp_labor", "posted", currency="USD") == (190, Decimal("517.08"))
    assert bucket(night, 4, "erp_labor", "posted", currency=None) == (75, None)
    assert bucket(night, 4, "erp_labor", "held", reason="period closed", owner="controllers") == (120, 300)
    assert bucket(night, 5, "erp_labor", "read back", legal_entity="UK") == (Decimal("49.999980"), Decimal("167.08"))
    assert bucket(night, 5, "erp_labor", "destination rounding", legal_entity="UK") == (Decimal("0.000020"), 0)


def test_totals_and_parts_close_every_equation(night: Night) -> None:
    night.connection.execute("delete from delivery.intent where chain_key = 'kantata-1001'")
    night.time_bill("v-1004", "kantata-1004-g1", 30, is_billable=False)
    left_over = night.connection.execute(
        "select name, line, sum(case side when 'total' then minutes else -minutes end) - sum(unexplained_under_minutes) + sum(unexplained_over_minutes) "
        "from marts.rpt_hour_conservation where line > 1 group by 1, 2, legal_entity, period, currency"
    ).fetchall()
    assert {(name, line) for name, line, rest in left_over if abs(rest) > 0.001} == set()
    assert len(left_over) > 8


def test_an_hour_gone_from_raw_is_missed_by_the_source_and_alarms_its_destination(night: Night) -> None:
    night.connection.execute("delete from raw_kantata.time_entries where source_id = '1002'")
    assert found(night) == {("kantata", 1, "unexplained"), ("erp_labor", 4, "unexplained")}


def test_an_hour_gone_from_raw_that_was_never_sent_is_missed_by_the_source_alone(night: Night) -> None:
    night.connection.execute("delete from raw_kantata.time_entries where source_id = '1006'")
    assert found(night) == {("kantata", 1, "unexplained")}


def test_a_raw_hour_altered_behind_the_plan_is_due_differently_than_posted(night: Night) -> None:
    night.connection.execute(
        "update raw_kantata.time_entries set record = record || '{\"time_in_minutes\": 51}' where source_id = '1002'"
    )
    assert found(night) == {("erp_labor", 4, "unexplained")}


def test_a_settled_intent_deleted_leaves_its_hour_unposted_and_its_row_unknown(night: Night) -> None:
    night.connection.execute("delete from delivery.intent where chain_key = 'kantata-1001' and sync = 'erp_labor'")
    assert found(night) == {("erp_labor", 4, "unexplained"), ("erp_labor", 5, "unexplained")}


def test_a_settled_intent_altered_disagrees_with_both_sides(night: Night) -> None:
    night.connection.execute(
        "update delivery.intent set minutes = 90 where chain_key = 'kantata-1001' and sync = 'erp_labor'"
    )
    assert found(night) == {("erp_labor", 4, "unexplained"), ("erp_labor", 5, "unexplained")}


def test_a_chain_altered_disagrees_with_its_intent(night: Night) -> None:
    night.connection.execute(
        "update delivery.chain set settled_minutes = 90 where chain_key = 'kantata-1001' and sync = 'erp_labor'"
    )
    assert found(night) == {("erp_labor", 4, "unexplained")}


def test_a_chain_deleted_leaves_its_hour_unposted_and_its_row_unknown(night: Night) -> None:
    night.connection.execute(
        "delete from delivery.chain where sync = 'payroll_hours' and settled_intent_id is not null"
    )
    assert found(night) == {("payroll_hours", 4, "unexplained"), ("payroll_hours", 5, "unexplained")}


def test_a_held_intent_deleted_leaves_its_hour_with_nobody(night: Night) -> None:
    night.connection.execute("delete from delivery.intent where sync = 'erp_labor' and state = 'held'")
    assert found(night) == {("erp_labor", 4, "unexplained")}


def test_an_open_intent_altered_no_longer_carries_what_is_due(night: Night) -> None:
    night.connection.execute("update delivery.intent set minutes = 119 where sync = 'erp_labor' and state = 'held'")
    assert found(night) == {("erp_labor", 4, "unexplained")}


def test_a_readback_gone_from_raw_is_missed_by_the_source_and_by_its_posting(night: Night) -> None:
    night.connection.execute("delete from raw_netsuite.time_bills where source_id = 'v-1001'")
    assert found(night) == {("netsuite", 1, "unexplained"), ("erp_labor", 5, "unexplained")}


def test_a_row_deleted_there_is_gone_by_hand(night: Night) -> None:
    night.time_bill("v-1001", "kantata-1001-g1", 120, is_deleted=True)
    night.count()
    assert found(night) == {("erp_labor", 5, "by hand")}
    assert bucket(night, 5, "erp_labor", "gone by hand there") == (120, 300)


def test_a_row_changed_there_is_changed_by_hand(night: Night) -> None:
    night.time_bill("v-1001", "kantata-1001-g1", 45)
    night.count()
    assert found(night) == {("erp_labor", 5, "by hand")}
    assert bucket(night, 5, "erp_labor", "changed by hand there") == (75, Decimal("187.50"))


def test_a_rate_changed_there_is_changed_by_hand(night: Night) -> None:
    night.time_bill("v-1001", "kantata-1001-g1", 120, rate="100")
    night.count()
    assert found(night) == {("erp_labor", 5, "by hand")}
    assert bucket(night, 5, "erp_labor", "changed by hand there") == (0, 100)


@pytest.mark.parametrize(
    "changed",
    [{"employee": "1"}, {"customer": "1"}, {"casetaskevent": "1"}, {"trandate": "2026-10-06"}],
    ids=lambda one: next(iter(one)),
)
def test_an_hour_moved_there_is_changed_by_hand_though_its_minutes_are_the_same(
    night: Night, changed: dict[str, str]
) -> None:
    night.time_bill("v-1001", "kantata-1001-g1", 120, **changed)
    night.count()
    assert found(night) == {("erp_labor", 5, "by hand")}
    assert bucket(night, 5, "erp_labor", "changed by hand there") == (0, 0)


@pytest.mark.parametrize(
    "changed",
    [{"entity_uuid": "gu-9"}, {"job_uuid": "gj-9"}, {"shift_started_at": "2026-10-06T13:00:00Z"}],
    ids=lambda one: next(iter(one)),
)
def test_a_sheet_moved_there_is_changed_by_hand_though_its_minutes_are_the_same(
    night: Night, changed: dict[str, str]
) -> None:
    (key, vendor, minutes, _), *_ = night.posted("payroll_hours")
    night.time_sheet(vendor, key, minutes, **changed)
    night.count()
    assert found(night) == {("payroll_hours", 5, "by hand")}


def test_an_hour_that_never_stood_where_it_was_posted_is_unexplained(night: Night) -> None:
    night.connection.execute(
        "update raw_netsuite.time_bills set record = record || '{\"customer\": \"1\"}' where source_id = 'v-1001'"
    )
    assert found(night) == {("erp_labor", 5, "unexplained")}


def test_an_open_integrity_alarm_is_unexplained_until_it_closes(night: Night) -> None:
    night.connection.execute(
        "insert into delivery.exception (sync, category, cause, owner, message) "
        "values ('payroll_hours', 'integrity', 'row missing from the sync view', 'data engineering', 'empty')"
    )
    assert found(night) == {("payroll_hours", 4, "unexplained")}
    night.connection.execute("update delivery.exception set closed_at = now()")
    assert found(night) == set()


def test_a_row_that_never_was_there_as_posted_is_unexplained(night: Night) -> None:
    night.connection.execute("delete from raw_netsuite.time_bills where source_id = 'v-1001'")
    night.time_bill("v-1001", "kantata-1001-g1", 45)
    night.count()
    assert found(night) == {("erp_labor", 5, "unexplained")}


def test_over_and_under_posted_are_never_netted(night: Night) -> None:
    night.connection.execute("delete from raw_netsuite.time_bills where source_id in ('v-1001', 'v-1003')")
    night.time_bill("v-1001", "kantata-1001-g1", 110)
    night.time_bill("v-1003", "kantata-1003-g1", 30)
    night.count()
    row = night.connection.execute(
        "select sum(unexplained_under_minutes), sum(unexplained_over_minutes), sum(unexplained_under_amount), sum(unexplained_over_amount) "
        "from marts.rpt_hour_conservation where line = 5 and name = 'erp_labor'"
    ).fetchone()
    assert row is not None
    assert [round(value, 2) for value in row] == [10, 10, 25, 25]


def test_a_row_keyed_in_there_is_foreign(night: Night) -> None:
    night.time_bill("7777", None, 60)
    night.count()
    assert found(night) == {("erp_labor", 5, "by hand")}
    assert bucket(night, 5, "erp_labor", "foreign row", legal_entity="US", period="2026-10-01")[0] == -60


def test_another_programs_key_is_foreign_too(night: Night) -> None:
    night.time_bill("7777", "expense-tool-1", 60)
    night.count()
    assert found(night) == {("erp_labor", 5, "by hand")}


def test_a_foreign_row_from_before_go_live_is_named_and_no_finding(night: Night) -> None:
    night.time_bill("7777", None, 60, trandate="2026-08-30")
    night.count()
    assert found(night) == set()
    assert bucket(night, 5, "erp_labor", "foreign row", reason="before go-live")[0] == -60


def test_a_row_with_a_key_of_ours_that_the_ledger_does_not_know_is_unexplained(night: Night) -> None:
    night.time_bill("7777", "kantata-9999-g1", 60)
    night.count()
    assert found(night) == {("erp_labor", 5, "unexplained")}


def test_a_second_sheet_with_the_same_key_is_unexplained(night: Night) -> None:
    (key, _, minutes, _), *_ = night.posted("payroll_hours")
    night.time_sheet("second", key, minutes)
    night.count()
    assert found(night) == {("payroll_hours", 5, "unexplained")}


def test_what_the_destination_rounds_is_named(night: Night) -> None:
    night.time_bill("v-1003", "kantata-1003-g1", "19.6")
    night.count()
    assert found(night) == set()
    assert bucket(night, 5, "erp_labor", "destination rounding")[0] == Decimal("0.4")


def test_what_was_acknowledged_after_the_readback_began_is_named(night: Night) -> None:
    night.firm.entry("1010", user_id="13", time_in_minutes=30)
    night.settle()
    night.count()
    assert found(night) == set()
    assert bucket(night, 5, "erp_labor", "acknowledged after the read-back began")[0] == 30


def test_what_is_in_flight_and_seen_there_is_named(night: Night) -> None:
    night.firm.entry("1010", user_id="13", time_in_minutes=30)
    night.settle()
    night.connection.execute("update delivery.intent set state = 'in_doubt' where chain_key = 'kantata-1010'")
    night.connection.execute(
        "update delivery.chain set settled_intent_id = null, open_intent_id = settled_intent_id, settled_state = null, settled_minutes = null, "
        "settled_amount = null, settled_period = null, settled_legal_entity = null where chain_key = 'kantata-1010'"
    )
    night.begin_reading()
    night.time_bill("v-1010", "kantata-1010-g1", 30)
    night.count()
    assert found(night) == set()
    assert bucket(night, 4, "erp_labor", "in doubt")[0] == 30
    assert bucket(night, 5, "erp_labor", "in flight and seen there")[0] == -30


def test_an_hour_landed_after_the_plan_is_not_planned_yet(night: Night) -> None:
    night.firm.entry("1010", time_in_minutes=30)
    night.count()
    assert found(night) == set()
    assert bucket(night, 4, "erp_labor", "waiting", reason="not planned yet") == (30, 75)


def test_an_hour_that_the_plan_saw_and_left_out_is_unexplained(night: Night) -> None:
    night.firm.entry("1010", user_id="12", role_id="42", time_in_minutes=30)
    night.plan("erp_labor")
    night.count()
    assert found(night) == {("erp_labor", 4, "unexplained")}


def test_a_quarantined_record_is_counted_on_the_sources_line(night: Night) -> None:
    night.connection.execute(
        "insert into landing.quarantine (connection, resource, source_id, load_id, reason, record, work_date, minutes) "
        "values ('kantata', 'time_entries', '1011', 'l', 'minutes are text', '{}', '2026-10-05', null)"
    )
    assert found(night) == {("kantata", 1, "unexplained")}
    night.connection.execute(
        "update landing.control_total set source_count = source_count + 1 where connection = 'kantata' and period = '2026-10-01'"
    )
    assert found(night) == set()


def test_hours_of_nobody_stand_in_the_line_unassigned(night: Night) -> None:
    night.firm.entry("1012", user_id="14", time_in_minutes=40)
    night.settle()
    night.count()
    assert found(night) == set()
    assert bucket(night, 4, "erp_labor", "held", legal_entity="unassigned", reason="legal entity unresolved")[0] == 40


def test_an_edited_hour_waits_for_its_approval_at_what_is_in_effect(night: Night) -> None:
    night.firm.entry(
        "1001", approved=False, time_in_minutes=300, date_performed="2026-10-20", active_submission_id="52"
    )
    night.firm.submission("52", "pending")
    night.count()
    assert found(night) == set()
    assert bucket(night, 2, "kantata", "not approved", reason="pending")[0] == 300
    assert bucket(night, 3, "erp_labor", "due", period="2026-10-01", currency="USD", legal_entity="US")[0] == 120 + 20


def test_an_hour_moved_to_another_month_counts_in_both(night: Night) -> None:
    night.firm.entry("1002", user_id="12", role_id="42", time_in_minutes=50, date_performed="2026-11-02")
    night.count()
    assert found(night) == set()
    assert bucket(night, 4, "erp_labor", "waiting", period="2026-10-01", reason="not planned yet")[0] == -50
    assert bucket(night, 4, "erp_labor", "waiting", period="2026-11-01", reason="not planned yet")[0] == 50


@pytest.fixture
def reversed_night(night: Night) -> Night:
    """An hour that was reversed and posted again, all three rows read back."""
    night.reverse("1001")
    night.post_again("1001")
    night.begin_reading()
    night.time_bill("reverse-1001", "kantata-1001-g2", -120)
    night.time_bill("create-1001", "kantata-1001-g3", 120)
    night.count()
    return night


def test_a_reversed_pair_nets_to_zero_inside_posted(reversed_night: Night) -> None:
    assert found(reversed_night) == set()
    assert bucket(reversed_night, 4, "erp_labor", "posted", currency="USD") == (190, Decimal("517.08"))
    assert bucket(reversed_night, 5, "erp_labor", "posted", currency="USD") == (190, Decimal("517.08"))
    assert round(bucket(reversed_night, 5, "erp_labor", "read back", legal_entity="US", currency="USD")[0], 3) == 140


def test_a_reversed_hour_that_nobody_posts_again_is_unexplained(night: Night) -> None:
    night.reverse("1001")
    night.begin_reading()
    night.time_bill("reverse-1001", "kantata-1001-g2", -120)
    night.count()
    assert found(night) == {("erp_labor", 4, "unexplained")}
    assert bucket(night, 5, "erp_labor", "posted", legal_entity="US", currency="USD")[0] == 20


def test_a_reversing_row_that_is_missing_there_is_unexplained(reversed_night: Night) -> None:
    reversed_night.connection.execute("delete from raw_netsuite.time_bills where source_id = 'reverse-1001'")
    reversed_night.count()
    assert found(reversed_night) == {("erp_labor", 5, "unexplained")}


def test_an_original_deleted_there_after_its_reversal_is_gone_by_hand(reversed_night: Night) -> None:
    reversed_night.time_bill("v-1001", "kantata-1001-g1", 120, is_deleted=True)
    reversed_night.count()
    assert found(reversed_night) == {("erp_labor", 5, "by hand")}
    assert bucket(reversed_night, 5, "erp_labor", "gone by hand there") == (120, 300)


def test_a_reversal_made_by_hand_as_two_people_agreed_is_named_and_no_finding(night: Night) -> None:
    night.reverse("1001")
    night.post_again("1001")
    night.connection.execute("update delivery.intent set is_by_hand = true where operation = 'reverse'")
    night.begin_reading()
    night.time_bill("create-1001", "kantata-1001-g3", 120)
    night.count()
    assert found(night) == set()
    assert bucket(night, 5, "erp_labor", "changed by hand there", currency="USD") == (-120, -300)


def test_an_adjusted_day_is_read_back_in_its_pieces(night: Night) -> None:
    (key, _, minutes, _), *_ = night.posted("payroll_hours")
    day = key.removeprefix("kantata-").removesuffix("-g1")
    night.firm.entry("1020", user_id=day.split("-")[0], time_in_minutes=30)
    night.adjust(day, int(minutes) + 30)
    night.begin_reading()
    night.time_sheet(f"adjust-{day}", f"kantata-{day}-g2", 30)
    night.count()
    assert ("payroll_hours", 5, "unexplained") not in found(night)
    night.time_sheet(f"adjust-{day}", f"kantata-{day}-g2", 45)
    night.count()
    assert ("payroll_hours", 5, "by hand") in found(night)


def test_a_proposal_is_held_with_its_reason(night: Night) -> None:
    night.firm.entry("1001", time_in_minutes=60)
    night.propose("1001", 60, "needs reversal")
    night.count()
    assert found(night) == set()
    assert bucket(night, 4, "erp_labor", "held", reason="needs reversal") == (-60, -150)


def test_the_checks_name_the_line_and_the_cause(night: Night) -> None:
    night.time_bill("7777", "kantata-9999-g1", 60)
    night.time_sheet("foreign", None, 60)
    night.count()
    rows = night.connection.execute(
        "select name, line, finding, because, unexplained_over_minutes, made_by_hand_minutes from marts.rpt_hour_conservation_checks order by name"
    ).fetchall()
    assert rows == [
        ("erp_labor", 5, "unexplained", "unexplained", 60, 0),
        ("payroll_hours", 5, "made by hand", "foreign row", 0, 60),
    ]
