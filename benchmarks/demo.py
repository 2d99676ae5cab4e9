"""The demo as a newcomer runs it: seconds, and the most memory each of its processes held.

    python -m benchmarks.demo [--entries 3000]

Also prints how long `hourline --help` takes. Exits 1 when a target is missed: 150 s on two free cores, 1.5 GiB a process,
half a second.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psutil

TARGET_SECONDS, TARGET_BYTES, TARGET_HELP = 150.0, 1.5 * 2**30, 0.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=3000)
    entries = parser.parse_args().entries
    help_seconds = min(_help() for _ in range(3))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        seconds, peaks, code = _demo(home, entries)
    print(f"load average {psutil.getloadavg()[0]:.1f} on {psutil.cpu_count()} cores")
    print(f"hourline --help   {help_seconds:6.2f} s   (target {TARGET_HELP} s)")
    print(f"hourline demo     {seconds:6.0f} s   (target {TARGET_SECONDS:.0f} s), exit code {code}")
    for name, peak in sorted(peaks.items(), key=lambda item: -item[1]):
        print(f"  {name:14} {peak / 2**20:6.0f} MiB at most")
    is_met = (
        code == 0 and seconds < TARGET_SECONDS and max(peaks.values()) < TARGET_BYTES and help_seconds < TARGET_HELP
    )
    return 0 if is_met else 1


def _help() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "flows", "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def _demo(home: Path, entries: int) -> tuple[float, dict[str, float], int]:
    """Runs it, looking at every process of the family five times a second."""
    command = [sys.executable, "-m", "flows", "demo", "--home", str(home), "--entries", str(entries)]
    peaks: dict[str, float] = defaultdict(float)
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=sys.stderr)  # what it says is no figure
    while process.poll() is None:
        for one in _family(process.pid, home):
            try:
                peaks[_name(one)] = max(peaks[_name(one)], one.memory_info().rss)
            except psutil.Error:
                continue
        time.sleep(0.2)
    return time.monotonic() - began, peaks, process.returncode


def _family(pid: int, home: Path) -> list[psutil.Process]:
    """The demo, its children, and the warehouse's processes, which PostgreSQL starts apart."""
    try:
        head = psutil.Process(pid)
        found = [head, *head.children(recursive=True)]
    except psutil.Error:
        return []
    everyone = psutil.process_iter(["name", "cwd"])
    return found + [one for one in everyone if one.info["name"] == "postgres" and str(home) in (one.info["cwd"] or "")]


def _name(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    for name in ("simulators", "prefect", "postgres"):
        if name in words.split("--home")[0]:
            return name
    return "hourline"


if __name__ == "__main__":
    raise SystemExit(main())
