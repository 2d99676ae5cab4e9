"""What every writer must keep, run over all that are found, against the vendors' simulators on real HTTP, or a real vendor."""

import importlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest
from pydantic import SecretStr

from plumbing import catalog
from plumbing.errors import HourlineError
from plumbing.settings import Connection, Settings
from reverse_etl import destinations
from reverse_etl.engine import Timing
from reverse_etl.planner import plan
from reverse_etl.pusher import follow_up, push
from reverse_etl.syncs import SYNCS, named
from reverse_etl.writer import Writer
from tests.fixtures.ledger import Desk
from tests.fixtures.simulators import Firm, start_firm

pytestmark = pytest.mark.warehouse

WRITERS = sorted(
    (kind, system)
    for kind in {sync.kind for sync in SYNCS.values()}
    for system in catalog.systems(f"reverse_etl.{kind}")
)
TIMING = Timing(lease_seconds=60, call_seconds=10, quiet_seconds=0.4)
HOURS = 6
# Each test draws hours of its own at its vendor: what another wrote stands there still.
_BENCHES: defaultdict[tuple[str, str | None], Iterator[int]] = defaultdict(count)


class Control(Protocol):
    """What a vendor's control path does for a test: a simulator's own, or the proxy's before a real vendor."""

    def fault(self, kind: str, **given: Any) -> None: ...
    def clear_faults(self) -> None: ...
    def journal(self, **filters: Any) -> dict[str, Any]: ...
    def total_writes(self) -> int: ...
    def clear_journal(self) -> None: ...
    def errors(self) -> list[str]: ...


@dataclass
class Bench:
    """One writer with its vendor, an empty ledger, and hours that the vendor can take."""

    desk: Desk
    subject: ModuleType
    connection: Connection
    control: Control
    settings: Settings
    samples: list[tuple[dict[str, Any], dict[str, Any]]]

    def want(self, number: int, given: dict[str, Any] | None = None, **columns: Any) -> None:
        """Let one sample be desired, edited as given."""
        fields, context = self.samples[number]
        self.desk.want_exactly(
            str(number),
            fields={**fields, **(given or {})},
            context=context,
            destination=self.connection.name,
            **columns,
        )

    def run(self) -> None:
        """Plan, push, follow up."""
        plan(self.settings, self.subject.SYNC)
        for report in push(self.settings, self.subject.SYNC, timing=TIMING, patience_seconds=20):
            assert report.stopped is None, report.stopped
        follow_up(self.settings, self.subject.SYNC)

    def writer(self) -> Writer:
        """The writer by itself; close it."""
        with self.desk.engine.connect() as connection:
            return destinations.open_writer(self.settings, named(self.subject.SYNC), self.connection.name, connection)

    def states(self) -> list[str]:
        return [row["state"] for row in self.desk.intents(live=True)]

    def held(self) -> list[int]:
        """How often each key is held that is held at all."""
        return sorted(self.subject.held(self.connection).values())


@pytest.fixture(scope="module")
def vendors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    with start_firm(tmp_path_factory.mktemp("firm"), seed=7, entries=300) as firm:
        yield firm


@pytest.fixture(scope="module")
def real_vendors(server_url: str) -> Iterator[Callable[[ModuleType, str], tuple[dict[str, Any], Control]]]:
    """Real systems, each started when it is first asked for."""
    running: dict[tuple[str, str], tuple[dict[str, Any], Control]] = {}
    with ExitStack() as stack:

        def start(subject: ModuleType, series: str) -> tuple[dict[str, Any], Control]:
            key = (subject.__name__, series)
            if key not in running:
                running[key] = stack.enter_context(subject.started(series, server_url))
            return running[key]

        yield start


def _subject(system: str) -> ModuleType:
    assert (Path(__file__).parent / "subjects" / f"{system}.py").is_file(), (
        f"give {system} a subject, so that its writer is tried"
    )
    return importlib.import_module(f"tests.conformance.subjects.{system}")


def _each() -> Iterator[Any]:
    """Every writer once; one that is tried on a real system once for each of its series."""
    for kind, system in WRITERS:
        for series in getattr(_subject(system), "REAL", [None]):
            name = f"{kind}-{system}{f'-{series}' if series else ''}"
            yield pytest.param((kind, system, series), id=name, marks=pytest.mark.erp if series else ())


@pytest.fixture(params=_each())
def bench(request: pytest.FixtureRequest, desk: Desk) -> Iterator[Bench]:
    kind, system, series = request.param
    subject = _subject(system)
    assert named(subject.SYNC).kind == kind
    if series is None:
        vendors: Firm = request.getfixturevalue("vendors")
        address, control = vendors.addresses[system], vendors[system]
    else:
        address, control = request.getfixturevalue("real_vendors")(subject, series)
    # A connection of its own for each test: keys of other tests stand there too.
    name = f"{system}_{desk.serial}"
    connection = Connection(
        name=name,
        system=system,
        base_url=address["base_url"],
        options=address["options"],
        secrets={key: SecretStr(value) for key, value in address["secrets"].items()},
    )
    desk.relation = named(subject.SYNC).relation.partition(".")[2]
    control.clear_faults()
    settings = replace(desk.settings, connections={name: connection})
    before = subject.held(connection)
    fresh = ModuleType(subject.__name__)
    fresh.__dict__.update(subject.__dict__)
    fresh.held = lambda using: {key: count for key, count in subject.held(using).items() if key not in before}
    drawn = HOURS * next(_BENCHES[system, series])
    samples = list(islice(subject.fields(connection), drawn, drawn + HOURS))
    assert len(samples) == HOURS, "the vendor has no hours left: give it more"
    control.clear_journal()
    yield Bench(desk, fresh, connection, control, settings, samples)
    control.clear_faults()
    assert control.errors() == []


def test_the_same_batch_twice_sends_once(bench: Bench) -> None:
    for number in range(HOURS):
        bench.want(number)
    bench.run()
    assert bench.states() == ["acknowledged"] * HOURS
    assert bench.held() == [1] * HOURS
    writes = bench.control.total_writes()
    bench.run()
    assert bench.control.total_writes() == writes


def test_an_edit_is_amended_in_place(bench: Bench) -> None:
    bench.want(0)
    bench.run()
    bench.want(0, bench.subject.changed(bench.samples[0][0]))
    bench.run()
    assert bench.states() == ["acknowledged"] * 2
    assert [row["operation"] for row in bench.desk.intents()] == ["create", "amend"]
    assert bench.held() == [1]


def test_a_withdrawal_is_deleted_where_the_vendor_can(bench: Bench) -> None:
    bench.want(0)
    bench.run()
    bench.want(0, desired_state="void", is_approved=False, is_due=False)
    bench.run()
    if bench.settings and bench.subject.SYNC == "psa_invoice_status":
        assert bench.desk.open_intent("0")["reason"] == "cannot be deleted there"
    else:
        assert bench.held() == []
        assert bench.desk.chain("0")["settled_intent_id"] is None


@pytest.mark.parametrize("kind", ["drop", "drop_after"])
def test_a_time_out_before_or_after_acceptance_does_not_duplicate(bench: Bench, kind: str) -> None:
    for number in range(HOURS):
        bench.want(number)
    bench.control.fault(kind, times=3, **bench.subject.WRITE)
    bench.run()
    assert bench.states() == ["acknowledged"] * HOURS
    assert bench.held() == [1] * HOURS


def test_an_amend_whose_answer_is_lost_is_settled_by_looking(bench: Bench) -> None:
    bench.want(0)
    bench.run()
    bench.want(0, bench.subject.changed(bench.samples[0][0]))
    bench.control.fault("drop_after", times=1, **bench.subject.WRITE)
    bench.run()
    assert bench.states() == ["acknowledged"] * 2
    assert bench.desk.chain("0")["settled_intent_id"] == bench.desk.intents()[-1]["intent_id"]


def test_a_server_error_is_looked_up_before_it_is_sent_again(bench: Bench) -> None:
    bench.want(0)
    bench.control.fault("status", status=500, times=1, **bench.subject.WRITE)
    bench.run()
    assert (bench.states(), bench.held()) == (["acknowledged"], [1])
    kinds = bench.desk.connection.execute(
        "select kind from delivery.request where phase = 'asked' order by call_id"
    ).fetchall()
    assert [row["kind"] for row in kinds][:3] == ["send", "find", "find"]


def test_retry_after_is_honoured(bench: Bench) -> None:
    bench.want(0)
    bench.control.fault("status", status=429, headers={"Retry-After": "1"}, times=1, **bench.subject.WRITE)
    bench.run()
    assert bench.states() == ["acknowledged"]
    sent = bench.desk.connection.execute(
        "select at from delivery.request where phase = 'asked' and kind = 'send' order by at"
    ).fetchall()
    assert (sent[1]["at"] - sent[0]["at"]).total_seconds() >= 1


def test_a_refused_row_does_not_sink_its_neighbours(bench: Bench) -> None:
    for number in range(HOURS):
        bench.want(number, bench.subject.BAD if number == 2 else None)
    bench.run()
    assert sorted(bench.states()) == ["acknowledged"] * (HOURS - 1) + ["refused"]
    (trouble,) = bench.desk.exceptions()
    assert trouble["category"] == "invalid_reference"
    assert trouble["owner"]


def test_a_dry_run_touches_nothing(bench: Bench) -> None:
    bench.want(0)
    plan(bench.settings, bench.subject.SYNC)
    (report,) = push(bench.settings, bench.subject.SYNC, dry_run=True)
    assert report.counts["would create"] == 1
    assert bench.control.journal(limit=1)["total_writes"] == 0
    assert bench.held() == []


def test_secrets_never_reach_the_ledger(bench: Bench) -> None:
    bench.want(0)
    bench.control.fault("status", status=500, body="{}", times=1, **bench.subject.WRITE)
    bench.run()
    words = bench.desk.everything_written()
    for name, secret in bench.connection.secrets.items():
        assert secret.get_secret_value() not in words, name


def test_wrong_credentials_stop_the_destination_with_its_state_intact(bench: Bench) -> None:
    bench.want(0)
    plan(bench.settings, bench.subject.SYNC)
    wrong = replace(bench.connection, secrets={name: SecretStr(f"wrong-{name}") for name in bench.connection.secrets})
    settings = replace(bench.settings, connections={wrong.name: wrong})
    (report,) = push(settings, bench.subject.SYNC, timing=TIMING, patience_seconds=0)
    assert report.stopped is not None
    assert wrong.name in report.stopped
    assert bench.states() == ["planned"]


def test_check_says_what_it_saw(bench: Bench) -> None:
    with closing(bench.writer()) as writer:
        assert "can be read" in writer.check()


@pytest.mark.parametrize("made_up", ["credit note 7", "Gutschrift/ü?x=1", "999999999"])
def test_an_id_that_a_person_made_up_is_nothing_there_or_a_sentence(bench: Bench, made_up: str) -> None:
    bench.want(0)
    plan(bench.settings, bench.subject.SYNC)
    [claim] = bench.desk.claim(bench.connection.name, bench.subject.SYNC)
    with closing(bench.writer()) as writer:
        try:
            found = writer.find(replace(claim.record, vendor_id=made_up))
        except HourlineError:  # a vendor may also refuse the question, in words
            found = None
    assert found is None
