"""The ledger restored to an hour ago, then the whole history played again 10 times; bar: 0 duplicated.

Run: python -m benchmarks.restore [--hours 300] [--replays 10] [--seed 1] [--share 0.1]

Hours are posted and edited, the data folder is copied, an hour of new hours, edits, withdrawals and second approvals is posted,
and the copy is put back. `hourline recover` opens its epoch; then every desire since the first is fed again, in order, ten
times, among faults. The last line shows what the same costs without it: the harness finds the fault it looks for.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks._ending import broken
from tests.faults.restores import restored
from tests.faults.server import temporary_server
from tests.faults.street import Street


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=300)
    parser.add_argument("--replays", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.1, help="of writes that meet a fault")
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.hours:,} hours, history played again {given.replays} times")
    failed = []
    with temporary_server() as server:
        street = Street("honours_keys")
        for temper in ("honours_keys", "ignores_keys", "looks_only"):
            verdict, forgotten = restored(
                server, street, temper, given.seed, given.hours, given.replays, given.share,
                lambda line: sys.stderr.write(f"\r{line}") and None,
            )  # fmt: skip
            print(
                f"{temper}: {forgotten:,} records the restored ledger did not know; {verdict.lost} lost,"
                f" {verdict.duplicated} duplicated, {verdict.drift_minutes} minutes drift, {verdict.parked} parked"
            )
            if not verdict.is_clean:
                failed.append(temper)
        verdict, _ = restored(server, street, "looks_only", given.seed, given.hours, 1, is_recovered=False)
        print(f"looks_only without a recovery: {verdict.duplicated:,} duplicated")
        street.close()
    if failed:
        broken(f"not clean: {', '.join(failed)}")


if __name__ == "__main__":
    main()
