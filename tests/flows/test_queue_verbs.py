"""`exceptions`, `replay`, `notify` and `audit` as a person types them."""

import json

import pytest
from click.testing import CliRunner

from flows.cli import cli
from reverse_etl import plan
from reverse_etl.writer import Outcome, Result

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"
CLOSED = Outcome(Result.REFUSED, category="closed_period", code="USER_ERROR", message="The period is closed.")


@pytest.fixture
def hourline(desk, home, monkeypatch):
    """Runs a verb on a home with one connection; gives its exit code and what it said."""
    (home / "hourline.toml").write_text(
        '[connections.erp]\nsystem = "netsuite"\nbase_url = "http://127.0.0.1:9/services/rest"\n'
    )
    monkeypatch.setenv("HOURLINE_WAREHOUSE_URL", desk.settings.warehouse_url.get_secret_value())
    for number in range(3):
        desk.want(str(number))
    plan(desk.settings, SYNC)
    desk.answer(desk.claim(), CLOSED)

    def run(*arguments):
        done = CliRunner().invoke(cli, [*arguments, "--home", str(home)])
        return done.exit_code, done.output

    return run


def test_exceptions_show_causes_first_with_owner_hours_money_and_what_to_do(hourline):
    code, told = hourline("exceptions")
    assert code == 0
    for word in (
        "closed_period: USER_ERROR (period 2026-10)",
        "billing operations",
        "24.00",
        "$2,400.00",
        "then replay",
    ):
        assert word in " ".join(told.split())


def test_one_causes_rows_and_its_replay(hourline):
    _, told = hourline("exceptions", "--json")
    (cause,) = json.loads(told)
    assert (cause["exceptions"], float(cause["money"]["USD"]), cause["is_overdue"]) == (3, 2400, False)
    _, told = hourline("exceptions", "--cause", cause["cause_key"], "--json")
    assert [row["cause_key"] for row in json.loads(told)] == [cause["cause_key"]] * 3
    _, told = hourline("exceptions", "--cause", cause["cause_key"], "--limit", "2")
    assert "… and 1 more" in told
    code, told = hourline("replay", "--cause", cause["cause_key"], "--why", "October reopened", "--json")
    assert (code, json.loads(told)) == (0, {"replayed": 3})


def test_no_row_is_an_empty_list(hourline):
    assert hourline("exceptions", "--rows", "--owner", "nobody", "--json") == (0, "[]\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("replay", "--since", "yesterday", "--why", "x"), "'yesterday' is no time"),
        (("replay", "--period", "October", "--why", "x"), "'October' is no month"),
        (("audit", "verify", "--anchor", "nowhere.txt"), "cannot be read"),
        (("audit", "anchor", "--channel", "auditors"), "There is no channel 'auditors'"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(hourline, arguments, sentence):
    code, told = hourline(*arguments)
    assert (code, sentence in told) == (2, True), told


def test_without_a_channel_notify_says_so(hourline):
    code, told = hourline("notify")
    assert (code, "No channel is set" in told) == (0, True)


def test_the_audit_is_sealed_anchored_and_verified_and_ends_with_one_when_a_row_was_changed(hourline, desk, tmp_path):
    anchors = tmp_path / "anchors.txt"
    assert hourline("audit", "seal")[0] == 0
    assert hourline("audit", "anchor", "--file", str(anchors))[0] == 0
    code, told = hourline("audit", "verify", "--anchor", str(anchors))
    assert (code, "Intact" in told, "1 anchors agree" in told) == (0, True, True)
    desk.connection.execute("set session_replication_role = replica")
    desk.connection.execute(
        "update delivery.event set actor = 'nobody' where event_id = (select min(event_id) from delivery.event)"
    )
    desk.connection.execute("set session_replication_role = origin")
    code, told = hourline("audit", "verify", "--json")
    found = json.loads(told)
    assert (code, found["is_intact"], found["finding"]["kind"]) == (1, False, "event")
