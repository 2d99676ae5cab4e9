"""Telling people: over a real webhook and a real SMTP server on loopback, once a cause and step, whatever breaks."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiosmtpd.controller import Controller

from flows.supervision import free_port
from plumbing.secret_store import SecretStore
from reverse_etl import notify, plan, replay
from reverse_etl.notifications import channel_of, message
from reverse_etl.writer import Outcome, Result
from tests.fixtures.http_server import Answer

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"
CLOSED = Outcome(
    Result.REFUSED, category="closed_period", code="USER_ERROR", message="Ann Smith earns 99.5 in a closed period."
)


def with_channels(settings, **addresses):
    return replace(settings, store=SecretStore(settings.home / "secrets.toml", {"notify": addresses}))


@pytest.fixture
def told(desk, http_server):
    """Settings whose default channel is the webhook."""
    http_server.answer_with(Answer(json={}))
    return with_channels(desk.settings, default=http_server.url.replace("http://", "json://") + "/hook-4711-secret")


def refuse(desk, *numbers, outcome=CLOSED, **given):
    for number in numbers:
        desk.want(str(number), **given)
    plan(desk.settings, SYNC)
    desk.answer(desk.claim(), outcome)


def hours_pass(desk, hours):
    """As if so many hours had gone by."""
    for table, columns in {"cause": ("told_at", "opened_at"), "notification": ("asked_at", "next_attempt_at", "lease_until"),
                           "exception": ("opened_at",)}.items():  # fmt: skip
        moved = ", ".join(f"{column} = {column} - make_interval(hours => {hours})" for column in columns)
        desk.connection.execute(f"update delivery.{table} set {moved}")


def titles(server):
    return [json.loads(call.body)["title"] for call in server.calls]


def test_one_message_goes_out_for_one_cause_however_many_rows_and_calls(desk, told, http_server):
    refuse(desk, *range(30))
    report = notify(told)
    assert (report.asked, report.sent, report.waiting) == (1, 1, 0)
    assert notify(told).sent == 0
    assert titles(http_server) == ["Hourline: closed period: USER ERROR (period 2026-10) needs you"]


def test_a_message_names_count_owner_and_where_to_look_and_nothing_of_what_was_answered(desk, told, http_server):
    refuse(desk, 1, 2)
    notify(told)
    (call,) = http_server.calls
    text = call.body.decode()
    assert "2 rows" in text
    assert "billing operations" in text
    assert "hourline exceptions --cause c" in text
    assert "Ann" not in text
    assert "99.5" not in text


def test_nothing_is_said_of_people_or_pay():
    cause = {
        "cause": "invalid_reference: employee", "category": "invalid_reference", "subject_kind": "employee", "subject": "101",
        "sync": "payroll_hours", "destination": "gusto", "kind": "opened", "exceptions": 3, "owner": "payroll operations",
        "minutes": 480, "money": {"USD": "1234.56"}, "opened_at": datetime(2026, 11, 16, tzinfo=UTC), "due_at": None,
        "cause_key": "c1",
    }  # fmt: skip
    told = " ".join(message(cause))
    assert "101" not in told
    assert "1,234" not in told
    assert "8.00 h" not in told
    spoken = " ".join(
        message(
            {
                **cause,
                "cause": "validation: Ann Smith's salary is 99.5 and that is far too long for a field name, is it",
            }
        )
    )
    assert "Ann" not in spoken


def test_a_cause_is_told_again_when_it_has_doubled_but_never_twice_within_the_interval(desk, told, http_server):
    refuse(desk, 1, 2)
    notify(told)
    refuse(desk, 3, 4)
    assert notify(told).sent == 0
    hours_pass(desk, 5)
    assert notify(told).sent == 1
    hours_pass(desk, 5)
    refuse(desk, 5)
    assert notify(told).sent == 0
    assert titles(http_server)[1].endswith("has grown")


def test_a_cause_that_is_overdue_is_told_once_more_and_once_only(desk, told, http_server):
    desk.connection.execute("insert into rule.policy (name, value) values ('sla_hours:default', 6)")
    refuse(desk, 1)
    notify(told)
    for _ in range(3):
        hours_pass(desk, 7)
        notify(told)
    assert [title.rsplit(" ", 2)[1:] for title in titles(http_server)] == [["needs", "you"], ["is", "overdue"]]


def test_a_closing_note_goes_out_when_the_cause_is_solved(desk, told, http_server):
    refuse(desk, 1)
    notify(told)
    replay(desk.settings, sync=SYNC, actor="ann", why="reopened")
    assert notify(told).sent == 0
    desk.deliver()
    hours_pass(desk, 5)
    assert notify(told).sent == 1
    hours_pass(desk, 5)
    assert notify(told).sent == 0
    assert titles(http_server)[-1].endswith("is solved")


def test_a_cause_that_comes_back_is_told_anew(desk, told, http_server):
    refuse(desk, 1)
    notify(told)
    replay(desk.settings, sync=SYNC, actor="ann", why="reopened")
    desk.deliver()
    hours_pass(desk, 5)
    notify(told)
    hours_pass(desk, 5)
    refuse(desk, 2)
    notify(told)
    assert [title.rsplit(" ", 1)[1] for title in titles(http_server)] == ["you", "solved", "you"]


def test_a_channel_that_is_down_is_asked_again_later_and_the_message_is_sent_once(desk, told, http_server):
    http_server.answer_with(Answer(status=500), Answer(json={}))
    refuse(desk, 1)
    report = notify(told)
    assert (report.sent, report.waiting, list(report.failing)) == (0, 1, ["default#1"])
    assert notify(told).sent == 0  # not before its time
    hours_pass(desk, 1)
    assert (notify(told).sent, notify(told).sent) == (1, 0)
    assert len(http_server.calls) == 2


def test_what_was_never_sent_is_dropped_when_its_cause_is_solved_and_no_closing_note_follows(desk, told, http_server):
    http_server.answer_with(Answer(status=500))
    refuse(desk, 1)
    notify(told)
    replay(desk.settings, sync=SYNC, actor="ann", why="reopened")
    desk.deliver()
    hours_pass(desk, 5)
    http_server.answer_with(Answer(json={}))
    assert notify(told).sent == 0
    states = desk.connection.execute("select state from delivery.notification").fetchall()
    assert [row["state"] for row in states] == ["dropped"]


def test_a_secret_address_stays_out_of_report_and_ledger(desk, told, http_server):
    http_server.answer_with(Answer(status=500))
    refuse(desk, 1)
    report = notify(told)
    written = report.text() + desk.everything_written()
    assert "hook-4711-secret" not in written


def test_an_address_that_is_none_is_named_and_raises_nothing(desk, http_server):
    refuse(desk, 1)
    report = notify(with_channels(desk.settings, default="nonsense"))
    assert report.failing == {"default#1": "Its address is none that apprise knows."}


def test_each_team_has_its_own_channel_and_the_others_the_default_one():
    assert channel_of("payroll operations", {"payroll_operations": 1, "default": 1}) == "payroll_operations"
    assert channel_of("controllers", {"payroll_operations": 1, "default": 1}) == "default"
    assert channel_of("controllers", {"payroll_operations": 1}) is None


def test_without_a_channel_nobody_is_told_and_the_report_says_so(desk):
    refuse(desk, 1)
    report = notify(with_channels(desk.settings))
    assert "No channel is set" in report.text()


class Mailbox:
    """Keeps what a real SMTP server was given."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  the name aiosmtpd calls
        self.mails.append((envelope.rcpt_tos, envelope.content.decode()))
        return "250 Message accepted for delivery"


def test_a_mail_arrives_by_smtp(desk):
    mailbox = Mailbox()
    port = free_port(0)
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, ready_timeout=60)
    controller.start()
    try:
        address = f"mailto://127.0.0.1:{port}/?from=hourline@example.com&to=billing@example.com&mode=insecure"
        refuse(desk, 1)
        report = notify(with_channels(desk.settings, billing_operations=address))
        assert report.sent == 1, report.failing
    finally:
        controller.stop()
    ((recipients, content),) = mailbox.mails
    assert recipients == ["billing@example.com"]
    assert "needs you" in content


NOTIFIER = """
import sys
from dataclasses import replace
from pathlib import Path
from pydantic import SecretStr
from plumbing.secret_store import SecretStore
from plumbing.settings import load
import reverse_etl
home, address = Path(sys.argv[1]), sys.argv[2]
settings = replace(load(home), warehouse_url=SecretStr(sys.stdin.read()), store=SecretStore(home / "none.toml", {"notify": {"default": address}}))
print(reverse_etl.notify(settings).sent)
"""


def test_killed_while_it_sends_it_is_repeated_once_and_never_a_third_time(desk, told, http_server):
    refuse(desk, 1)
    victims = []

    def kill(_call):
        os.kill(victims[-1].pid, signal.SIGKILL)
        victims[-1].wait(timeout=10)
        return Answer(json={})

    address = told.channels["default"][0].get_secret_value()
    for _ in range(4):
        http_server.script = kill
        process = subprocess.Popen(
            [sys.executable, "-c", NOTIFIER, str(desk.settings.home), address],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        victims.append(process)
        process.communicate(desk.settings.warehouse_url.get_secret_value(), timeout=120)
        hours_pass(desk, 1)
    assert [victim.returncode for victim in victims] == [-signal.SIGKILL, -signal.SIGKILL, 0, 0]
    assert len(http_server.calls) == 2
    (kept,) = desk.connection.execute("select state, last_error from delivery.notification").fetchall()
    assert kept == {"state": "failed", "last_error": "interrupted twice while it was sent"}
