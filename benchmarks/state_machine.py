"""Any history of approve, edit, withdraw, hold, move, close, invoice, credit, replay, crash and run; bar: 100,000 steps, net is the latest approved.

Run: python -m benchmarks.state_machine [--steps 100000] [--seed 1]

Hypothesis draws histories over six hours against a real ledger and a real destination behind the fault proxy, of a kind drawn
anew for each. At every step no hour is there twice; at the end of each history, once drained, what is there is the latest
approved version, or an open intent names why not (what stands there is invoiced or its month is closed); where the destination takes
reversing rows, what is frozen is taken back and posted again.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.faults.ledger import temporary_ledger
from tests.faults.machine import DeliveryMachine, walk
from tests.faults.street import Street


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.perf_counter()
    with temporary_ledger() as ledger:
        street = Street("honours_keys")
        steps = walk(
            ledger, street, given.steps, seed=given.seed, told=lambda line: sys.stderr.write(f"\r{line}") and None
        )
        street.close()
    print(
        f"seed {given.seed}: {steps:,} steps in {DeliveryMachine.histories:,} histories, no violation;"
        f" {DeliveryMachine.reversals:,} rows that took back another"
    )
    print(f"{time.perf_counter() - began:,.0f} s")


if __name__ == "__main__":
    main()
