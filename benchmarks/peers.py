"""Side by side on one harness: drt-core with its ledger on, a plain dlt sink, Hourline: lost, duplicated, amendments missed, rows/s.

Run: python -m benchmarks.peers [--rows 2000] [--seed 1] [--share 0.2] [--peers hourline,drt,dlt] [--drt-venv DIR]

Each in turn posts the same rows, one a call, through the same fault proxy to the same destination, which ignores idempotency
keys, and is run again until it reports nothing failed, five times at most. Then one row in ten is edited, without faults, and
each is run once more: an amendment is missed unless the destination holds that hour once, as edited. Then each posts the rows to an
empty destination without faults, for the rows a second, its start left in. Each is set up as its documents recommend for rows
that must arrive once: drt with `state.idempotency` in a PostgreSQL warehouse, an idempotency key per record and five attempts a
call; dlt as a custom destination with its own retries and state.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import _drt
from benchmarks._drt import Drt
from benchmarks._ending import broken
from reverse_etl import plan, push
from simulators.faultproxy import Mix
from tests.faults import runs
from tests.faults.client import with_destination
from tests.faults.ledger import SYNC, Ledger, Wish, temporary_ledger
from tests.faults.street import StreetProcess

TEMPER = "ignores_keys"
TRIES = 5
EVERY_TENTH = 10


@dataclass
class Peer:
    """One contender: ``deliver`` runs it once and says whether it reported that nothing failed; ``forget`` empties its state."""

    name: str
    deliver: Callable[[dict[str, Wish]], bool]
    forget: Callable[[], None]


def hourline(ledger: Ledger, url: str) -> Peer:
    """Ours: plan and push on the ledger."""
    settings = with_destination(ledger.settings, TEMPER, url)

    def deliver(wishes: dict[str, Wish]) -> bool:
        ledger.want(wishes.values())
        plan(settings, SYNC)
        push(settings, SYNC, patience_seconds=runs.PATIENCE, timing=runs.TIMING, clock=ledger.clock)
        return not ledger.count(runs.OPEN)

    return Peer("Hourline", deliver, ledger.clear)


def drt(ledger: Ledger, url: str, place: Path, venv: Path) -> Peer:
    """drt-core, its warehouse ledger on, in the same PostgreSQL."""
    made = Drt(ledger.url, f"{url}/records", place, venv)

    def deliver(wishes: dict[str, Wish]) -> bool:
        made.fill(tuple(row_of(wish).values()) for wish in wishes.values())
        return made.run()

    return Peer(_drt.NAME, deliver, made.forget)


def dlt_sink(url: str, place: Path) -> Peer:
    """A dlt pipeline whose destination posts each row, incremental by key and content as its state allows."""
    place.mkdir()

    def deliver(wishes: dict[str, Wish]) -> bool:
        rows = place / "rows.json"
        rows.write_text(json.dumps([row_of(wish) for wish in wishes.values()]))
        command = [sys.executable, "-m", "benchmarks._dlt_sink", str(place), url, str(rows)]
        return subprocess.run(command, capture_output=True, text=True, check=False).returncode == 0

    def forget() -> None:
        subprocess.run(["rm", "-rf", str(place / "pipelines")], check=True)

    return Peer("plain dlt sink", deliver, forget)


def row_of(wish: Wish) -> dict[str, str]:
    """One row as the peers post it: the key is the one Hourline would give."""
    return {
        "key": f"kantata-{wish.source_id}-g1", "item": "77", "minutes": str(wish.minutes), "rate": "100", "date": wish.work_date,
    }  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One contender's line of the table."""

    name: str
    runs: int
    lost: int
    duplicated: int
    missed: int
    changed: int
    rate: float

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.duplicated or self.missed)

    def line(self) -> str:
        return (
            f"{self.name:<28}{self.runs:>5}{self.lost:>8}{self.duplicated:>12}{self.missed:>10} of {self.changed}"
            f"{self.rate:>12,.0f}"
        )


def measure(peer: Peer, street: StreetProcess, rows: int, seed: int, share: float) -> Row:
    """One contender among faults, then its amendments, then its speed."""
    wishes = {str(number): Wish(str(number), 60 + number % 400) for number in range(rows)}
    peer.forget()
    street.reset(TEMPER, seed, Mix(share=share, read_share=share / 2))
    tries = 1
    while not peer.deliver(wishes) and tries < TRIES:
        tries += 1
    net = street.account().net
    duplicated = sum(max(0, count - 1) for count, _, _ in net.values())
    lost = sum(1 for name in wishes if f"kantata-{name}" not in net)

    peer.forget()
    street.reset(TEMPER, seed)
    began = time.perf_counter()
    peer.deliver(wishes)
    rate = rows / (time.perf_counter() - began)
    edited = {
        name: replace(wish, minutes=wish.minutes + 7) if number % EVERY_TENTH == 0 else wish
        for number, (name, wish) in enumerate(wishes.items())
    }
    peer.deliver(edited)
    net = street.account().net
    changed = [name for name, wish in edited.items() if wish != wishes[name]]
    missed = sum(1 for name in changed if net.get(f"kantata-{name}", (0, 0, 0))[:2] != (1, edited[name].minutes))
    return Row(peer.name, tries, lost, duplicated, missed, len(changed), rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.2, help="of calls that meet a fault")
    parser.add_argument("--peers", default="hourline,drt,dlt")
    parser.add_argument(
        "--drt-venv", type=Path, default=None, help="an environment that has drt-core (default: make one)"
    )
    given = parser.parse_args()
    with temporary_ledger() as ledger, tempfile.TemporaryDirectory(prefix="hourline-peers-") as folder:
        place, street = Path(folder), StreetProcess()
        print(
            f"seed {given.seed}, {given.rows:,} rows, {given.share:.0%} of writes meet a fault, keys are ignored there"
        )
        print(f"{'':<28}{'runs':>5}{'lost':>8}{'duplicated':>12}{'amendments missed':>18}{'rows/s':>12}")
        for name in given.peers.split(","):
            if name == "hourline":
                peer = hourline(ledger, street.url)
            elif name == "drt":
                venv = given.drt_venv or _drt.environment(place)
                peer = drt(ledger, street.url, place / "drt", venv)
            else:
                peer = dlt_sink(street.url, place / "dlt")
            row = measure(peer, street, given.rows, given.seed, given.share)
            print(row.line(), flush=True)
            if name == "hourline" and not row.is_clean:
                broken("Hourline did not keep its promise.")
        street.close()


if __name__ == "__main__":
    main()
