"""The allowance used against Gusto's and NetSuite's limits: at least 95 % of it, with 0 lost and nothing there twice.

Two pushing processes share each account through the warehouse. The vendors are the simulators on real HTTP, with the limits
that their documents name. Gusto takes 200 calls in any 60 seconds: a window is 200 calls on end that it took, and its share is
60 seconds over the time from its first call to the next window's first. The first window, in which the two calls that asked
for people and pay periods stand too, is left out; the poorest of the others is held against the bar. NetSuite takes 15 calls at
once (a Premium account; the connection says so by `concurrency`), and each is held there for `HOLD_SECONDS`: counted are its
mean calls in flight, over 15, between the first fifth of the calls and the last tenth. What was pushed is then looked for there.

``python -m benchmarks.allowance [GUSTO_WINDOWS] [NETSUITE_RECORDS] [SEED]``
"""

from __future__ import annotations

import importlib
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import cycle, islice, pairwise
from multiprocessing import get_context
from typing import Any

from pydantic import SecretStr

import reverse_etl
from benchmarks import _desk
from benchmarks._ending import broken
from plumbing.settings import Connection, Settings
from reverse_etl.syncs import named
from tests.fixtures.ledger import Desk
from tests.fixtures.simulators import Firm, start_firm

BAR = 0.95
PROCESSES = 2
GUSTO_CALLS, GUSTO_SECONDS = 200, 60.0
NETSUITE_AT_ONCE = 15
HOLD_SECONDS = 0.5
FIRST, LAST = 0.2, 0.9  # of NetSuite's calls, between which they are counted
REST_SECONDS = 62.0  # the longest that a push must wait for Gusto's next window
UNLIMITED = 1_000  # factor on an account's limits while it is looked at afterwards
TO_GO = frozenset({"planned", "sending", "in_doubt"})


@dataclass(frozen=True)
class Calls:
    """What a vendor says of the calls it got: when each that it took began and ended, in order; and when it answered 429."""

    spans: list[tuple[float, float]]
    refused: list[float]

    @classmethod
    def of(cls, firm: Firm, system: str) -> Calls:
        calls = firm[system].journal(limit=20_000)["calls"]
        spans, refused = [], []
        for call in calls:
            end = datetime.fromisoformat(call["sim_time"]).timestamp()
            if call["status"] == 429:
                refused.append(end)
            else:
                spans.append((end - call["seconds"], end))
        return cls(sorted(spans), refused)

    def windows(self, size: int, seconds: float) -> list[float]:
        """Of each window after the first, how much was used."""
        firsts = [began for began, _ in self.spans[size::size]]
        return [seconds / (after - first) for first, after in pairwise(firsts)]

    def mean_in_flight(self) -> float:
        """Between the first calls and the last."""
        since, until = (self.spans[int(len(self.spans) * part)][0] for part in (FIRST, LAST))
        busy = sum(max(0.0, min(end, until) - max(began, since)) for began, end in self.spans)
        return busy / (until - since)


@dataclass(frozen=True)
class Standing:
    """What became of what was pushed: how many each process sent, and how many are not there, twice there and still to be sent."""

    sent: list[int]
    lost: int
    twice: int
    waiting: int

    def line(self) -> str:
        return (
            f"  {self.lost} lost, {self.twice} there twice, {self.waiting} still to be sent, of {sum(self.sent):,} that"
            f" {PROCESSES} processes sent ({', '.join(f'{number:,}' for number in self.sent)})"
        )

    def require(self) -> None:
        """End here if an hour was lost or stands there twice."""
        if self.lost or self.twice:
            broken(self.line())


def pushing(settings: Settings, sync: str, patience_seconds: float) -> int:
    """Push until nothing is left, in a process of its own; how many it sent."""
    sent = 0
    for report in reverse_etl.push(settings, sync, patience_seconds=patience_seconds):
        if report.stopped:
            raise RuntimeError(report.stopped)
        sent += report.counts.get("acknowledged", 0) + report.counts.get("accepted", 0)
    return sent


class Account:
    """One vendor's account, hours that it can take, and the ledger they are planned in."""

    def __init__(self, desk: Desk, firm: Firm, system: str, **options: Any) -> None:
        address = firm.addresses[system]
        self.subject: Any = importlib.import_module(f"tests.conformance.subjects.{system}")
        self._connection = Connection(
            name=system,
            system=system,
            base_url=address["base_url"],
            options={**address["options"], **options},
            secrets={key: SecretStr(value) for key, value in address["secrets"].items()},
        )
        self._settings = replace(desk.settings, connections={system: self._connection})
        self._desk, self._firm, self._system = desk, firm, system

    def plan(self, count: int) -> None:
        """So many hours, desired and planned."""
        self._desk.relation = named(self.subject.SYNC).relation.partition(".")[2]
        samples = list(self.subject.fields(self._connection))
        for number, (fields, context) in enumerate(islice(cycle(samples), count)):
            self._desk.want_exactly(
                str(number), fields=fields, context=context, destination=self._system, work_date=fields["work_date"]
            )
        planned = reverse_etl.plan(self._settings, self.subject.SYNC).count("create")
        if planned != count:
            raise RuntimeError(f"{planned} of {count} hours were planned")
        self._firm[self._system].clear_journal()

    def push(self, patience_seconds: float) -> tuple[Calls, Standing]:
        """Push everything by two processes at once; each waits so long, all told, for what may not be sent yet."""
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
            running = [
                pool.submit(pushing, self._settings, self.subject.SYNC, patience_seconds) for _ in range(PROCESSES)
            ]
            sent = [one.result() for one in running]
        calls = Calls.of(self._firm, self._system)
        return calls, self._standing(sent)

    def _standing(self, sent: list[int]) -> Standing:
        control = self._firm[self._system]
        control.clear_faults()
        control.post("allowance", {"factor": UNLIMITED})
        options = {**self._connection.options, "allowance": UNLIMITED}
        held = self.subject.held(replace(self._connection, options=options))
        states = {one["record_key"]: one["state"] for one in self._desk.intents() if one["destination"] == self._system}
        absent = [key for key in states if not held.get(key)]
        waiting = [key for key in absent if states[key] in TO_GO]
        return Standing(
            sent=sent,
            lost=len(absent) - len(waiting),
            twice=sum(held.get(key, 0) > 1 for key in states),
            waiting=len(waiting),
        )


def gusto(account: Account, windows: int) -> bool:
    """Print how much of each window was used; whether the bar was met."""
    account.plan(GUSTO_CALLS * (windows + 1) + 1)
    calls, standing = account.push(REST_SECONDS * (windows + 1))
    later = sum(at > calls.spans[GUSTO_CALLS][0] for at in calls.refused)
    shares = calls.windows(GUSTO_CALLS, GUSTO_SECONDS)
    print(
        f"Gusto     {min(shares):.1%} of {GUSTO_CALLS} calls in {GUSTO_SECONDS:.0f} s (bar {BAR:.0%}; windows after the first:"
        f" {', '.join(f'{share:.1%}' for share in shares)}); 429 answered"
        f" {len(calls.refused)}, {later} of them after the first window"
    )
    print(standing.line())
    standing.require()
    return min(shares) >= BAR


def netsuite(account: Account, firm: Firm, count: int) -> bool:
    """Print how many calls were in flight; whether the bar was met."""
    account.plan(count)
    firm["netsuite"].fault("delay", path="timeBill", seconds=HOLD_SECONDS, times=None)
    calls, standing = account.push(0)
    mean = calls.mean_in_flight()
    print(
        f"NetSuite  {mean / NETSUITE_AT_ONCE:.1%} of {NETSUITE_AT_ONCE} calls at once (bar {BAR:.0%}; {mean:.2f} in flight,"
        f" {HOLD_SECONDS} s each there); 429 answered {len(calls.refused)}"
    )
    print(standing.line())
    standing.require()
    return mean / NETSUITE_AT_ONCE >= BAR


def measure(desk: Desk, firm: Firm, windows: int, count: int) -> bool:
    """Both vendors in turn, on one ledger."""
    met = [
        gusto(Account(desk, firm, "gusto"), windows),
        netsuite(Account(desk, firm, "netsuite", concurrency=NETSUITE_AT_ONCE), firm, count),
    ]
    return all(met)


def main() -> None:
    given = sys.argv[1:]
    windows, count, seed = (int(value) for value in (*given, *("2", "1800", "7")[len(given) :])[:3])
    # The factor is 1: the limits are those of the vendors' documents.
    chosen = {"seed": seed, "entries": 600, "as_of": "2026-11-16", "only": "gusto,netsuite", "allowance": 1}
    with _desk.opened() as desk, start_firm(desk.settings.home / "firm", **chosen) as firm:
        is_met = measure(desk, firm, windows, count)
    print(f"seed {seed}")
    sys.exit(not is_met)


if __name__ == "__main__":
    main()
