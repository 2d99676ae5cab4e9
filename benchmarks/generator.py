"""The simulated firm at a million entries: how fast it is made, and that it stays in bounded memory.

Makes the firm and reads its truth to the end, as the simulators do, in a fresh process for each size. The firm lies in
SQLite on disk; what grows in memory are people, projects and prices. Exits 1 when ten times the entries take more than
three times the memory, or the larger firm more than 1 GiB.

    python -m benchmarks.generator [entries]     (default 1,000,000)
"""

from __future__ import annotations

import json
import subprocess
import sys

BAR_RATIO, BAR_MIB = 3.0, 1024
MADE = """
import json, resource, sys, time
from datetime import date
from simulators.firm.generator import build
began = time.perf_counter()
world = build(7, int(sys.argv[1]), date(2026, 11, 16))
made = time.perf_counter()
rows = sum(1 for _ in world.truth())
print(json.dumps({
    "rows": rows,
    "build": made - began,
    "truth": time.perf_counter() - made,
    "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""


def made(entries: int) -> dict[str, float]:
    """What one firm took."""
    run = subprocess.run([sys.executable, "-c", MADE, str(entries)], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(run.stdout)
    print(
        f"{found['rows']:>10,.0f} entries: made in {found['build']:6.1f} s, truth read in {found['truth']:6.1f} s, "
        f"{found['rows'] / (found['build'] + found['truth']):8,.0f} entries/s, {found['mib']:6.0f} MiB at most",
        flush=True,
    )
    return found


def main() -> int:
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    small, large = made(entries // 10), made(entries)
    ratio = large["mib"] / small["mib"]
    print(f"ten times the entries take {ratio:.1f} times the memory (bar: {BAR_RATIO:.0f} times, {BAR_MIB} MiB)")
    return 0 if ratio <= BAR_RATIO and large["mib"] <= BAR_MIB else 1


if __name__ == "__main__":
    raise SystemExit(main())
