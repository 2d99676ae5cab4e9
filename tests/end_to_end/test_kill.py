"""kill -9 of the pushing process at ten seeded moments, and a rerun: every hour is held once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from plumbing import settings as configured
from tests.end_to_end.job import WRITTEN, Job, start_job
from tests.end_to_end.test_three_accounts_agree import Accounts
from tests.fixtures.simulators import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.server import Databases

pytestmark = [pytest.mark.warehouse, pytest.mark.slow, pytest.mark.xdist_group("whole jobs")]

SEED = 20261116
KILLS = 10
LONGEST = 120.0


@pytest.mark.timeout(1200)
def test_killed_at_ten_moments_and_run_again_every_hour_is_held_once(job_home: Path, databases: Databases) -> None:
    draw = random.Random(SEED)  # noqa: S311  a seeded draw, no secret
    with start_job(job_home, databases, seed=7, entries=1_500) as job:
        job.adopt()
        moments = []
        for _ in range(KILLS):
            moments.append(kill_after(job, draw.randint(1, 60)))
            let_leases_run_out(job)
        assert any(moments), "no push was killed under way"
        let_leases_run_out(job)
        finished = push(job)
        _, said = finished.communicate(timeout=LONGEST)
        assert finished.returncode == 0, said
        job.read(*WRITTEN)
        Accounts(job).agree()  # its readers of the vendors' books refuse an hour that is held twice


def push(job: Job) -> subprocess.Popen[bytes]:
    """`hourline push` in a process of its own."""
    assert job.settings.warehouse_url is not None
    environment = configured.environment({"HOURLINE_WAREHOUSE_URL": job.settings.warehouse_url.get_secret_value()})
    return subprocess.Popen(
        [sys.executable, "-m", "flows", "--home", str(job.settings.home), "push"],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def kill_after(job: Job, writes: int) -> bool:
    """Kills a push once the vendors have seen so many more writing calls; whether it was still under way."""
    seen = sum(job.writes().values())
    process = push(job)
    limit = time.monotonic() + LONGEST
    while process.poll() is None and sum(job.writes().values()) < seen + writes and time.monotonic() < limit:
        time.sleep(0.002)
    is_under_way = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return is_under_way


def let_leases_run_out(job: Job) -> None:
    """As if an hour had gone by: leases and quiet periods are over."""
    with job.database() as connection:
        connection.execute(
            "update delivery.intent set lease_until = lease_until - interval '1 hour' where lease_until is not null"
        )
        connection.execute(
            "update delivery.intent set doubt_since = doubt_since - interval '1 hour', next_attempt_at = hourline.now()"
            " where state = 'in_doubt'"
        )
