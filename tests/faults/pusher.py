"""Pushing processes to be killed or stopped: a parent that has everything imported, and a fork for each push.

``python -m tests.faults.pusher HOME`` reads one JSON line a job from standard input (temper, base_url, warehouse_url, timing,
is_clock_moved, batch_size) and writes two lines for it: the process number at once, and its exit code when it has ended.
"""

import importlib
import json
import os
import sys
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from pydantic import SecretStr

from plumbing.clock import SystemClock
from plumbing.errors import HourlineError
from plumbing.settings import load
from reverse_etl import plan, push
from reverse_etl.engine import Timing
from tests.faults.client import with_destination
from tests.faults.clock import LedgerClock
from tests.faults.ledger import SYNC

FAILED_WITH_A_SENTENCE = 4


def work(home: str, job: Mapping[str, Any]) -> None:
    """Plan and push, as a process of its own does."""
    settings = replace(load(Path(home)), warehouse_url=SecretStr(job["warehouse_url"]))
    options = {
        "concurrency": job["concurrency"],
        "batch_size": job["batch_size"],
        "timeout_seconds": job["timeout_seconds"],
    }
    settings = with_destination(settings, job["temper"], job["base_url"], **options)
    clock = SystemClock()
    if job["clock_url"]:
        clock = LedgerClock(psycopg.connect(job["clock_url"], autocommit=True), is_shared=True)
    plan(settings, SYNC)
    push(settings, SYNC, timing=Timing(*job["timing"]), patience_seconds=job["patience_seconds"], clock=clock)


def main(home: str) -> None:
    """Fork for each job, one after another."""
    for late in ("reverse_etl.erp", "sqlalchemy.dialects.postgresql.psycopg"):
        importlib.import_module(late)  # once here, not in each fork

    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work(home, job)
                code = 0
            except HourlineError as error:
                sys.stderr.write(f"{error}\n")
                code = FAILED_WITH_A_SENTENCE
            except BaseException:  # noqa: BLE001  the fork ends here whatever it was; the parent reads the code
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
