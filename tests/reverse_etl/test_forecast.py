"""How long a backlog takes, what misses its cut-off, and when a cut-off is."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from plumbing.limits import Allowance
from reverse_etl.forecast import Pace, Part, foresee
from reverse_etl.planner import plan
from tests.reverse_etl.loopback.pusher import with_destination

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ONE_A_SECOND = Pace(Allowance(concurrency=1), Decimal(1), Decimal(1), is_measured=True)


def part(intents: int, seconds_left: int | None) -> Part:
    if seconds_left is None:
        return Part(intents, Decimal(intents * 60))
    return Part(intents, Decimal(intents * 60), NOW + timedelta(seconds=seconds_left), Decimal(seconds_left))


def test_a_backlog_takes_as_long_as_the_slower_limit_says():
    by_calls = Pace(Allowance(concurrency=4), Decimal("0.5"), Decimal(1), is_measured=True)
    by_window = Pace(
        Allowance(concurrency=4, requests=200, window_seconds=60), Decimal("0.1"), Decimal(2), is_measured=True
    )
    assert foresee("erp", [part(800, None)], by_calls).seconds == 100
    assert round(foresee("erp", [part(200, None)], by_window).seconds) == 120


@pytest.mark.parametrize(
    ("parts", "late"),
    [
        ([(50, 100), (50, 200)], []),
        ([(50, 100), (60, 100)], [10]),
        ([(10, -5), (5, None)], [10]),
        ([(100, 40), (10, 400)], [60]),
    ],
)
def test_what_does_not_fit_before_its_cut_off_is_counted(parts, late):
    foreseen = foresee("erp", [part(*one) for one in parts], ONE_A_SECOND)
    assert [miss.intents for miss in foreseen.misses] == late
    assert [miss.minutes for miss in foreseen.misses] == [number * 60 for number in late]


@pytest.mark.warehouse
@pytest.mark.parametrize(
    ("wall", "zone", "instant"),
    [
        ("2026-11-05 18:00", "America/New_York", "2026-11-05 23:00"),
        ("2026-11-01 01:30", "America/New_York", "2026-11-01 05:30"),  # shown twice: the first
        ("2026-10-25 02:30", "Europe/Berlin", "2026-10-25 00:30"),
        ("2026-03-29 02:30", "Europe/Berlin", "2026-03-29 01:30"),  # skipped: as if the clock had not moved
    ],
)
def test_a_cut_off_in_local_time_is_never_later_than_people_read_it(desk, wall, zone, instant):
    row = desk.connection.execute(
        "select rule.local_instant(%s::timestamp, %s) at time zone 'UTC' as it", (wall, zone)
    ).fetchone()
    assert f"{row['it']:%Y-%m-%d %H:%M}" == instant


@pytest.mark.warehouse
def test_a_plan_says_what_will_miss_its_cut_off_and_keeps_it_on_the_intent(desk):
    desk.connection.execute(
        "insert into rule.legal_entity (legal_entity, name, region, functional_currency, time_zone, hr_company_code)"
        " values ('US', 'Inc.', 'us', 'USD', 'America/New_York', 'CO') on conflict do nothing"
    )
    desk.connection.execute(
        "insert into rule.policy (name, value) values ('cutoff_days:erp', 5), ('cutoff_minute:erp', 1080)"
    )
    desk.want("1", work_date="2020-10-05")
    desk.want("2", work_date="2090-10-05")
    report = plan(with_destination(desk.settings, "keyed", "http://127.0.0.1:9"), "erp_labor")
    (foreseen,) = report.forecasts
    assert [(miss.intents, f"{miss.cutoff_at:%Y-%m-%d %H:%M}") for miss in foreseen.misses] == [(1, "2020-11-05 23:00")]
    assert "will miss the cut-off of 2020-11-05 23:00 UTC" in report.text()
    kept = {row["source_id"]: row["cutoff_at"].astimezone(UTC) for row in desk.intents()}
    assert kept == {"1": datetime(2020, 11, 5, 23, tzinfo=UTC), "2": datetime(2090, 11, 5, 23, tzinfo=UTC)}


@pytest.mark.warehouse
def test_a_vendors_deadline_outranks_the_calendar_when_it_is_earlier(desk):
    deadline = "2020-10-20T15:00:00+00:00"
    context = {"pay_period_end": "2020-10-15", "deadline_at": deadline}
    desk.relation = "sync_payroll__hours"
    desk.want("1", work_date="2020-10-05", context=context)
    desk.connection.execute(
        'update sync.sync_payroll__hours set fields = \'{"employee_ref": "e", "job_ref": "j", "work_date": "2020-10-05",'
        ' "time_zone": "UTC", "entries": []}\''
    )
    plan(desk.settings, "payroll_hours")
    assert [row["cutoff_at"].astimezone(UTC).isoformat() for row in desk.intents()] == [deadline]
