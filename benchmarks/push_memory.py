"""Pushing 1 million intents stays under 500 MiB: the highest resident memory of the pushing process, and of the planning one.

Each is a process of its own, started afresh, and tells its own `VmHWM`, imports and all; PostgreSQL and the destination are
not in it. Both are read at a tenth of the intents and at the end, so that growth shows. The first tenth is one plan and all
the rest a second: nothing is sliced to fit. Pushed is to the loopback destination that takes a hundred a request, with the
full ledger on an embedded PostgreSQL of default durability.

``python -m benchmarks.push_memory [INTENTS]``
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from benchmarks import _destination
from benchmarks._ending import broken
from benchmarks._hours import SYNC, Hours
from plumbing import embedded
from reverse_etl.pusher import push
from reverse_etl.report import PushReport

BAR_MIB = 500
INTENTS = 1_000_000


@dataclass(frozen=True)
class Taken:
    """What one process took: its highest resident memory in MiB at a tenth and at the end, and seconds in all."""

    at_a_tenth: float
    at_the_end: float
    seconds: float

    @property
    def is_within(self) -> bool:
        return self.at_the_end < BAR_MIB

    def line(self, name: str, count: int) -> str:
        return (
            f"{name:<9}{self.at_the_end / BAR_MIB:>5.0%} of the bar of {BAR_MIB} MiB: {self.at_the_end:,.0f} MiB at {count:,},"
            f" {self.at_the_end / self.at_a_tenth:.2f} times the {self.at_a_tenth:,.0f} MiB at {count // 10:,};"
            f" {count / self.seconds:,.0f} records/s"
        )


def highest_mib() -> float:
    """The most memory this process has held so far. Not `ru_maxrss`, which a new program inherits from who started it."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.split()[0]) / 1024
    raise OSError("This kernel does not tell a process's highest resident memory.")


def planning(home: Path, url: str, count: int) -> Taken:
    """The first tenth as one plan, the rest as another; in a process of its own."""
    hours = Hours.join(home)
    settings = hours.at("batched", url)
    began = time.perf_counter()
    hours.plan(settings, count // 10)
    at_a_tenth = highest_mib()
    hours.plan(settings, count - count // 10)
    taken = Taken(at_a_tenth, highest_mib(), time.perf_counter() - began)
    hours.close()
    return taken


def pushing(home: Path, url: str, count: int) -> Taken:
    """Everything planned, in one push; in a process of its own."""
    hours = Hours.join(home)
    settings = hours.at("batched", url)
    tenths: list[float] = []

    def look(report: PushReport) -> None:
        if not tenths and report.counts.get("acknowledged", 0) >= count // 10:
            tenths.append(highest_mib())

    began = time.perf_counter()
    reports = push(settings, SYNC, progress=look)
    seconds = time.perf_counter() - began
    hours.close()
    for report in reports:
        if report.stopped:
            raise RuntimeError(report.stopped)
    return Taken(tenths[0], highest_mib(), seconds)


def apart(work: Callable[[Path, str, int], Taken], home: Path, url: str, count: int) -> Taken:
    """The work in a new process, whose memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, home, url, count).result()


def measure(home: Path, url: str, count: int) -> bool:
    """Print what it took; whether the bar was met and each record is there once."""
    hours = Hours.make(home)
    planned = apart(planning, home, url, count)
    pushed = apart(pushing, home, url, count)
    print(pushed.line("pushing", count))
    print(planned.line("planning", count))
    seen, ledger = _destination.count(url), hours.ledger()
    print(
        f"  at the destination {seen['keys']:,} records, {count - seen['keys']:,} lost, {seen['records'] - seen['keys']:,} sent twice,"
        f" {seen['calls']:,} requests"
    )
    print(f"  in the ledger {', '.join(f'{number:,} {name}' for name, number in ledger.items())}; {hours.durability()}")
    hours.close()
    if not (seen["keys"] == seen["records"] == count and set(ledger.values()) == {count}):
        broken("Not every record is there once, and once in the ledger.")
    return planned.is_within and pushed.is_within


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else INTENTS
    with tempfile.TemporaryDirectory(prefix="hourline-bench-") as folder:
        home = Path(folder)
        try:
            with _destination.running(core=1) as url:
                is_met = measure(home, url, count)
        finally:
            embedded.stop(home / "warehouse")
    sys.exit(not is_met)


if __name__ == "__main__":
    main()
