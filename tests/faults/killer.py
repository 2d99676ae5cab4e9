"""Finds every commit and every HTTP moment of a pushing process, and kills it at each.

Boundaries are seen from outside the process, on the wire: each commit before it reaches the server and after it took effect,
each call when it arrives, when it has been carried out, and when its answer has left. A boundary is named by its kind and its
number among its kind: the first run names all there are, and each later one is killed at the one it was given.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reverse_etl.engine import Timing
from simulators.faultproxy import Call
from tests.faults.ledger import Ledger
from tests.faults.postgres_wire import PostgresRelay
from tests.faults.street import Street

ROOT = Path(__file__).resolve().parents[2]
Boundary = tuple[str, int]
LEASE = Timing(lease_seconds=60.0, call_seconds=5.0, quiet_seconds=20.0)


class PusherPool:
    """The parent of pushing processes; one job at a time."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.pusher", str(home)],
            cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def start(self, **job: Any) -> int:
        """Begin a push; its process number."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._line()

    def result(self) -> int:
        """How it ended: 0, or minus the signal that ended it."""
        return self._line()

    def close(self) -> None:
        """End the parent."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def _line(self) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the parent of the pushing processes has ended"
        return int(line)


@dataclass
class Watch:
    """Counts boundaries as they come, and strikes at one of them."""

    target: Boundary | None = None
    victim: int | None = None
    strike: signal.Signals = signal.SIGKILL
    seen: list[Boundary] = field(default_factory=list)
    struck: bool = False
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _named: threading.Event = field(default_factory=threading.Event)
    _has_struck: threading.Event = field(default_factory=threading.Event)

    def name_victim(self, pid: int) -> None:
        """The process that the next strike is for; until it is named, boundaries wait."""
        self.victim = pid
        self._named.set()

    def wait_for_strike(self, seconds: float = 120) -> bool:
        """Whether it came within so long."""
        return self._has_struck.wait(timeout=seconds)

    def commit(self, moment: str) -> bool:
        """A commit's moment; True cuts the line."""
        return self._reached(f"commit {moment}")

    def call(self, moment: str, call: Call) -> bool:
        """A call's moment."""
        return self._reached(f"{'look' if call.is_read else call.method} {moment}")

    def _reached(self, kind: str) -> bool:
        self._named.wait(timeout=60)
        with self._lock:
            self._counts[kind] += 1
            boundary = (kind, self._counts[kind])
            self.seen.append(boundary)
            if boundary != self.target or self.struck:
                return False
            self.struck = True
            assert self.victim is not None
            os.kill(self.victim, self.strike)
            self._has_struck.set()
            return self.strike is signal.SIGKILL


class Stage:
    """A ledger, a street and pushing processes between which every boundary is watched."""

    def __init__(self, ledger: Ledger, pool: PusherPool, street: Street) -> None:
        self.ledger = ledger
        self.pool = pool
        self.street = street
        self.watch = Watch()
        street.proxy._on_moment = self._called

    def _called(self, moment: str, call: Call) -> bool:
        return self.watch.call(moment, call)

    def push(
        self, temper: str, watch: Watch, timing: Timing = LEASE, *, is_clock_moved: bool = True, **more: Any
    ) -> int:
        """One push under a watch; how it ended."""
        with self.relay(watch) as url:
            self.begin(temper, watch, url, timing, is_clock_moved=is_clock_moved, **more)
            return self.pool.result()

    @contextmanager
    def relay(self, watch: Watch) -> Iterator[str]:
        """The warehouse's address behind the watch."""
        self.watch = watch
        relay = PostgresRelay(self.ledger.url, watch.commit)
        try:
            yield relay.url
        finally:
            relay.close()

    def begin(
        self, temper: str, watch: Watch, url: str, timing: Timing = LEASE, *, is_clock_moved: bool = True, **more: Any
    ) -> None:
        """Start a push."""
        job = {
            "temper": temper, "base_url": self.street.url, "warehouse_url": url, "concurrency": 1, "batch_size": 1,
            "timeout_seconds": 20.0, "patience_seconds": 1e9, "clock_url": self.ledger.url if is_clock_moved else None,
            "timing": [timing.lease_seconds, timing.call_seconds, timing.quiet_seconds], **more,
        }  # fmt: skip
        watch.name_victim(self.pool.start(**job))
