"""python -m simulators: a consulting firm's PSA, CRM, HR, ERP and payroll on loopback."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from simulators.serve import Run, run

AS_OF = date(2026, 11, 16)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m simulators", description=__doc__)
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same firm (default: %(default)s)")
    parser.add_argument("--entries", type=int, default=3_000, help="time entries of the 12 open weeks (%(default)s)")
    parser.add_argument("--as-of", type=date.fromisoformat, default=AS_OF, help="today there (%(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder for simulators.json, rules and truth")
    parser.add_argument("--only", type=_words, default=(), help="vendors, separated by commas (default: all)")
    parser.add_argument("--allowance", type=int, default=1, help="multiplies the vendors' limits (%(default)s)")
    parser.add_argument("--unconfirmed", type=_words, default=(), help="undocumented behaviours to switch on")
    parser.add_argument("--with-parent", type=int, metavar="PID", help="stop when this process ends")
    parser.add_argument("--keep", action="store_true", help="go on from where an earlier run on the folder ended")
    given = parser.parse_args(arguments)
    try:
        run(
            Run(
                seed=given.seed,
                entries=given.entries,
                as_of=given.as_of,
                out=given.out,
                only=given.only,
                allowance=given.allowance,
                unconfirmed=frozenset(given.unconfirmed),
                with_parent=given.with_parent,
                keep=given.keep,
            )
        )
    except ValueError as error:
        sys.stderr.write(f"simulators: {error}\n")
        return 2
    return 0


def _words(given: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in given.split(",") if word.strip())


if __name__ == "__main__":
    raise SystemExit(main())
