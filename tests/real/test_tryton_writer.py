"""Approved hours into a real Tryton of each series, through the engine: once each, whatever goes wrong on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from plumbing.errors import Forbidden, HourlineError, NotFound, Refused
from plumbing.settings import Settings
from plumbing.vendors import tryton
from plumbing.vendors.tryton.wire import decode
from reverse_etl import destinations
from reverse_etl.erp.tryton import payloads
from reverse_etl.erp.tryton.writer import Writer
from reverse_etl.planner import plan
from reverse_etl.pusher import push
from reverse_etl.report import PushReport
from reverse_etl.syncs import named
from reverse_etl.verbs import replay
from tests.faults import clock
from tests.faults.ledger import Wish
from tests.faults.runs import History
from tests.fixtures.ledger import Desk
from tests.fixtures.tryton import Erp, Person, wire
from tests.tryton.street import TrytonStreet

pytestmark = [pytest.mark.erp, pytest.mark.warehouse]

SYNC = "erp_labor"
DAY = "2026-11-09"
PATIENCE = 1e9  # on the hand-moved clock


@dataclass
class Bench:
    """A ledger on a hand-moved clock, a Tryton behind a proxy, and somebody who looks there on their own."""

    desk: Desk
    erp: Erp
    street: TrytonStreet
    settings: Settings
    person: Person
    clock: clock.LedgerClock

    def fields(self, minutes: int | str = 450, project: str = "P1001", task: int = 0, **given: Any) -> dict[str, Any]:
        return {
            "employee_ref": str(self.erp.ids["employees"]["E00101"]),
            "project_ref": str(self.erp.ids["projects"][project]["id"]),
            "task_ref": str(self.erp.task(project, task)["work"]),
            "item_ref": None,
            "work_date": DAY,
            "minutes": str(minutes),
            "is_billable": True,
            "rate": self.erp.task(project, task)["rate"],
            "currency": "USD",
            **given,
        }

    def want(self, number: int, state: str = "present", **given: Any) -> None:
        fields = self.fields(**given)
        void = {"is_approved": False, "is_due": False} if state == "void" else {}
        self.desk.want_exactly(
            str(number),
            fields=fields,
            context={"destination_state": "unbilled", "period_closed": False},
            destination="tryton",
            desired_state=state,
            minutes=fields["minutes"],
            work_date=fields["work_date"],
            **void,
        )

    def plan_and_push(self) -> PushReport:
        plan(self.settings, SYNC)
        return self.push()

    def push(self) -> PushReport:
        (report,) = push(self.settings, SYNC, "tryton", clock=self.clock, patience_seconds=PATIENCE)
        return report

    def lines(self) -> list[dict[str, Any]]:
        """All lines that carry a key of this run, as Tryton itself tells."""
        ours = ["description", "like", f"hourline kantata-{self.desk.run}-%"]
        names = ["description", "duration", "date", "work", "employee", "invoice_line", "uuid"]
        found = self.person.call("model.timesheet.line.search_read", [ours], 0, None, [["id", "ASC"]], names)
        return [{name: decode(value) for name, value in line.items()} for line in found]

    def held(self) -> Counter[str]:
        """How many lines stand under each key."""
        return Counter(str(payloads.record_key_of(line["description"])) for line in self.lines())

    def states(self) -> list[str]:
        return [row["state"] for row in self.desk.intents(live=True)]

    def writer(self) -> Writer:
        engine = destinations.engine(self.settings, "deliver")
        try:
            with engine.connect() as connection:
                made = destinations.open_writer(self.settings, named(SYNC), "tryton", connection)
        finally:
            engine.dispose()
        assert isinstance(made, Writer)
        return made


@pytest.fixture
def bench(erp: Erp, desk: Desk, settings: Settings) -> Iterator[Bench]:
    assert settings.warehouse_url is not None
    url = settings.warehouse_url.get_secret_value()
    street = TrytonStreet(erp.running.url)
    connected = replace(settings, connections={"tryton": street.through(erp.connection())})
    desk.connection.execute("insert into rule.policy (name, legal_entity, value) values ('mass_change_share', '', 1)")
    with psycopg.connect(url, autocommit=True) as connection:
        clock.install(connection)
        yield Bench(desk, erp, street, connected, erp.person(), clock.LedgerClock(connection))
    street.close()


def test_the_same_batch_twice_sends_once(bench: Bench) -> None:
    for number in range(60):
        bench.want(number, minutes=number + 1)
    assert bench.plan_and_push().stopped is None
    assert bench.states() == ["acknowledged"] * 60
    assert bench.street.writes() == 2  # a full batch, and the rest
    bench.plan_and_push()
    assert bench.street.writes() == 2
    assert bench.held() == Counter({row["record_key"]: 1 for row in bench.desk.intents()})
    made = {str(payloads.record_key_of(line["description"])): line for line in bench.lines()}
    for row in bench.desk.intents():
        line = made[row["record_key"]]
        assert (str(line["id"]), line["duration"]) == (row["vendor_id"], timedelta(minutes=int(row["minutes"])))


def test_a_lost_answer_does_not_duplicate(bench: Bench) -> None:
    for number in range(10):
        bench.want(number)
    bench.street.fault("drop_after")
    assert bench.plan_and_push().stopped is None
    assert bench.states() == ["acknowledged"] * 10
    assert sorted(bench.held().values()) == [1] * 10
    assert bench.street.writes() == 1


def test_a_batch_that_never_arrived_is_sent_again(bench: Bench) -> None:
    for number in range(10):
        bench.want(number)
    bench.street.fault("drop")
    bench.plan_and_push()
    assert bench.states() == ["acknowledged"] * 10
    assert sorted(bench.held().values()) == [1] * 10


def test_one_bad_row_does_not_sink_its_neighbours(bench: Bench) -> None:
    for number in range(20):
        bench.want(number, **({"task_ref": "999999"} if number == 13 else {}))
    bench.plan_and_push()
    assert Counter(bench.states()) == Counter(acknowledged=19, refused=1)
    assert sorted(bench.held().values()) == [1] * 19
    (trouble,) = bench.desk.exceptions()
    assert (trouble["source_id"], trouble["category"]) == ("13", "invalid_reference")


def test_what_a_lost_ledger_posted_is_met_by_its_key(bench: Bench) -> None:
    """As after a restore of our warehouse to an hour ago: the same create again, among new ones, by the same key."""
    if bench.erp.running.series == "8.0":
        for number in range(3):
            bench.want(number)
        bench.plan_and_push()
        bench.desk.clear()
        for number in range(6):
            bench.want(number)
        bench.plan_and_push()
        assert bench.states() == ["acknowledged"] * 6
        assert sorted(bench.held().values()) == [1] * 6
    else:  # nothing there tells a second create from a first: the marker is found only by who looks
        bench.want(0)
        bench.plan_and_push()
        record = bench.desk.intents()[0]
        with tryton.client(bench.erp.connection()) as client, pytest.raises(Forbidden):
            client.call(
                "model.timesheet.line.write", [int(record["vendor_id"])], {"uuid": payloads.key(record["record_key"])}
            )


def test_edits_are_amended_and_withdrawals_deleted(bench: Bench) -> None:
    for number in range(6):
        bench.want(number)
    bench.plan_and_push()
    for number in range(3):
        bench.want(number, minutes="20.333333", work_date="2026-11-10", task=1)
    bench.want(5, "void")
    bench.plan_and_push()
    lines = {str(payloads.record_key_of(line["description"])): line for line in bench.lines()}
    assert len(lines) == 5
    edited = [line for line in lines.values() if line["date"] == date(2026, 11, 10)]
    assert [line["duration"] for line in edited] == [timedelta(microseconds=1_219_999_980)] * 3
    assert all(line["description"].endswith("amended") for line in edited)
    assert {line["work"] for line in edited} == {bench.erp.task("P1001", 1)["work"]}


def test_somebody_else_who_writes_in_between_is_seen(bench: Bench) -> None:
    bench.want(0)
    bench.plan_and_push()
    (line,) = bench.lines()
    bench.want(0, minutes=300)
    came = []

    def meddle(moment: str, call: Any) -> bool:
        # The amend was read for and is on its way: now a person is quicker.
        if moment == "arrived" and not call.is_read and not came:
            came.append(call)
            bench.person.call("model.timesheet.line.write", [line["id"]], {"duration": wire(timedelta(minutes=7))})
        return False

    bench.street.on_moment = meddle
    bench.plan_and_push()
    assert bench.states() == ["acknowledged"] * 2
    assert [each["duration"] for each in bench.lines()] == [timedelta(minutes=300)]
    told = bench.desk.connection.execute("select category from delivery.attempt where category is not null").fetchall()
    assert [row["category"] for row in told] == ["stale_version"]


def test_a_line_on_an_invoice_is_refused_as_billed(bench: Bench) -> None:
    bench.want(0, project="P1002")
    bench.want(1, project="P1002")
    bench.plan_and_push()
    bench.person.invoice(bench.erp.ids["projects"]["P1002"]["id"])
    before = bench.lines()
    assert all(line["invoice_line"] for line in before)
    bench.want(0, project="P1002", minutes=60)
    bench.want(1, "void", project="P1002")
    bench.plan_and_push()
    assert [row["category"] for row in bench.desk.exceptions()] == ["billed", "billed"]
    assert bench.lines() == before


def test_tryton_itself_refuses_to_touch_an_invoiced_line(bench: Bench) -> None:
    bench.want(0, project="P1004")
    bench.plan_and_push()
    bench.person.invoice(bench.erp.ids["projects"]["P1004"]["id"])
    (line,) = bench.lines()
    with tryton.client(bench.erp.connection()) as client:
        for method, values in (("write", [{"duration": timedelta(hours=1)}]), ("write", [{"work": 1}]), ("delete", [])):
            with pytest.raises(Refused) as raised:
                client.call(f"model.timesheet.line.{method}", [line["id"]], *values)
            assert raised.value.category == "billed"


def test_a_line_deleted_by_hand_is_never_made_again(bench: Bench) -> None:
    bench.want(0)
    bench.want(1)
    bench.want(2)
    bench.plan_and_push()
    bench.person.call("model.timesheet.line.delete", [line["id"] for line in bench.lines()[:2]])
    bench.want(0, minutes=30)
    bench.want(1, "void")
    bench.want(2, minutes=30)
    bench.plan_and_push()
    assert [row["category"] for row in bench.desk.exceptions()] == ["gone_by_hand"]
    assert bench.desk.chain("1")["settled_intent_id"] is None
    assert [line["duration"] for line in bench.lines()] == [timedelta(minutes=30)]


def test_an_ended_session_is_signed_in_again(bench: Bench) -> None:
    writer = bench.writer()
    try:
        assert "can be read" in writer.check()
        with psycopg.connect(bench.erp.home.url(bench.erp.running.database), autocommit=True) as database:
            database.execute("update ir_session set create_date = create_date - interval '31 days'")
        assert "can be read" in writer.check()
    finally:
        writer.close()


def test_the_check_tells_what_the_series_takes(bench: Bench) -> None:
    writer = bench.writer()
    try:
        told = writer.check()
        assert writer.capabilities.has_key is (bench.erp.running.series == "8.0")
    finally:
        writer.close()
    assert ("keeps our key unique" if bench.erp.running.series == "8.0" else "takes no key of ours") in told


def test_a_company_that_the_user_does_not_work_for_is_named(bench: Bench) -> None:
    bench.settings = replace(bench.settings, connections={"tryton": bench.erp.connection(company=99)})
    writer = bench.writer()
    try:
        with pytest.raises(Forbidden, match="does not work for company 99"):
            writer.check()
    finally:
        writer.close()


def test_a_field_that_tryton_does_not_have_is_named_before_anything_is_sent(bench: Bench) -> None:
    bench.desk.connection.execute(
        "insert into rule.field_map (destination, entity, vendor_field, value_kind, value, value_type)"
        " values ('tryton', 'labor', 'x_rate', 'column', 'rate', 'decimal')"
    )
    writer = bench.writer()
    try:
        with pytest.raises(HourlineError, match="have no field x_rate"):
            writer.check()
    finally:
        writer.close()


REFUSALS: list[tuple[dict[str, Any], type[HourlineError], str | None]] = [
    ({"work": 999_999}, Refused, "invalid_reference"),
    ({"employee": 999_999}, Refused, "invalid_reference"),
    ({"duration": timedelta(hours=-1)}, Refused, "validation"),
    ({"duration": None}, Refused, "validation"),
    ({"nonsense": 1}, Refused, "server_error"),
]


@pytest.mark.parametrize(("wrong", "kind", "category"), REFUSALS)
def test_the_words_of_each_series_are_understood(
    bench: Bench, wrong: dict[str, Any], kind: type[HourlineError], category: str | None
) -> None:
    line = {
        "employee": bench.erp.ids["employees"]["E00101"],
        "work": bench.erp.task("P1001")["work"],
        "date": date(2026, 11, 9),
        "duration": timedelta(hours=1),
    }
    with tryton.client(bench.erp.connection()) as client:
        before = client.call("model.timesheet.line.search_count", [], 0, None)
        with pytest.raises(kind) as raised:
            client.call("model.timesheet.line.create", [line, {**line, **wrong}])
        assert getattr(raised.value, "category", None) == category
        assert client.call("model.timesheet.line.search_count", [], 0, None) == before


def test_an_unknown_id_is_not_found(bench: Bench) -> None:
    with tryton.client(bench.erp.connection()) as client:
        for method, values in (("read", [["date"]]), ("write", [{"description": "x"}]), ("delete", [])):
            with pytest.raises(NotFound):
                client.call(f"model.timesheet.line.{method}", [999_999], *values)


def test_two_hundred_hours_go_once_each_through_every_fault(bench: Bench) -> None:
    _through_every_fault(bench, hours=200, seed=11)


@pytest.mark.slow
def test_a_thousand_hours_go_once_each_through_every_fault(bench: Bench) -> None:
    _through_every_fault(bench, hours=1000, seed=12)


def _want(bench: Bench, wishes: Iterable[Wish]) -> None:
    for wish in wishes:
        bench.want(int(wish.source_id), wish.state, minutes=wish.minutes, work_date=wish.work_date)


def _drain(bench: Bench) -> None:
    """Plan, send, and play again what ran out of tries, until nothing moves any more."""
    for _ in range(10):
        report = bench.plan_and_push()
        if report.stopped is None and set(bench.states()) <= {"acknowledged"}:
            return
        replay(bench.settings, sync=SYNC, actor="operator", why="Tryton answers again")
        bench.clock.advance(60)
    raise AssertionError(f"not drained: {Counter(bench.states())}, {bench.desk.exceptions()}")


def _through_every_fault(bench: Bench, hours: int, seed: int) -> None:
    """Create, then rounds of edits, withdrawals and second approvals; at the end each hour stands there as last approved."""
    history = History(seed, hours)
    _want(bench, history.wishes.values())
    bench.street.reset(seed, share=0.3, read_share=0.02)
    for _ in range(3):
        bench.plan_and_push()
        _want(bench, history.edit())
    bench.plan_and_push()
    bench.street.calm()
    _drain(bench)
    wanted = Counter(
        (wish.work_date, timedelta(minutes=wish.minutes)) for wish in history.wishes.values() if wish.state == "present"
    )
    there = Counter((line["date"].isoformat(), line["duration"]) for line in bench.lines())
    assert there == wanted
    assert max(bench.held().values()) == 1
    met = {name: count for name, count in bench.street.counts.items() if name not in {"passed", "broken"}}
    assert len(met) >= 8, met
