"""An operator's day: a closed period refuses 300 rows; one person is told once; it is reopened, replayed, settled, and the
audit tells it. The vendors' simulators on real HTTP, their real writers, a real webhook, a real PostgreSQL."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row
from pydantic import SecretStr

import reverse_etl
from plumbing.secret_store import SecretStore
from plumbing.settings import Connection
from reverse_etl import audit
from reverse_etl.engine import Timing
from tests.fixtures.http_server import Answer
from tests.fixtures.simulators import start_firm
from tests.reverse_etl.tampering import Tamperer, let_ids_be_given

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plumbing.settings import Settings
    from tests.fixtures.http_server import ScriptedServer
    from tests.fixtures.ledger import Desk
    from tests.fixtures.simulators import Firm

pytestmark = pytest.mark.warehouse

ROWS = 300
TRIALS = 40  # tests/reverse_etl/test_audit.py has the thousand, on a shorter chain
SEED = 4711
TIMING = Timing(lease_seconds=120, call_seconds=10, quiet_seconds=0.4)


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    with start_firm(tmp_path_factory.mktemp("firm"), seed=7, entries=600, as_of="2026-11-16") as firm:
        yield firm


class Story:
    """One destination that refuses, and what people see and do."""

    def __init__(self, desk: Desk, firm: Firm, http_server: ScriptedServer, system: str, relation: str) -> None:
        self.subject: Any = importlib.import_module(f"tests.conformance.subjects.{system}")
        address = firm.addresses[system]
        self.connection = Connection(
            name=system, system=system, base_url=address["base_url"],
            options={**address["options"], "allowance": 1000},
            secrets={key: SecretStr(value) for key, value in address["secrets"].items()},
        )  # fmt: skip
        self.desk, self.sync, self.webhook = desk, self.subject.SYNC, http_server
        http_server.answer_with(Answer(json={}))
        desk.relation = relation
        desk.connection.execute("insert into rule.policy (name, value) values ('notify_interval_hours', 0)")
        desk.connection.execute("insert into rule.owner_team values ('closed_period', 'payroll operations')")
        channel = http_server.url.replace("http://", "json://")
        self.settings: Settings = replace(
            desk.settings,
            connections={system: self.connection},
            store=SecretStore(desk.settings.home / "none.toml", {"notify": {"payroll_operations": channel}}),
        )
        self.samples = list(islice(self.subject.fields(self.connection), ROWS))

    def want(self, **columns: Any) -> None:
        for number, (fields, context) in enumerate(self.samples):
            self.desk.want_exactly(
                str(number), fields=fields, context=context, destination=self.connection.name,
                work_date=fields["work_date"], **columns,
            )  # fmt: skip
        assert reverse_etl.plan(self.settings, self.sync).count("create") == ROWS

    def push(self) -> None:
        for report in reverse_etl.push(self.settings, self.sync, timing=TIMING, patience_seconds=20):
            assert report.stopped is None, report.stopped

    def follow_up(self) -> None:
        for report in reverse_etl.follow_up(self.settings, self.sync):
            assert report.stopped is None, report.stopped

    def states(self) -> dict[str, int]:
        found = self.desk.connection.execute(
            "select state, count(*) as number from delivery.intent group by 1"
        ).fetchall()
        return {row["state"]: row["number"] for row in found}

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(call.body) for call in self.webhook.calls]

    def verify_and_tamper(self) -> None:
        """The audit tells the story and holds; any one row changed by the database's owner is named."""
        reverse_etl.seal(self.settings)
        assert (found := audit.verify(self.settings)).is_intact, found.text()
        assert found.unsealed == 0
        assert self.settings.warehouse_url is not None
        with psycopg.connect(self.settings.warehouse_url.get_secret_value(), row_factory=dict_row) as owner:
            let_ids_be_given(owner)
            for trial in range(TRIALS):
                owner.execute("savepoint trial")
                suspects = Tamperer(owner, SEED + trial).run()
                wrong = audit.check(owner, [])
                assert wrong.finding is not None, f"seed {SEED + trial}"
                assert (wrong.finding.kind, wrong.finding.row) in suspects, f"seed {SEED + trial}: {wrong.finding}"
                owner.execute("rollback to savepoint trial")
            owner.rollback()


def told(story: Story, verb: str) -> list[dict[str, Any]]:
    return story.desk.connection.execute(
        "select actor, detail from delivery.event where verb = %s and subject like 'intent:%%'", (verb,)
    ).fetchall()


def test_a_payroll_that_was_closed_is_reopened_and_300_rows_settle_by_one_replay(
    desk: Desk, firm: Firm, http_server: ScriptedServer, tmp_path: Path
) -> None:
    story = Story(desk, firm, http_server, "gusto", "sync_payroll__hours")
    before = story.subject.held(story.connection)
    story.want(amount=None, currency=None, minutes=450)
    story.push()
    assert story.states() == {"accepted": ROWS}
    period = story.samples[0][1]["pay_period_start"]
    payroll = firm.change("process_payroll", period_start=period)["payrolls"][0]
    story.follow_up()
    assert story.states() == {"refused": ROWS}

    reverse_etl.notify(story.settings)
    reverse_etl.notify(story.settings)
    (message,) = story.messages()
    assert "300 rows" in message["message"]
    assert period in message["title"]
    assert " h" not in message["message"].replace("hourline", "")  # how long somebody worked is pay data

    (cause,) = reverse_etl.causes(story.settings)
    assert (cause.exceptions, cause.minutes, cause.money, cause.owner) == (
        ROWS,
        Decimal(ROWS * 450),
        {},
        "payroll operations",
    )
    assert cause.subject.startswith(period)

    firm["gusto"].change("gusto_process_payroll", payroll=payroll, status="unprocessed")
    assert (
        reverse_etl.replay(story.settings, cause=cause.cause_key, actor="ann", why="payroll cancelled and run again")
        == ROWS
    )
    story.push()
    story.follow_up()
    assert story.states() == {"acknowledged": ROWS}
    held = {key: number for key, number in story.subject.held(story.connection).items() if key not in before}
    assert held == {row["record_key"]: 1 for row in desk.intents()}
    assert reverse_etl.causes(story.settings) == []
    reverse_etl.notify(story.settings)
    assert [one["title"].rsplit(" ", 1)[1] for one in story.messages()] == ["you", "solved"]

    replayed = told(story, "replayed")
    assert len(replayed) == ROWS
    assert {(one["actor"], one["detail"]["why"]) for one in replayed} == {("ann", "payroll cancelled and run again")}
    assert len(told(story, "refused")) == len(told(story, "acknowledged")) == ROWS
    story.verify_and_tamper()


def test_an_erp_month_that_was_closed_is_one_cause_with_its_money(
    desk: Desk, firm: Firm, http_server: ScriptedServer
) -> None:
    story = Story(desk, firm, http_server, "netsuite", "sync_erp__labor")
    story.want(minutes=450)
    firm.change("close_period", name="Nov 2026")
    story.push()
    assert story.states() == {"refused": ROWS}

    reverse_etl.notify(story.settings)
    (message,) = story.messages()
    assert "At stake: 2,250.00 h, $225,000.00" in message["message"]
    (cause,) = reverse_etl.causes(story.settings)
    assert (cause.exceptions, cause.subject, cause.money) == (ROWS, "2026-11", {"USD": Decimal(225_000)})

    firm.change("reopen_period", name="Nov 2026")
    assert reverse_etl.replay(story.settings, cause=cause.cause_key, actor="ann", why="November reopened") == ROWS
    story.push()
    assert story.states() == {"acknowledged": ROWS}
    held = story.subject.held(story.connection)
    assert {row["record_key"]: held[row["record_key"]] for row in desk.intents()} == {
        row["record_key"]: 1 for row in desk.intents()
    }
    reverse_etl.notify(story.settings)
    assert [one["title"].rsplit(" ", 1)[1] for one in story.messages()] == ["you", "solved"]
    story.verify_and_tamper()
