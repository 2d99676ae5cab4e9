"""A ledger with 10 million settled intents against 100,000: find, plan, claim and record at most 1.3 times.

Both ledgers stand side by side and take turns, so that noise hits both. A round changes the hours of the same number of keys,
and: *plan* plans these keys (the event lane; a sweep reads every desired row by its nature and is told apart, of the small ledger);
*find* asks whether and when anything is due; *claim* locks, takes and asks a window's worth, as a push does; *record* writes
their answers down. Each is the median of its rounds, in one process that is warm.

``python -m benchmarks.ledger_size [SMALL] [LARGE] [ROUNDS] [FOLDER]``: a folder keeps both ledgers for the next time.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from benchmarks._big_ledger import DESTINATION, SYNC, BigLedger
from plumbing import embedded
from plumbing.warehouse import Warehouse
from reverse_etl import ledger as book
from reverse_etl.outcomes import Transition
from reverse_etl.planner import plan
from reverse_etl.writer import Outcome, Result

BAR = 1.3
KEYS = 1_000
WINDOW = 250
STAGES = ("plan", "find", "claim", "record")


class Rounds:
    """One ledger's rounds."""

    def __init__(self, big: BigLedger) -> None:
        self.big = big
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self._engine: sa.Engine = Warehouse.open(big.settings).engine("deliver")
        self._desk = book.Desk(SYNC, DESTINATION, "bench")

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[stage].append(time.perf_counter() - began)

    def run(self, number: int) -> None:
        """Change, plan, find, claim and record the same number of keys."""
        keys = self.big.change(number, KEYS)
        with self._timed("plan"):
            report = plan(self.big.settings, SYNC, keys=keys)
        assert report.intents == KEYS, report.intents
        with self._engine.connect() as connection:
            for _ in range(KEYS // WINDOW):
                with self._timed("find"), connection.begin():
                    self._desk.prepare(connection)
                    assert self._desk.outlook(connection)[0] >= WINDOW
                with self._timed("claim"), connection.begin():
                    claims = self._desk.claim(connection, WINDOW)
                    singles = [[claim] for claim in claims]
                    call_ids = self._desk.ask(connection, "send", singles)
                    self._desk.take(connection, call_ids, singles, [], 300.0)
                assert len(claims) == WINDOW
                done = Outcome(Result.ACKNOWLEDGED, vendor_id="v1", status=201)
                effect = Transition("acknowledged", takes_effect=True)
                answers = [book.Answer(call_id, "amend", 1, "acknowledged", 1.0, 201) for call_id in call_ids]
                changes = [
                    book.Change(claim, done, effect, call_id) for claim, call_id in zip(claims, call_ids, strict=True)
                ]
                with self._timed("record"), connection.begin():
                    changed = self._desk.record(connection, "send", answers, changes, ["sending"])
                assert len(changed) == WINDOW

    def sweep(self) -> float:
        """Seconds of a sweep that finds nothing changed; nothing is written."""
        began = time.perf_counter()
        assert plan(self.big.settings, SYNC, dry_run=True).intents == 0
        return time.perf_counter() - began

    def size(self) -> str:
        row = self.big.owner.execute(
            "select pg_size_pretty(pg_table_size('delivery.intent')), pg_size_pretty(pg_indexes_size('delivery.intent')),"
            " pg_size_pretty(sum(pg_relation_size(i.indexrelid)) filter (where i.indpred is not null))"
            " from pg_index i where i.indrelid = 'delivery.intent'::regclass"
        ).fetchone()
        assert row is not None
        return f"intent {row[0]}, its indexes {row[1]}, of them partial {row[2]}"

    def close(self) -> None:
        self._engine.dispose()
        self.big.close()


def measure(home: Path, small: int, large: int, rounds: int) -> None:
    sides = {size: Rounds(BigLedger.make(home / str(size), size)) for size in (small, large)}
    for number in range(rounds + 1):
        for side in sides.values():
            side.run(number)
            if number == 0:  # the first round loads plans and pages, as any process does once
                side.seconds.clear()
    print(f"{'stage':<8}{small:>14,}{large:>14,}{'ratio':>8}   (bar {BAR})")
    for stage in STAGES:
        few, many = (statistics.median(side.seconds[stage]) * 1000 for side in sides.values())
        print(f"{stage:<8}{few:>11,.1f} ms{many:>11,.1f} ms{many / few:>8.2f}")
    for size, side in sides.items():
        print(f"  {size:,}: {side.size()}")
    seconds = sides[small].sweep()
    print(
        f"  a sweep in which nothing changed, linear by its nature: {seconds:.1f} s at {small:,} ({seconds / small * 1e6:.1f} µs a row)"
    )
    for side in sides.values():
        side.close()


def main() -> None:
    given = sys.argv[1:]
    small, large, rounds = (int(value) for value in (*given, *("100000", "10000000", "9")[len(given) :])[:3])
    home = Path(given[3]) if len(given) > 3 else Path(tempfile.mkdtemp(prefix="hourline-bench-"))
    try:
        measure(home, small, large, rounds)
    finally:
        for size in (small, large):
            embedded.stop(home / str(size) / "warehouse")
        if len(given) <= 3:
            shutil.rmtree(home)


if __name__ == "__main__":
    main()
