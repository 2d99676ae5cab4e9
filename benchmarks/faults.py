"""Seeded fault runs: every hour once, 0.00 drift, with keys honoured and with keys ignored; bar: 0 lost, 0 duplicated in 1,000,000 postings.

Run: python -m benchmarks.faults [--runs 1050] [--postings 1000] [--seed 1] [--workers 3] [--minutes 240]

A run posts a firm's hours through the fault proxy to a destination in a process of its own, over real HTTP, with the ledger on
a real PostgreSQL: creates, then three rounds of edits, withdrawals, second approvals and moves to another day, some of them
while earlier calls are in flight. About one write in eight and one look-up in twelve meets a fault: dropped before or after
it was carried out, reset, carried out after our look-up, arriving after a newer one, 5xx before or after, 429 with and
without Retry-After, a time-out, a slow or truncated answer. Waits, leases and quiet periods run on a clock that is moved by
hand. Runs are shared among the tempers in turn; what counts is what the destination itself holds at the end. A run that
fails names its seed; `--seed` with one run replays it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import queue
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event

from benchmarks._ending import broken
from simulators.faultproxy import KINDS
from tests.faults import runs
from tests.faults.ledger import temporary_ledger
from tests.faults.street import StreetProcess


@dataclass(frozen=True)
class Share:
    """One process's share of the runs: seeds, each with its temper."""

    asked: list[tuple[int, str]]
    postings: int

    def work(self, told: Queue[tuple[int, str, runs.Verdict | str]], enough: Event) -> None:
        """Its own ledger and destination; tells each verdict, or the error that ends it; stops between runs."""
        with temporary_ledger() as ledger:
            street = StreetProcess()
            try:
                for seed, temper in self.asked:
                    if enough.is_set():
                        break
                    told.put((seed, temper, runs.run(ledger, street, seed, temper, self.postings)))
            except Exception:  # noqa: BLE001  told whole to who asked
                told.put((seed, temper, traceback.format_exc()))
            finally:
                street.close()


def verdicts(shares: list[Share], minutes: float) -> Iterator[tuple[int, str, runs.Verdict]]:
    """Each run as it ends, from processes side by side; what is not begun within the minutes is left out."""
    context = multiprocessing.get_context("spawn")
    told, enough = context.Queue(), context.Event()
    processes = [context.Process(target=share.work, args=(told, enough)) for share in shares]
    for process in processes:
        process.start()
    until = time.monotonic() + minutes * 60
    while any(process.is_alive() for process in processes) or not told.empty():
        if time.monotonic() > until:
            enough.set()
        try:
            seed, temper, verdict = told.get(timeout=1)
        except queue.Empty:
            continue
        if isinstance(verdict, str):
            enough.set()
            sys.exit(f"Run {seed} against {temper} broke off:\n{verdict}")
        yield seed, temper, verdict
    if any(process.exitcode for process in processes):
        sys.exit("A process ended before its share of the runs was told; what it said stands above.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1050)
    parser.add_argument("--postings", type=int, default=1000, help="of each run, about")
    parser.add_argument("--seed", type=int, default=1, help="of the first run; each run has the next")
    parser.add_argument("--tempers", default="honours_keys,ignores_keys")
    parser.add_argument(
        "--workers", type=int, default=3, help="processes, each with a ledger and a destination of its own"
    )
    parser.add_argument("--minutes", type=float, default=240, help="no run begins later")
    given = parser.parse_args()
    tempers = given.tempers.split(",")
    asked = [(given.seed + number, tempers[number % len(tempers)]) for number in range(given.runs)]
    shares = [Share(asked[number :: given.workers], given.postings) for number in range(given.workers)]
    whole = {temper: runs.Verdict() for temper in tempers}
    seeds = []
    for seed, temper, verdict in verdicts(shares, given.minutes):
        whole[temper].add(verdict)
        seeds.append(seed)
        sys.stderr.write(f"\r{len(seeds)} runs, {sum(v.postings for v in whole.values()):,} postings")
    print(
        f"{len(seeds):,} runs with seeds from {min(seeds)} to {max(seeds)}, about {given.postings:,} postings a run,"
        f" {given.workers} at a time"
    )
    for temper, verdict in whole.items():
        print(f"{temper}: {told(verdict)}")
    if not all(verdict.is_clean for verdict in whole.values()):
        broken(f"seeds that failed: {[seed for verdict in whole.values() for seed in verdict.failed_seeds]}")


def told(verdict: runs.Verdict) -> str:
    """One temper's runs."""
    struck = ", ".join(f"{kind} {verdict.faults[kind]:,}" for kind in KINDS if verdict.faults[kind])
    return (
        f"{verdict.runs:,} runs, {verdict.postings:,} postings: {verdict.lost} lost, {verdict.duplicated} duplicated,"
        f" {verdict.drift_minutes} minutes and {verdict.drift_money:.2f} USD net drift, {verdict.parked} parked for a person\n"
        f"  {verdict.postings / verdict.seconds:,.0f} postings/s; {verdict.waited / 3600:,.1f} hours waited on the moved clock"
        f" in {verdict.seconds:,.0f} s\n  faults met: {struck}"
    )


if __name__ == "__main__":
    main()
