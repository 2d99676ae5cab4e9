"""How soon `hourline --help` answers, against half a second: the median of ten starts, beside a bare Python and its parts."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

STARTS = 10
BAR_SECONDS = 0.5


def median_seconds(*command: str) -> float:
    """One start to fill the caches, then the median."""
    taken = []
    for _ in range(STARTS + 1):
        started = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])


def main() -> None:
    answer = median_seconds("-m", "flows", "--help")
    verb = median_seconds("-m", "flows", "push", "--help")
    bare = median_seconds("-c", "pass")
    click = median_seconds("-c", "import click")
    print(f"hourline --help       {answer:.2f} s, {answer / BAR_SECONDS:.0%} of the bar of {BAR_SECONDS} s")
    print(f"hourline push --help  {verb:.2f} s")
    print(f"python -c pass        {bare:.2f} s ({bare / answer:.0%} of --help)")
    print(f"import click          {click:.2f} s ({click / answer:.0%} of --help)")


if __name__ == "__main__":
    main()
