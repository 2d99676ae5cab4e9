"""Seeded fault runs: a firm's hours posted, edited, withdrawn and approved anew while every call may go wrong.

The same seed gives the same hours, the same edits and the same faults. What counts is what the destination itself holds at the
end, against the last approved version of each hour.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Protocol

from reverse_etl import plan, push, replay
from reverse_etl.engine import Timing
from simulators.faultproxy import Mix
from tests.faults.client import with_destination
from tests.faults.ledger import SYNC, Ledger, Wish
from tests.faults.street import Account

TIMING = Timing(lease_seconds=600.0, call_seconds=5.0, quiet_seconds=70.0)  # on the hand-moved clock
PATIENCE = 1e9
ROUNDS = 4
MOST_DRAINS = 25
SHARE = 0.12
READ_SHARE = 0.08
BATCHES = (1, 1, 10, 40)
HOURS_PER_POSTING = 0.62  # so that a run's creates, amends and deletes together are what was asked for
OPEN = "state not in ('acknowledged', 'superseded')"


class TheStreet(Protocol):
    """A street in a thread or a process."""

    url: str

    def reset(self, temper: str, seed: int = 0, mix: Mix | None = None) -> None: ...
    def calm(self) -> None: ...
    def account(self) -> Account: ...
    def close(self) -> None: ...


@dataclass
class Verdict:
    """What one or many runs came to.

    Attributes:
        postings: intents that took effect, creates, amends and deletes.
        lost: hours that ought to be there, aren't, and wait nowhere by name.
        duplicated: hours there more than once.
        drift_minutes, drift_money: what is there less what ought to be, summed without sign, parked hours left out.
        parked: hours that wait for a person by name (``unknown``), where nothing can tell.
    """

    runs: int = 0
    postings: int = 0
    lost: int = 0
    duplicated: int = 0
    drift_minutes: Decimal = Decimal(0)
    drift_money: Decimal = Decimal(0)
    parked: int = 0
    calls: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    failed_seeds: list[int] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Nothing lost, doubled or off."""
        return not (self.lost or self.duplicated or self.drift_minutes or self.drift_money)

    def add(self, other: "Verdict") -> None:
        """Sum up."""
        for name in (
            "runs", "postings", "lost", "duplicated", "drift_minutes", "drift_money", "parked", "calls", "seconds", "waited",
        ):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faults.update(other.faults)
        self.failed_seeds += other.failed_seeds


class History:
    """What a firm wants, round by round, drawn from a seed."""

    def __init__(self, seed: int, hours: int) -> None:
        self._random = random.Random(f"history {seed}")  # noqa: S311  seeded on purpose
        self.wishes = {
            str(number): Wish(str(number), self._random.randrange(6, 600, 6), f"2026-10-{number % 28 + 1:02}")
            for number in range(hours)
        }

    def edit(self) -> list[Wish]:
        """One round of edits, withdrawals, second approvals and moves to another day; the hours that changed."""
        changed = []
        for wish in self.wishes.values():
            drawn = self._random.random()
            new = wish
            if wish.state == "void":
                new = replace(wish, state="present", minutes=self._random.randrange(6, 600, 6)) if drawn < 0.4 else wish
            elif drawn < 0.12:
                new = replace(wish, minutes=self._random.randrange(6, 600, 6))
            elif drawn < 0.17:
                new = replace(wish, state="void")
            elif drawn < 0.20:
                new = replace(wish, work_date="2026-11-02")
            if new != wish:
                changed.append(new)
        self.wishes |= {wish.source_id: wish for wish in changed}
        return changed


def run(ledger: Ledger, street: TheStreet, seed: int, temper: str, postings: int, share: float = SHARE) -> Verdict:
    """One run; about as many postings as asked for."""
    began = time.perf_counter()
    drawn = random.Random(f"run {seed}")  # noqa: S311  seeded on purpose
    mix = Mix(share=share, read_share=READ_SHARE if share else 0.0)
    street.reset(temper, seed, mix)
    ledger.clear()
    settings = with_destination(ledger.settings, temper, street.url, batch_size=drawn.choice(BATCHES))
    history = History(seed, max(1, round(postings * HOURS_PER_POSTING)))
    slept = ledger.clock.slept
    ledger.want(history.wishes.values())
    for number in range(ROUNDS):
        plan(settings, SYNC)
        # Some rounds end in the middle, so that the next edits meet what is in flight and in doubt.
        is_cut_short = number < ROUNDS - 1 and drawn.random() < 0.5
        limit = drawn.randrange(1, postings) if is_cut_short else None
        push(
            settings,
            SYNC,
            limit=limit,
            patience_seconds=0 if is_cut_short else PATIENCE,
            timing=TIMING,
            clock=ledger.clock,
        )
        if number < ROUNDS - 1:
            ledger.want(history.edit())
    drain(settings, ledger)
    verdict = judge(ledger, street.account(), history.wishes)
    verdict.seconds, verdict.waited = time.perf_counter() - began, ledger.clock.slept - slept
    if not verdict.is_clean:
        verdict.failed_seeds.append(seed)
    return verdict


def drain(settings, ledger: Ledger) -> None:
    """Plan, send, and play again what ran out of tries, until nothing moves any more."""
    for _ in range(MOST_DRAINS):
        plan(settings, SYNC)
        push(settings, SYNC, patience_seconds=PATIENCE, timing=TIMING, clock=ledger.clock)
        if not ledger.count(f"{OPEN} and state <> 'unknown' and not (state = 'planned' and next_attempt_at is null)"):
            return
        replay(settings, sync=SYNC, actor="harness", why="the destination answers again")
        ledger.clock.advance(60)
    stuck = ledger.connection.execute(
        f"select chain_key, operation, state, reason, failure_count from delivery.intent where {OPEN} limit 5"
    ).fetchall()
    raise AssertionError(f"not drained after {MOST_DRAINS} rounds: {stuck}")


def judge(ledger: Ledger, account: Account, wishes: dict[str, Wish]) -> Verdict:
    """What is there against what ought to be."""
    parked = ledger.chains("state in ('unknown', 'held', 'refused')")
    verdict = Verdict(runs=1, postings=ledger.count("state = 'acknowledged'"), parked=len(parked))
    verdict.calls = account.writes + account.looks
    verdict.faults.update(account.faults)
    there = dict(account.net)
    for wish in wishes.values():
        chain = f"kantata-{wish.source_id}"
        count, minutes, money = there.pop(chain, (0, Decimal(0), Decimal(0)))
        is_wanted = wish.state == "present"
        verdict.duplicated += max(0, count - 1)
        if chain in parked:
            continue
        verdict.lost += int(is_wanted and count == 0)
        verdict.drift_minutes += abs(minutes - (wish.minutes if is_wanted else 0))
        verdict.drift_money += abs(money - (wish.money if is_wanted else 0))
    verdict.duplicated += sum(count for count, _, _ in there.values())  # hours that nobody ever wanted
    return verdict


def many(
    ledger: Ledger,
    street: TheStreet,
    seeds: range,
    temper: str,
    postings: int,
    told: Callable[[Verdict], None] | None = None,
) -> Verdict:
    """Runs one after another, summed up."""
    whole = Verdict()
    for seed in seeds:
        whole.add(run(ledger, street, seed, temper, postings))
        if told is not None:
            told(whole)
    return whole
