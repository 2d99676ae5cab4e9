"""Kill points: hours that are made, amended, deleted, and taken back and posted again while the pushing process is killed."""

import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from tests.faults import runs
from tests.faults.killer import Boundary, Stage, Watch
from tests.faults.ledger import Wish

TRIES = 6  # a boundary that depends on which of two threads came first may not come in each run


class Scene:
    """Hours in threes: of each three one is made, one amended and one deleted under the signal.

    Where the destination takes reversing rows, a fourth that is invoiced there is taken back and posted again.
    """

    def __init__(self, stage: Stage, temper: str) -> None:
        self.stage = stage
        self.temper = temper
        self.wishes: dict[str, Wish] = {}
        self._takes_reversals = temper == "takes_reversals"
        self._three = 0
        stage.ledger.clear()
        stage.street.reset(temper)

    def _want(self, *wishes: Wish) -> None:
        self.wishes |= {wish.source_id: wish for wish in wishes}
        self.stage.ledger.want(wishes)

    def post_next(self) -> None:
        """More hours, posted; the rest of what a killed push left is done with them."""
        self._three += 1
        self._want(Wish(f"{self._three}a", 60), Wish(f"{self._three}b", 120), *self._invoiced(240))
        self.stage.ledger.reread_clock().advance(120)
        ended = self.stage.push(self.temper, Watch())
        assert ended == 0, f"the rerun ended with {ended}"

    def want_changes(self) -> None:
        """One is edited, one withdrawn, one is new; one is edited on its invoice."""
        number = self._three
        there = self.stage.street.holdings
        there.invoiced |= {one["id"] for one in there.records.values() if one["key"].startswith(f"kantata-{number}d-")}
        self._want(
            Wish(f"{number}a", 90),
            Wish(f"{number}b", 120, state="void"),
            Wish(f"{number}c", 180),
            *(replace(wish, destination_state="billed") for wish in self._invoiced(200)),
        )

    def _invoiced(self, minutes: int) -> list[Wish]:
        return [Wish(f"{self._three}d", minutes)] if self._takes_reversals else []

    def traced(self) -> list[Boundary]:
        """The boundaries of a push that nobody disturbs."""
        self.post_next()
        self.want_changes()
        watch = Watch()
        assert self.stage.push(self.temper, watch) == 0
        return watch.seen

    def kill(self, boundary: Boundary) -> tuple[bool, list[Boundary]]:
        """Kill a push at one boundary and push again; whether the boundary came, and which came."""
        self.post_next()
        self.want_changes()
        watch = Watch(boundary)
        ended = self.stage.push(self.temper, watch)
        assert ended in {-signal.SIGKILL, 0}, f"{boundary}: the push ended with {ended}"
        return watch.struck, watch.seen

    def judged(self) -> runs.Verdict:
        """What is there against what ought to be."""
        return runs.judge(self.stage.ledger, self.stage.street.account(), self.wishes)


def kill_everywhere(
    stage: Stage, temper: str, told: Callable[[str], None] = lambda _line: None
) -> tuple[int, runs.Verdict]:
    """Every boundary that any run shows, each killed at once at least; how many they were, and the verdict over all."""
    scene = Scene(stage, temper)
    waiting, killed, tries = dict.fromkeys(scene.traced()), set(), Counter()
    while waiting:
        boundary = next(iter(waiting))
        struck, seen = scene.kill(boundary)
        tries[boundary] += 1
        if struck:
            killed.add(boundary)
            told(f"{temper} killed at {boundary[0]} {boundary[1]}")
        assert struck or tries[boundary] < TRIES, f"{temper}: no kill at {boundary} in {TRIES} runs"
        if struck:
            del waiting[boundary]
        waiting |= dict.fromkeys(one for one in seen if one not in killed)
    scene.post_next()
    return len(killed), scene.judged()
