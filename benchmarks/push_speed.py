"""One request per record with the full ledger durable: at least 85 % of a bare httpx loop, at least 3 times drt-core.

The bare loop is an `httpx.Client` with the writer's headers and time-outs, the same number of threads and the same body; it
writes nothing down. Pusher and bare loop take turns on core 0; the destination has core 1, comes first there and must alone sustain three times the bare
loop; PostgreSQL has what is left of core 1. drt-core with its ledger on, in the same places, sends as many rows to the same
destination; its start is left out. Beside it: two workers on the one ledger, processes that share the writer's connections
between them and have both cores; and a vendor that takes a hundred records a request.

``python -m benchmarks.push_speed [RECORDS_A_ROUND] [ROUNDS]``
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import httpx

from benchmarks import _destination, _drt
from benchmarks._drt import Drt
from benchmarks._hours import SYNC, Hours
from benchmarks._writers.plain import CONCURRENCY, PlainWriter
from plumbing import embedded
from reverse_etl.fieldmap import FieldMap
from reverse_etl.pusher import push

ALL_CORES = os.sched_getaffinity(0)
BAR = 0.85
CAPACITY_BAR = 3.0
PEER_BAR = 3.0
PEER_ROUNDS = 3


@dataclass
class Taken:
    """What rounds took: records a second, and CPU of this process in microseconds a record."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def time(self, count: int, work: Callable[[], None]) -> None:
        cpu, began = time.process_time(), time.perf_counter()
        work()
        self.rates.append(count / (time.perf_counter() - began))
        self.cpu.append((time.process_time() - cpu) / count * 1e6)

    def line(self, name: str) -> str:
        return f"{name:<34}{statistics.median(self.rates):>10,.0f} records/s{statistics.median(self.cpu):>10,.0f} µs CPU a record"


def plain(writer: PlainWriter) -> httpx.Client:
    """httpx's own client with its own pool settings, and the writer's headers and time-outs."""
    wire = writer.client.wire
    return httpx.Client(headers=wire.headers, timeout=wire.timeout, trust_env=False)


def bare(http: httpx.Client, url: str, first: int, count: int) -> None:
    """Threads that send and read, and nothing else."""
    numbers = itertools.count(first)
    fields = {
        "employee_ref": "101",
        "project_ref": "2044",
        "task_ref": "9001",
        "item_ref": "77",
        "work_date": "2026-10-05",
    }
    fields |= {"minutes": "480", "is_billable": True, "rate": "100", "currency": "USD"}  # type: ignore[dict-item]

    def send() -> None:
        while (number := next(numbers)) < first + count:
            key = f"bare-{number}-g1"
            answer = http.put(f"{url}/keys/{key}", json={"key": key, **fields})
            answer.raise_for_status()
            answer.json()["id"]

    threads = [threading.Thread(target=send) for _ in range(CONCURRENCY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def peer(hours: Hours, url: str, place: Path, count: int) -> float:
    """Rows a second of drt-core on this core, at this destination, its ledger in this PostgreSQL; its start left out."""
    made = Drt(hours.url, f"{url}/records", place / "drt", _drt.environment(place))
    took: dict[int, list[float]] = {1: [], count: []}
    for number in range(PEER_ROUNDS):
        for rows, seconds in took.items():
            made.fill((f"drt-{number}-{rows}-{row}", "77", "480", "100", "2026-10-05") for row in range(rows))
            before, began = _destination.count(url)["calls"], time.perf_counter()
            if not made.run() or _destination.count(url)["calls"] - before != rows:
                raise RuntimeError(f"drt-core did not send what it was to: {(place / 'drt' / 'last.log').read_text()}")
            seconds.append(time.perf_counter() - began)
    start = statistics.median(took[1])
    return statistics.median((count - 1) / (whole - start) for whole in took[count])


def measure(hours: Hours, url: str, place: Path, count: int, rounds: int) -> bool:
    """One request per record; whether both bars were met."""
    settings = hours.at("single", url)
    writer = PlainWriter(settings.connections["erp"], "labor", FieldMap("erp", "labor", []))
    http = plain(writer)
    hours.plan(settings, count * (rounds + 1))
    push(settings, SYNC, limit=count)  # imports and first pages are nobody's figure
    bare(http, url, 0, count)
    loop, ours = Taken(), Taken()
    for number in range(1, rounds + 1):
        loop.time(count, lambda first=number * count: bare(http, url, first, count))  # type: ignore[misc]
        ours.time(count, lambda: push(settings, SYNC, limit=count) and None)
    ratios = [mine / theirs for mine, theirs in zip(ours.rates, loop.rates, strict=True)]
    capacity = _destination.capacity(url, b"x" * 250)
    print(loop.line("bare httpx loop"))
    print(ours.line("hourline push, one a request"))
    print(
        f"  of the bare loop: {statistics.median(ratios):.0%} (bar {BAR:.0%}; rounds {', '.join(f'{r:.0%}' for r in ratios)});"
        f" by CPU {statistics.median(loop.cpu) / statistics.median(ours.cpu):.0%}"
    )
    print(
        f"  the destination alone, raw sockets: {capacity:,.0f} calls/s,"
        f" {capacity / statistics.median(loop.rates):.1f} times the bare loop (bar {CAPACITY_BAR:.0f})"
    )
    seen = _destination.count(url)
    sent = count * (rounds + 1)
    assert seen["keys"] == sent * 2 + 1, seen
    assert set(hours.ledger().values()) == {sent}, hours.ledger()
    print(
        f"  every record there once; in the ledger asked, answered, acknowledged: {sent:,} each; {hours.durability()}"
    )
    theirs = peer(hours, url, place, count)
    print(f"{_drt.NAME:<34}{theirs:>10,.0f} rows/s, its start left out")
    times = statistics.median(ours.rates) / theirs
    print(
        f"  hourline, one a request: {times:.1f} times as many (bar {PEER_BAR:.0f});"
        f" the bare httpx loop: {statistics.median(loop.rates) / theirs:.1f} times"
    )
    return statistics.median(ratios) >= BAR and times >= PEER_BAR


class Workers:
    """Processes that push side by side, each with its share of the connections; started and warm before they are timed."""

    def __init__(self, hours: Hours, url: str, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes = []
        self._processes = []
        for _ in range(number):
            ours, theirs = context.Pipe()
            given = (theirs, hours.settings.home, url, CONCURRENCY // number)
            process = context.Process(target=_work, args=given, daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)

    def push(self, count: int) -> float:
        """Send so many between them; the CPU seconds that all of them took."""
        for pipe in self._pipes:
            pipe.send(count // len(self._pipes))
        return float(sum(pipe.recv() for pipe in self._pipes))

    def close(self) -> None:
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.send(0)
            process.join()


def _work(pipe: Connection, home: Path, url: str, concurrency: int) -> None:
    """One worker: pushes as many as it is told, until it is told none."""
    PlainWriter.concurrency = concurrency
    settings = Hours.join(home).at("single", url)
    while count := pipe.recv():
        cpu = time.process_time()
        push(settings, SYNC, limit=count)
        pipe.send(time.process_time() - cpu)


def measure_workers(hours: Hours, url: str, count: int, rounds: int, number: int = 2) -> None:
    os.sched_setaffinity(0, ALL_CORES)
    workers = Workers(hours, url, number)
    settings = hours.at("single", url)
    hours.plan(settings, count * (rounds + 1))
    workers.push(count)
    http = plain(PlainWriter(settings.connections["erp"], "labor", FieldMap("erp", "labor", [])))
    loop, ours, ratios = Taken(), Taken(), []
    for turn in range(1, rounds + 1):
        os.sched_setaffinity(0, {0})
        loop.time(count, lambda at=1_000_000 + turn * count: bare(http, url, at, count))  # type: ignore[misc]
        os.sched_setaffinity(0, ALL_CORES)
        began = time.perf_counter()
        cpu = workers.push(count)
        ours.rates.append(count / (time.perf_counter() - began))
        ours.cpu.append(cpu / count * 1e6)
        ratios.append(ours.rates[-1] / loop.rates[-1])
    workers.close()
    print(ours.line(f"hourline push, {number} workers"))
    print(f"  of the bare loop: {statistics.median(ratios):.0%} (rounds {', '.join(f'{r:.0%}' for r in ratios)})")


def measure_batches(hours: Hours, url: str, count: int) -> None:
    settings = hours.at("batched", url)
    hours.plan(settings, count)
    before = _destination.count(url)["calls"]
    ours = Taken()
    ours.time(count, lambda: push(settings, SYNC) and None)
    requests = _destination.count(url)["calls"] - before
    print(ours.line("hourline push, 100 a request"))
    print(f"  {requests:,} requests, {requests * ours.rates[0] / count:,.0f} requests/s")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    with tempfile.TemporaryDirectory(prefix="hourline-bench-") as folder:
        home = Path(folder)
        try:
            os.sched_setaffinity(0, {1})  # PostgreSQL keeps the core that it is started on
            hours = Hours.make(home)
            with _destination.running(core=1) as url:
                os.sched_setaffinity(0, {0})
                is_met = measure(hours, url, home, count, rounds)
                measure_workers(hours, url, count, rounds)
                measure_batches(hours, url, count * 4)
            hours.close()
        finally:
            embedded.stop(home / "warehouse")
    if not is_met:
        sys.exit(1)


if __name__ == "__main__":
    main()
