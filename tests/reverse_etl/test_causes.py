"""Causes: what exceptions have in common, whose they are, when they are due; and their replay, at 100,000 rows too."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from plumbing.errors import Misconfigured
from reverse_etl import causes, exceptions, hold_rows, plan, replay
from reverse_etl.writer import Outcome, Result

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"
CLOSED = Outcome(Result.REFUSED, category="closed_period", code="USER_ERROR", message="The period is closed.")
MEMO = Outcome(Result.REFUSED, category="validation", field="memo", message="x")
MANY = 100_000


def refuse(desk, outcome=CLOSED):
    plan(desk.settings, SYNC)
    desk.answer(desk.claim(), outcome)


def test_rows_refused_for_one_closed_period_are_one_cause_with_hours_and_money_per_currency(desk):
    for number in range(5):
        desk.want(str(number), currency="EUR" if number == 0 else "USD")
    refuse(desk)
    (cause,) = causes(desk.settings)
    assert (cause.exceptions, cause.minutes, cause.subject_kind, cause.subject) == (5, 2400, "period", "2026-10")
    assert cause.money == {"EUR": Decimal(800), "USD": Decimal(3200)}
    assert (cause.owner, cause.replayable, cause.under_way) == ("billing operations", 5, 0)
    assert cause.first_seen_at <= cause.last_seen_at


def test_two_closed_periods_are_two_causes(desk):
    desk.want("91", work_date="2026-09-05")
    desk.want("92", work_date="2026-10-05")
    refuse(desk)
    assert {one.subject for one in causes(desk.settings)} == {"2026-09", "2026-10"}


def test_a_payroll_period_is_named_by_its_days(desk):
    period = {"pay_period_start": "2026-09-27", "pay_period_end": "2026-10-10"}
    desk.want("91", work_date="2026-09-29", context=period)
    desk.want("92", work_date="2026-10-05", context=period)
    refuse(desk)
    (cause,) = causes(desk.settings)
    assert cause.subject == "2026-09-27/2026-10-10"


@pytest.mark.parametrize(
    ("category", "field", "kind", "subject"),
    [
        ("invalid_reference", "employee", "employee", "101"),
        ("invalid_reference", "casetaskevent task", "task", "9001"),
        ("invalid_reference", "item", "work_type", "77"),
        ("invalid_reference", "project", "project", "2044"),
        ("validation", "memo", "none", ""),
    ],
)
def test_the_subject_is_what_the_refusal_is_about(desk, category, field, kind, subject):
    desk.want("91")
    refuse(desk, Outcome(Result.REFUSED, category=category, field=field, message="x"))
    (cause,) = causes(desk.settings)
    assert (cause.subject_kind, cause.subject) == (kind, subject)


def test_a_cause_keeps_its_key_through_replays_and_gets_another_when_something_else_is_wrong(desk):
    desk.want("91")
    refuse(desk)
    (first,) = causes(desk.settings)
    replay(desk.settings, cause=first.cause_key, actor="ann", why="reopened")
    desk.answer(desk.claim(), CLOSED)
    (second,) = causes(desk.settings)
    assert (second.cause_key, second.first_seen_at) == (first.cause_key, first.first_seen_at)
    assert second.last_seen_at > first.last_seen_at
    replay(desk.settings, cause=first.cause_key, actor="ann", why="reopened")
    desk.answer(desk.claim(), MEMO)
    (third,) = causes(desk.settings)
    assert third.cause_key != first.cause_key


def test_what_a_rule_holds_is_a_cause_that_cannot_be_replayed(desk):
    desk.want("91", desired_state="held", reason="period closed", owner="controllers")
    plan(desk.settings, SYNC)
    (cause,) = causes(desk.settings)
    assert (cause.cause, cause.owner, cause.replayable) == ("period closed", "controllers", 0)
    assert "next plan" in cause.to_do


def test_what_a_door_holds_is_a_cause_of_its_rule(desk):
    desk.want("91")
    plan(desk.settings, SYNC)
    hold_rows(desk.settings, [desk.open_intent("91")["intent_id"]], "amount over limit", owner="controllers")
    (cause,) = causes(desk.settings)
    assert (cause.cause, cause.owner, cause.replayable) == ("amount over limit", "controllers", 1)


def test_rows_on_their_way_again_are_told_apart(desk):
    desk.want("91")
    desk.want("92")
    refuse(desk)
    one = next(iter(exceptions(desk.settings)))
    assert replay(desk.settings, exception_ids=[one.exception_id], actor="ann", why="x") == 1
    (cause,) = causes(desk.settings)
    assert (cause.exceptions, cause.under_way, cause.replayable) == (2, 1, 1)


def test_a_cause_without_open_rows_is_gone(desk):
    desk.want("91")
    refuse(desk)
    replay(desk.settings, sync=SYNC, actor="ann", why="x")
    desk.deliver()
    assert causes(desk.settings) == []


def due(desk, since, *, cause="closed_period: USER_ERROR", zone="UTC"):
    found = desk.connection.execute("select delivery.due_at('closed_period', %s, %s, %s) as at", (cause, since, zone))
    return found.fetchone()["at"]


def policy(desk, values):
    for name, value in values.items():
        desk.connection.execute("insert into rule.policy (name, value) values (%s, %s)", (name, value))


def test_by_default_a_cause_is_due_after_two_business_days_by_the_wall_clock_of_its_entity(desk):
    friday = datetime(2026, 10, 23, 13, 0, tzinfo=UTC)  # 15:00 in Berlin, two days before its clocks go back
    assert due(desk, friday, zone="Europe/Berlin") == datetime(2026, 10, 27, 14, 0, tzinfo=UTC)  # Tuesday, 15:00 there


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        (datetime(2026, 10, 24, 10, 0, tzinfo=UTC), datetime(2026, 10, 26, 12, 0, tzinfo=UTC)),  # a Saturday
        (datetime(2026, 10, 26, 3, 0, tzinfo=UTC), datetime(2026, 10, 26, 12, 0, tzinfo=UTC)),  # before the day begins
        (datetime(2026, 10, 26, 20, 0, tzinfo=UTC), datetime(2026, 10, 27, 12, 0, tzinfo=UTC)),  # after it has ended
        (
            datetime(2026, 10, 26, 15, 30, tzinfo=UTC),
            datetime(2026, 10, 27, 10, 30, tzinfo=UTC),
        ),  # 1.5 h are left of it
    ],
)
def test_business_hours_count_only_between_nine_and_five_on_week_days(desk, since, expected):
    policy(desk, {"sla_business_hours:closed_period": 3})
    assert due(desk, since) == expected


def test_hours_by_the_clock_and_the_exact_cause_come_first(desk):
    policy(
        desk, {"sla_hours:closed_period": 4, "sla_business_hours:default": 8, "sla_hours:closed_period: USER_ERROR": 2}
    )
    saturday = datetime(2026, 10, 24, 10, 0, tzinfo=UTC)
    assert due(desk, saturday) == saturday + timedelta(hours=2)
    assert due(desk, saturday, cause="closed_period: other") == saturday + timedelta(hours=4)


def test_what_is_overdue_comes_first(desk):
    policy(desk, {"sla_hours:closed_period": 1, "sla_hours:default": 100})
    desk.want("91")
    refuse(desk)
    desk.want("92", minutes=4000)
    refuse(desk, MEMO)
    desk.connection.execute(
        "update delivery.exception set opened_at = now() - interval '2 hours' where category = 'closed_period'"
    )
    assert [(one.category, one.is_overdue) for one in causes(desk.settings)] == [
        ("closed_period", True),
        ("validation", False),
    ]


def test_analysts_see_causes_without_payloads(desk):
    desk.want("91")
    refuse(desk)
    with psycopg.connect(desk.settings.warehouse_url.get_secret_value(), autocommit=True) as connection:
        connection.execute("set role hourline_analyse")
        assert connection.execute("select exceptions, due_at is not null from delivery.ops_causes").fetchall() == [
            (1, True)
        ]


def test_replay_by_the_time_exceptions_were_opened(desk):
    desk.want("91")
    refuse(desk)
    desk.connection.execute("update delivery.exception set opened_at = '2026-10-01 12:00+00'")
    desk.want("92")
    refuse(desk, MEMO)
    noon = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
    assert replay(desk.settings, until=noon, actor="ann", why="x") == 0
    assert replay(desk.settings, since=noon, until=noon + timedelta(seconds=1), actor="ann", why="x") == 1
    assert replay(desk.settings, since=noon, actor="ann", why="x") == 1


def test_a_time_without_a_zone_is_refused(desk):
    with pytest.raises(Misconfigured, match="A time without its zone"):
        replay(desk.settings, since=datetime(2026, 10, 1), actor="ann", why="x")  # noqa: DTZ001  what is tried


@pytest.fixture
def many(desk):
    """A hundred thousand refused hours, written set by set."""
    for statement in (
        """
        insert into delivery.intent (sync, source_system, source_id, chain_key, generation, record_key, revision, request_key, destination,
            operation, legal_entity, work_date, period, minutes, amount, currency, delta_minutes, delta_amount, fields, contract_version,
            fingerprint, correlation_id, desired_state, decided_state, state, plan_id)
        select 'erp_labor', 'kantata', n::text, 'kantata-' || n, 1, 'kantata-' || n || '-g1', 1, 'kantata-' || n || '-g1-r1-c', 'erp',
            'create', 'US', '2026-10-05', '2026-10-01', 60, 100, 'USD', 60, 100, '{}', 1,
            'f', gen_random_uuid(), 'present', 'planned', 'refused', 1
        from generate_series(1, %(many)s) n
        """,
        """
        insert into delivery.exception (intent_id, sync, source_system, chain_key, destination, category, cause, owner, message, money,
            currency, minutes, legal_entity, period)
        select intent_id, sync, source_system, chain_key, destination, 'closed_period', 'closed_period: USER_ERROR', 'controllers',
            'The period is closed.', delta_amount, currency, delta_minutes, legal_entity, period from delivery.intent
        """,
    ):
        desk.connection.execute(statement, {"many": MANY} if "%(many)s" in statement else None)
    desk.connection.execute("analyze delivery.intent, delivery.exception")
    return desk


LISTING = """
import resource, sys
from dataclasses import replace
from pathlib import Path
from pydantic import SecretStr
from plumbing.settings import load
import reverse_etl
settings = replace(load(Path(sys.argv[1])), warehouse_url=SecretStr(sys.stdin.read()))
listed = reverse_etl.exceptions(settings)
next(listed)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
number = 1 + sum(1 for _ in listed)
print(number, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_hundred_thousand_rows_of_one_cause_are_listed_and_replayed_and_none_is_dropped(many):
    (cause,) = causes(many.settings)
    assert (cause.exceptions, cause.minutes, cause.money) == (MANY, MANY * 60, {"USD": Decimal(MANY * 100)})
    listed = subprocess.run(
        [sys.executable, "-c", LISTING, str(many.settings.home)],
        input=many.settings.warehouse_url.get_secret_value(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    number, grown_kib = map(int, listed.stdout.split())
    assert number == MANY
    assert grown_kib < 20 * 1024  # a few thousand rows at a time
    assert replay(many.settings, cause=cause.cause_key, actor="ann", why="period reopened") == MANY
    told = many.connection.execute(
        "select count(*) as number, count(distinct subject) as subjects, min(actor) as actor, min(detail ->> 'why') as why"
        " from delivery.event where verb = 'replayed'"
    ).fetchone()
    assert told == {"number": MANY, "subjects": MANY, "actor": "ann", "why": "period reopened"}
    states = many.connection.execute("select state, count(*) as number from delivery.intent group by state").fetchall()
    assert states == [{"state": "planned", "number": MANY}]
    (after,) = causes(many.settings)
    assert (after.under_way, after.replayable) == (MANY, 0)
    assert replay(many.settings, cause=cause.cause_key, actor="ann", why="again") == 0
