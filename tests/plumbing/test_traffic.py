"""One account's allowance, shared by processes through the warehouse."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from plumbing import traffic
from plumbing.limits import Allowance, Resting
from plumbing.quota import Quota
from plumbing.traffic import SharedGate, Store

pytestmark = pytest.mark.warehouse

ACCOUNT = "acme"  # each test has an empty book, and closes it: what still beats then ends


@pytest.fixture
def store(warehouse) -> Iterator[Store]:
    with warehouse.connect(None, autocommit=True) as connection:
        connection.execute("truncate hourline.traffic_account, hourline.traffic_holder, hourline.traffic_taken")
        connection.execute("select pg_stat_reset()")
    store = Store(lambda: warehouse.connect("deliver", autocommit=True))
    yield store
    store.close()


class Counter:
    """How many calls were under way at once, and when each began."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = 0
        self.began: list[float] = []

    def __enter__(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.began.append(time.monotonic())

    def __exit__(self, *_exc: object) -> None:
        with self.lock:
            self.now -= 1


def use(gate: SharedGate, counter: Counter, calls: int, threads: int) -> list[threading.Thread]:
    """Threads that make so many calls each, which take a moment."""

    def work() -> None:
        for _ in range(calls):
            with gate.slot(), counter:
                threading.Event().wait(0.005)

    started = [threading.Thread(target=work) for _ in range(threads)]
    for thread in started:
        thread.start()
    return started


def test_many_users_together_stay_within_the_calls_at_once(store):
    counter = Counter()
    gates = [SharedGate(store, ACCOUNT, Allowance(concurrency=4)) for _ in range(3)]
    for thread in [thread for gate in gates for thread in use(gate, counter, 20, 4)]:
        thread.join()
    assert counter.most <= 4
    assert len(counter.began) == 3 * 20 * 4
    for gate in gates:
        gate.close()


def test_more_users_than_calls_at_once_take_turns_and_all_finish(store, monkeypatch):
    monkeypatch.setattr(traffic, "TURN_SECONDS", 0.2)
    counter = Counter()
    gates = [SharedGate(store, ACCOUNT, Allowance(concurrency=1)) for _ in range(3)]
    for thread in [thread for gate in gates for thread in use(gate, counter, 60, 1)]:
        thread.join(timeout=60)
    assert (counter.most, len(counter.began)) == (1, 180)


def test_a_window_is_shared_and_nearly_all_of_it_used(store):
    allowance = Allowance(concurrency=8, requests=40, window_seconds=1.0)
    counter = Counter()
    gates = [SharedGate(store, ACCOUNT, allowance) for _ in range(2)]
    for thread in [thread for gate in gates for thread in use(gate, counter, 25, 4)]:
        thread.join()
    began = sorted(counter.began)
    # A call is made within half a second of its taking: so long may the tail of one window reach into the next.
    for first, later in zip(began, began[40:], strict=False):
        assert later - first > allowance.window_seconds - traffic.FRESH_SECONDS
    assert len(began) == 200


def test_a_rest_that_one_is_asked_for_rests_them_all(store):
    first, second = (SharedGate(store, ACCOUNT, Allowance(concurrency=2)) for _ in range(2))
    first.hear(429, 120.0, None)
    with pytest.raises(Resting) as told, second.slot():
        pass
    assert 100 < told.value.seconds <= 120


def test_a_short_rest_is_waited_out(store):
    gate = SharedGate(store, ACCOUNT, Allowance(concurrency=2))
    began = time.monotonic()
    gate.hear(200, None, Quota(0, 100, 0.3))
    with gate.slot():
        assert time.monotonic() - began >= 0.3


def test_a_refusal_without_a_wait_lowers_the_calls_at_once_for_all(store):
    SharedGate(store, ACCOUNT, Allowance(concurrency=4)).hear(429, None, None)
    assert store.hold(ACCOUNT, "one", 4, 0, 4).slots == 3
    SharedGate(store, ACCOUNT, Allowance(concurrency=4)).hear(429, None, None)  # the same burst
    assert store.hold(ACCOUNT, "one", 4, 0, 4).slots == 3


def test_what_was_lowered_is_raised_again_step_by_step(store, warehouse):
    store.slow_down(ACCOUNT, 4)
    for expected in (4, 4):
        with warehouse.connect(None, autocommit=True) as connection:
            connection.execute("update hourline.traffic_account set learned_at = learned_at - interval '31 seconds'")
        assert store.hold(ACCOUNT, "one", 4, 0, 4).slots == expected


def test_calls_that_others_made_on_the_account_are_left_room_for(store):
    allowance = Allowance(concurrency=4, requests=100, window_seconds=60)
    assert store.take(ACCOUNT, 10, allowance).calls == 10
    store.note_left(ACCOUNT, allowance, 5)
    assert store.take(ACCOUNT, 10, allowance).calls == 5
    full = store.take(ACCOUNT, 10, allowance)
    assert (full.calls, 0 < full.wait_seconds <= 60) == (0, True)


def test_who_uses_everything_is_told_its_share_once_another_comes(store):
    assert store.hold(ACCOUNT, "one", 4, 0, 4).slots == 4
    assert store.hold(ACCOUNT, "two", 4, 0, 4).slots == 0
    assert store.hold(ACCOUNT, "one", 4, 4, 4).slots == 2


def test_one_that_begins_a_call_whenever_one_ends_leaves_the_other_its_share(store):
    hungry, late = (SharedGate(store, ACCOUNT, Allowance(concurrency=4)) for _ in range(2))
    first, second = Counter(), Counter()
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            with hungry.slot(), first:
                threading.Event().wait(0.02)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    while len(first.began) < 20:  # it holds everything
        threading.Event().wait(0.01)
    users = use(late, second, 20, 4)
    users[0].join(timeout=30)
    stop.set()
    for thread in (*users, *threads):
        thread.join()
    assert len(second.began) == 80
    meanwhile = [at for at in first.began if second.began[0] <= at <= second.began[-1]]
    assert len(meanwhile) <= 80
    for gate in (hungry, late):
        gate.close()


def test_what_is_in_use_is_the_account_s_until_it_has_ended(store):
    assert store.hold(ACCOUNT, "one", 4, 0, 4).slots == 4
    assert store.hold(ACCOUNT, "two", 4, 0, 4).slots == 0
    assert store.hold(ACCOUNT, "one", 4, 3, 4).slots == 2
    assert store.hold(ACCOUNT, "two", 4, 0, 4).slots == 1
    assert store.hold(ACCOUNT, "one", 4, 1, 4).slots == 2
    assert store.hold(ACCOUNT, "two", 4, 1, 4).slots == 2


def test_a_user_that_wants_little_leaves_the_rest_to_the_others(store):
    assert store.hold(ACCOUNT, "one", 1, 0, 4).slots == 4  # alone
    assert store.hold(ACCOUNT, "two", 4, 0, 4).slots == 0
    assert store.hold(ACCOUNT, "one", 1, 0, 4).slots == 1
    assert store.hold(ACCOUNT, "two", 4, 0, 4).slots == 3


HOLDER = """
import sys
from plumbing.settings import load
from plumbing.warehouse import Warehouse
from plumbing.traffic import Store
warehouse = Warehouse(sys.stdin.readline().strip())
print(Store(lambda: warehouse.connect("deliver", autocommit=True)).hold("acme", "doomed", 4, 4, 4).slots, flush=True)
sys.stdin.read()
"""


def test_what_a_killed_process_held_is_free_when_its_lease_ends(store, warehouse):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(warehouse.url() + "\n")
        process.stdin.flush()
        assert process.stdout.readline().strip() == "4"
        process.kill()
    assert store.hold(ACCOUNT, "next", 4, 0, 4).slots == 0
    with warehouse.connect(None, autocommit=True) as connection:
        connection.execute("update hourline.traffic_holder set lease_until = clock_timestamp() - interval '1 second'")
    assert store.hold(ACCOUNT, "next", 4, 0, 4).slots == 4


def test_however_many_wait_the_database_is_asked_a_few_times_a_second(store, warehouse):
    gate = SharedGate(store, ACCOUNT, Allowance(concurrency=1))
    began = time.monotonic()
    for thread in use(gate, Counter(), 10, 16):
        thread.join()
    seconds = time.monotonic() - began
    gate.close()
    store.close()  # its statistics are told when the connection ends
    with warehouse.connect(None, autocommit=True) as connection:
        asked = "select n_tup_upd from pg_stat_user_tables where relname = 'traffic_holder'"
        (updates,) = connection.execute(asked).fetchone()
    assert updates <= seconds / traffic.HURRY_SECONDS + 10


def test_an_idle_gate_gives_everything_back_and_can_be_used_again(store, warehouse):
    gate = SharedGate(store, ACCOUNT, Allowance(concurrency=2))
    with gate.slot():
        pass
    gate.close()
    with warehouse.connect(None) as connection:
        assert connection.execute("select count(*) from hourline.traffic_holder").fetchone() == (0,)
    with gate.slot():
        pass
