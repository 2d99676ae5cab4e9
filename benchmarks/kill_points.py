"""SIGKILL at every commit and HTTP boundary of a pushing process, for each kind of destination; bar: 0 lost, 0 duplicated.

Run: python -m benchmarks.kill_points [--tempers honours_keys,takes_reversals,ignores_keys,looks_only,neither]

A traced push that makes, amends and deletes an hour each, and where reversing rows are taken takes an invoiced one back and posts it
again, shows its boundaries on the wire: each commit before it reaches
PostgreSQL and after it took effect, each call when it arrives, when it has been carried out, and when its answer has left.
Then a push is killed at each of them and pushed again. A boundary at which no kill came to pass ends the script with an error.
Where there is neither key nor look-up, hours in doubt are parked for a person, and none is sent twice.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks._ending import broken
from tests.faults.destination import TEMPERS
from tests.faults.kill_points import kill_everywhere
from tests.faults.killer import PusherPool, Stage
from tests.faults.ledger import temporary_ledger
from tests.faults.street import Street


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tempers", default=",".join(TEMPERS))
    given = parser.parse_args()
    failed = []
    with temporary_ledger() as ledger:
        pool = PusherPool(ledger.settings.home)
        street = Street("honours_keys")
        for temper in given.tempers.split(","):
            points, verdict = kill_everywhere(
                Stage(ledger, pool, street), temper, lambda line: sys.stderr.write(f"\r{line}   ") and None
            )
            print(
                f"{temper}: {points} boundaries found, {points} killed at; {verdict.lost} lost, {verdict.duplicated} duplicated,"
                f" {verdict.drift_minutes} minutes drift, {verdict.parked} parked"
            )
            if not verdict.is_clean or (verdict.parked and temper != "neither"):
                failed.append(temper)
        street.close()
        pool.close()
    if failed:
        broken(f"not clean: {', '.join(failed)}")


if __name__ == "__main__":
    main()
