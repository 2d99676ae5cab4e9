"""Many pushing processes on one ledger, one of them stopped past its lease and woken again."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from reverse_etl.planner import plan
from reverse_etl.pusher import push
from tests.reverse_etl.loopback.pusher import TIMING, with_destination
from tests.reverse_etl.loopback.server import Call, Destination
from tests.reverse_etl.test_kill import push_in_its_own_process

pytestmark = [pytest.mark.warehouse, pytest.mark.slow]

SYNC = "erp_labor"
HOURS = 240
WORKERS = 4


@pytest.fixture
def there() -> Iterator[Destination]:
    destination = Destination()
    yield destination
    destination.close()


def test_many_processes_on_one_ledger_send_each_hour_once(desk, there):
    for number in range(HOURS):
        desk.want(str(number))
    plan(with_destination(desk.settings, "searched", there.url), SYNC)
    processes = [push_in_its_own_process(desk, "searched", there) for _ in range(WORKERS)]
    for process in processes:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    assert {key: len(records) for key, records in there.by_key().items()} == {
        f"kantata-{n}-g1": 1 for n in range(HOURS)
    }
    assert {row["state"] for row in desk.intents()} == {"acknowledged"}
    doubled = desk.connection.execute(
        "select intent_id from delivery.attempt where outcome = 'acknowledged' group by intent_id having count(*) > 1"
    ).fetchall()
    assert doubled == []


class Stopper:
    """Stops its victim when a write of it has been carried out and not yet answered."""

    def __init__(self) -> None:
        self.victim: int | None = None
        self.stopped = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, call: Call, moment: str) -> None:
        with self._lock:
            if self.victim is None or not call.is_write or moment != "after":
                return
            victim, self.victim = self.victim, None
        os.kill(victim, signal.SIGSTOP)
        self.stopped.set()


def test_stopped_past_its_lease_and_woken_a_worker_s_late_answers_are_kept_and_change_nothing(desk, there):
    for number in range(40):
        desk.want(str(number))
    settings = with_destination(desk.settings, "keyed", there.url)
    plan(settings, SYNC)
    there.fault = stopper = Stopper()
    sleeper = push_in_its_own_process(desk, "keyed", there)
    stopper.victim = sleeper.pid
    try:
        assert stopper.stopped.wait(240)
        # Its lease has to run out, and the quiet period after it: the push waits for both.
        push(settings, SYNC, timing=TIMING, patience_seconds=60)
        settled = desk.connection.execute(
            "select intent_id, state, vendor_id, attempt_count from delivery.intent"
        ).fetchall()
        assert {row["state"] for row in settled} == {"acknowledged"}
    finally:
        os.kill(sleeper.pid, signal.SIGCONT)
    _, errors = sleeper.communicate(timeout=240)
    assert sleeper.returncode == 0, errors
    after = desk.connection.execute("select intent_id, state, vendor_id, attempt_count from delivery.intent").fetchall()
    assert after == settled
    assert {key: len(records) for key, records in there.by_key().items()} == {f"kantata-{n}-g1": 1 for n in range(40)}
    late = desk.connection.execute("select count(*) as n from delivery.attempt where is_late").fetchone()
    assert late["n"] > 0
