"""SIGKILL of the pushing process at seeded moments: after the reruns the destination holds each hour once.

A real process, a real signal, a real server. The killer sits in the destination: it kills the caller when a seeded call
arrives, when it has been carried out and not yet answered, or just after its answer left.
"""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from reverse_etl.planner import plan
from tests.reverse_etl.loopback.pusher import with_destination
from tests.reverse_etl.loopback.server import Call, Destination

pytestmark = [pytest.mark.warehouse, pytest.mark.slow]

SYNC = "erp_labor"
HOURS = 90
KILLS = 10
MOMENTS = ("before", "after", "answered")


@pytest.fixture
def there() -> Iterator[Destination]:
    destination = Destination()
    yield destination
    destination.close()


class Killer:
    """Kills the process under its aim at one call and one moment of it."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  a seeded draw, no secret
        self._lock = threading.Lock()
        self.victim: subprocess.Popen[str] | None = None
        self.kills = 0

    def aim(self, victim: "subprocess.Popen[str]") -> None:
        self.victim = victim
        self._countdown = self._random.randint(1, 4)
        self._moment = self._random.choice(MOMENTS)

    def strike_at(self, write: int, moment: str) -> None:
        """No draw: at this write and this moment of it."""
        self._countdown, self._moment = write, moment

    def __call__(self, call: Call, moment: str) -> None:
        with self._lock:
            if (
                self.victim is None
                or not call.is_write
                or moment != ("before" if self._moment == "before" else "after")
            ):
                return
            self._countdown -= 1
            if self._countdown > 0:
                return
            victim, self.victim = self.victim, None
        self.kills += 1
        if self._moment == "answered":
            threading.Timer(0.005, os.kill, (victim.pid, signal.SIGKILL)).start()
        else:
            os.kill(victim.pid, signal.SIGKILL)
            victim.wait(timeout=10)


def push_in_its_own_process(desk, system: str, there: Destination) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.reverse_etl.loopback.pusher", str(desk.settings.home), system, there.url]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    process.stdin.write(desk.settings.warehouse_url.get_secret_value())
    process.stdin.close()
    process.stdin = None
    return process


@pytest.mark.parametrize("system", ["keyed", "searched"])
def test_killed_at_ten_seeded_moments_the_destination_holds_each_hour_once(desk, there, system):
    seed = 20261116
    for number in range(HOURS):
        desk.want(str(number))
    plan(with_destination(desk.settings, system, there.url), SYNC)
    there.fault = killer = Killer(seed)
    for _ in range(KILLS):
        process = push_in_its_own_process(desk, system, there)
        killer.aim(process)
        process.communicate(timeout=240)
        assert process.returncode == -signal.SIGKILL, f"seed {seed}"
    process = push_in_its_own_process(desk, system, there)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert killer.kills == KILLS
    assert {key: len(records) for key, records in there.by_key().items()} == {
        f"kantata-{n}-g1": 1 for n in range(HOURS)
    }
    assert {row["state"] for row in desk.intents()} == {"acknowledged"}
    settled = desk.connection.execute("select settled_vendor_id from delivery.chain").fetchall()
    assert {row["settled_vendor_id"] for row in settled} == set(there.records)


def test_killed_where_nothing_can_be_looked_up_no_hour_is_doubled_and_the_rest_is_parked(desk, there):
    seed = 7
    for number in range(HOURS):
        desk.want(str(number))
    plan(with_destination(desk.settings, "blind", there.url), SYNC)
    there.fault = killer = Killer(seed)
    for _ in range(3):
        process = push_in_its_own_process(desk, "blind", there)
        killer.aim(process)
        process.communicate(timeout=240)
    process = push_in_its_own_process(desk, "blind", there)
    process.communicate(timeout=240)
    assert max(len(records) for records in there.by_key().values()) == 1
    by_state = {row["state"]: row for row in desk.intents()}
    assert set(by_state) == {"acknowledged", "unknown"}
    acknowledged = {row["record_key"] for row in desk.intents() if row["state"] == "acknowledged"}
    assert acknowledged <= set(there.by_key())


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_between_reversal_and_repost_each_stands_there_once(desk, there, moment):
    """The killer aims at the one write after which the original is taken back and not posted again."""
    billed = {"destination_state": "billed"}
    desk.want("91", minutes=480)
    settings = with_destination(desk.settings, "reversing", there.url)
    plan(settings, SYNC)
    push_in_its_own_process(desk, "reversing", there).communicate(timeout=240)
    desk.want("91", minutes=360, context=billed)
    plan(settings, SYNC)
    there.fault = killer = Killer(seed=1)
    process = push_in_its_own_process(desk, "reversing", there)
    killer.aim(process)
    killer.strike_at(1, moment)
    process.communicate(timeout=240)
    assert process.returncode == -signal.SIGKILL
    assert killer.kills == 1
    # Meanwhile people press the button again: the plan must neither double the reversal nor lose what is posted again.
    plan(settings, SYNC)
    process = push_in_its_own_process(desk, "reversing", there)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert sorted((r["key"], r["minutes"]) for r in there.records.values()) == [
        ("kantata-91-g1", "480"),
        ("kantata-91-g2", "-480"),
        ("kantata-91-g3", "360"),
    ]
    assert desk.chain("91")["settled_record_key"] == "kantata-91-g3"
    assert desk.balance() == {("US", "2026-10"): 360}
