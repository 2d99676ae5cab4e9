"""Seeded fault runs: every hour once, 0.00 drift, with keys honoured and with keys ignored; bar: 0 lost, 0 duplicated in 1,000,000 postings.

Run: python -m benchmarks.faults [--runs 1000] [--postings 1000] [--seed 1] [--tempers honours_keys,ignores_keys]

A run posts a firm's hours through the fault proxy to a destination in a process of its own, over real HTTP, with the ledger on
a real PostgreSQL: creates, then three rounds of edits, withdrawals, second approvals and moves to another day, some of them
while earlier calls are in flight. About one write in eight and one look-up in twelve meets a fault: dropped before or after
it was carried out, reset, carried out after our look-up, arriving after a newer one, 5xx before or after, 429 with and
without Retry-After, a time-out, a slow or truncated answer. Waits, leases and quiet periods run on a clock that is moved by
hand. Runs are shared among the tempers in turn; what counts is what the destination itself holds at the end. A run that
fails names its seed; `--first` replays one.
"""

from __future__ import annotations

import argparse
import sys

from simulators.faultproxy import KINDS
from tests.faults import runs
from tests.faults.ledger import temporary_ledger
from tests.faults.street import StreetProcess


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--postings", type=int, default=1000, help="of each run, about")
    parser.add_argument("--seed", type=int, default=1, help="of the first run; each run has the next")
    parser.add_argument("--tempers", default="honours_keys,ignores_keys")
    given = parser.parse_args()
    tempers = given.tempers.split(",")
    whole = {temper: runs.Verdict() for temper in tempers}
    with temporary_ledger() as ledger:
        street = StreetProcess()
        try:
            for number in range(given.runs):
                temper, seed = tempers[number % len(tempers)], given.seed + number
                whole[temper].add(runs.run(ledger, street, seed, temper, given.postings))
                sys.stderr.write(f"\r{number + 1} runs, {sum(v.postings for v in whole.values()):,} postings")
        finally:
            street.close()
    print(f"seeds {given.seed} to {given.seed + given.runs - 1}, about {given.postings:,} postings a run")
    for temper, verdict in whole.items():
        print(f"{temper}: {told(verdict)}")
    if not all(verdict.is_clean for verdict in whole.values()):
        sys.exit(f"seeds that failed: {[seed for verdict in whole.values() for seed in verdict.failed_seeds]}")


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
