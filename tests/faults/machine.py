"""Any history of approvals, edits, invoices, crashes and runs: net posted is the latest approved version, once drained.

A real ledger, a real destination behind the fault proxy, a sync view that is written as the models would. What stands frozen
there (invoiced, or in a closed month) may differ, if an open intent of the hour says by name why; where the destination takes
reversing rows nothing may differ, as a frozen hour is taken back and posted again.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import ClassVar

import psycopg
import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from plumbing.errors import HourlineError
from reverse_etl import plan, push, replay
from simulators.faultproxy import Call, Mix
from simulators.faultproxy.faults import Draw
from tests.faults.client import with_destination
from tests.faults.destination import chain_of, generation_of
from tests.faults.ledger import SYNC, Ledger, Wish
from tests.faults.runs import PATIENCE, TIMING
from tests.faults.street import Street

HOURS = tuple(str(number) for number in range(6))
DAYS = ("2026-10-05", "2026-10-06", "2026-11-02")
MONTHS = ("2026-10", "2026-11")
HOUR = st.sampled_from(HOURS)
MINUTES = st.sampled_from((30, 60, 90, 480))
DESTINATIONS = ("honours_keys", "takes_reversals", "ignores_keys", "looks_only")
CORRECTION_DATE = "2026-12-01"  # in a month that nobody closes
STEPS_A_HISTORY = 200
MOST_DRAINS = 4
AFTER_A_CRASH = TIMING.lease_seconds + TIMING.quiet_seconds + 1


class DeliveryMachine(RuleBasedStateMachine):
    """Each step does one thing to one hour, or runs, or crashes a run. ``ledger`` and ``street`` are set by who runs it."""

    ledger: ClassVar[Ledger]
    street: ClassVar[Street]
    steps: ClassVar[int] = 0
    histories: ClassVar[int] = 0
    reversals: ClassVar[int] = 0  # rows that took back another, at the ends of histories

    @initialize(temper=st.sampled_from(DESTINATIONS))
    def begin(self, temper: str) -> None:
        """An empty firm and an empty destination."""
        type(self).histories += 1
        self.street.reset(temper)
        self.ledger.clear()
        self.settings = with_destination(self.ledger.settings, temper, self.street.url)
        self._takes_reversals = temper == "takes_reversals"
        self.wishes: dict[str, Wish] = {}
        self.changed: set[str] = set()

    # -- what happens to hours ------------------------------------------------------------------------------------------

    @rule(hour=HOUR, minutes=MINUTES, day=st.sampled_from(DAYS))
    def approve(self, hour: str, minutes: int, day: str) -> None:
        """An hour is approved, again or for the first time."""
        if hour not in self.wishes or self.wishes[hour].state != "present":
            self._want(
                replace(self.wishes.get(hour, Wish(hour)), minutes=minutes, work_date=day, state="present", reason=None)
            )

    @rule(hour=HOUR, minutes=MINUTES)
    def edit(self, hour: str, minutes: int) -> None:
        """Its minutes change."""
        if hour in self.wishes:
            self._want(replace(self.wishes[hour], minutes=minutes))

    @rule(hour=HOUR)
    def withdraw(self, hour: str) -> None:
        """Its approval is taken back for good."""
        if hour in self.wishes:
            self._want(replace(self.wishes[hour], state="void", reason=None))

    @rule(hour=HOUR, reason=st.sampled_from(("rate missing", "re-approval")))
    def hold(self, hour: str, reason: str) -> None:
        """A rule holds it."""
        if hour in self.wishes:
            self._want(replace(self.wishes[hour], state="held", reason=reason))

    @rule(hour=HOUR, day=st.sampled_from(DAYS))
    def move_to_another_day(self, hour: str, day: str) -> None:
        """It was worked on another day."""
        if hour in self.wishes:
            self._want(replace(self.wishes[hour], work_date=day))

    @rule(hour=HOUR, entity=st.sampled_from(("US", "UK")))
    def move_to_another_entity(self, hour: str, entity: str) -> None:
        """Its person belongs to another legal entity."""
        if hour in self.wishes:
            self._want(replace(self.wishes[hour], legal_entity=entity))

    # -- what happens there ---------------------------------------------------------------------------------------------

    @rule(month=st.sampled_from(MONTHS), is_closed=st.booleans())
    def close_or_open(self, month: str, is_closed: bool) -> None:
        """A month is closed there, or opened again."""
        months = self.street.holdings.closed_months
        months.add(month) if is_closed else months.discard(month)

    @rule(hour=HOUR)
    def invoice(self, hour: str) -> None:
        """What is there of an hour goes on an invoice."""
        self.street.holdings.invoiced |= self._there(hour)

    @rule(hour=HOUR)
    def credit(self, hour: str) -> None:
        """The invoice is credited."""
        self.street.holdings.invoiced -= self._there(hour)

    @rule()
    def read_back(self) -> None:
        """The view hears how things stand there."""
        self.changed |= set(self.wishes)

    # -- what we do -----------------------------------------------------------------------------------------------------

    @rule(seed=st.integers(0, 999), share=st.sampled_from((0.0, 0.4)), is_patient=st.booleans())
    def run(self, seed: int, share: float, is_patient: bool) -> None:
        """Plan and push, among faults."""
        self._faults(seed, share)
        self._write()
        plan(self.settings, SYNC)
        self._push(PATIENCE if is_patient else 0)

    @rule(at_call=st.integers(1, 4), moment=st.sampled_from(("arrived", "done")))
    def crash(self, at_call: int, moment: str) -> None:
        """The pushing process loses its ledger in the middle of a call, and its lease runs out."""
        self._write()
        plan(self.settings, SYNC)
        self.street.proxy._on_moment = _Crash(self.ledger, at_call, moment)
        try:
            self._push(0)
        except (sa.exc.DBAPIError, psycopg.Error, HourlineError):
            pass  # what a crash looks like from here
        finally:
            self.street.proxy._on_moment = None
        self.ledger.clock.advance(AFTER_A_CRASH)

    @rule()
    def replay_all(self) -> None:
        """Somebody presses the button, twice."""
        for _ in range(2):
            replay(self.settings, sync=SYNC, actor="machine", why="corrected, they say")

    @rule(seconds=st.sampled_from((1, 60, 7200)))
    def wait(self, seconds: int) -> None:
        """Time goes by."""
        self.ledger.clock.advance(seconds)

    # -- what must hold -------------------------------------------------------------------------------------------------

    @invariant()
    def no_hour_is_there_twice(self) -> None:
        """At any moment; nor is one taken back that isn't there."""
        type(self).steps += 1
        doubled = {chain: net for chain, net in self.street.holdings.net().items() if net[0] not in {0, 1}}
        assert not doubled, f"doubled: {doubled}"

    def teardown(self) -> None:
        """Drain, then every hour is as last approved, or waits by name."""
        if not hasattr(self, "wishes"):
            return
        self.street.calm()
        self._faults(0, 0.0)
        for _ in range(2):  # the second after a read-back of what the first left there
            self.changed |= set(self.wishes)
            self._write()
            for number in range(MOST_DRAINS):
                if number:
                    replay(self.settings, sync=SYNC, actor="machine", why="drain")
                    self.ledger.clock.advance(60)
                plan(self.settings, SYNC)
                self._push(PATIENCE)
                if not self.ledger.count("state not in ('acknowledged', 'superseded', 'held') or held_by = 'retries'"):
                    break
        net = self.street.account().net
        self.no_hour_is_there_twice()
        type(self).reversals += sum(Decimal(one["minutes"]) < 0 for one in self.street.holdings.records.values())
        for hour, wish in self.wishes.items():
            self._check(hour, wish, net.get(f"kantata-{hour}", (0, Decimal(0), Decimal(0)))[1])
        assert self.ledger.count("state in ('in_doubt', 'sending', 'unknown')") == 0

    def _check(self, hour: str, wish: Wish, minutes: Decimal) -> None:
        if wish.state == "held":
            return  # left alone there, whatever it is
        expected = wish.minutes if wish.state == "present" else 0
        if minutes == expected and not (wish.state == "present" and self._is_elsewhere(hour, wish)):
            return
        states = self.ledger.connection.execute(
            "select state, reason from delivery.intent where source_id = %s and state not in ('acknowledged', 'superseded')",
            (hour,),
        ).fetchall()
        told = f"hour {hour}: {minutes} there, {expected} approved; open: {states}"
        assert self._is_frozen(hour, wish), told
        assert states, told
        assert {state for state, _ in states} <= {"held", "refused", "planned"}, told
        assert all(reason for state, reason in states if state != "planned"), told

    # -- means ----------------------------------------------------------------------------------------------------------

    def _want(self, wish: Wish) -> None:
        self.wishes[wish.source_id] = wish
        self.changed.add(wish.source_id)

    def _write(self) -> None:
        rows = []
        for hour in sorted(self.changed):
            wish = self.wishes[hour]
            there = self._standing(hour)
            is_closed = any(r["date"][:7] in self.street.holdings.closed_months for r in there) or (
                wish.work_date[:7] in self.street.holdings.closed_months
            )
            is_billed = any(r["id"] in self.street.holdings.invoiced for r in there)
            rows.append(
                replace(
                    wish,
                    destination_state="billed" if is_billed else "unbilled",
                    period_closed=is_closed,
                    correction_date=CORRECTION_DATE if self._takes_reversals else None,
                )
            )
        self.changed.clear()
        if rows:
            self.ledger.want(rows)

    def _push(self, patience: float) -> None:
        push(self.settings, SYNC, patience_seconds=patience, timing=TIMING, clock=self.ledger.clock)

    def _faults(self, seed: int, share: float) -> None:
        weights = {name: weight for name, weight in Mix().weights.items() if not name.startswith("time_out")}
        self.street.proxy.draw = Draw(seed, Mix(share=share, read_share=share / 2, weights=weights))

    def _records(self, hour: str) -> list[dict]:
        chain = f"kantata-{hour}"
        return [record for record in list(self.street.holdings.records.values()) if chain_of(record["key"]) == chain]

    def _standing(self, hour: str) -> list[dict]:
        """Those that none of its reversing rows takes back: each takes back the newest before it."""
        standing: list[dict] = []
        for record in sorted(self._records(hour), key=lambda record: generation_of(record["key"])):
            if Decimal(record["minutes"]) > 0:
                standing.append(record)
            elif standing:
                standing.pop()
        return standing

    def _there(self, hour: str) -> set[str]:
        return {record["id"] for record in self._records(hour)}

    def _is_elsewhere(self, hour: str, wish: Wish) -> bool:
        days = {wish.work_date, *([CORRECTION_DATE] if self._takes_reversals else [])}
        return any(record["date"] not in days for record in self._standing(hour))

    def _is_frozen(self, hour: str, wish: Wish) -> bool:
        there = self.street.holdings
        if self._takes_reversals:  # all but an hour's first record, which corrects nothing
            return wish.work_date[:7] in there.closed_months and not self._standing(hour)
        return wish.work_date[:7] in there.closed_months or any(
            there.is_frozen(record) for record in self._records(hour)
        )


class _Crash:
    """Cuts every session of the pushing worker when its n-th call has come so far."""

    def __init__(self, ledger: Ledger, at_call: int, moment: str) -> None:
        self._ledger = ledger
        self._left = at_call
        self._moment = moment

    def __call__(self, moment: str, call: Call) -> bool:
        if moment != self._moment:
            return False
        self._left -= 1
        if self._left != 0:
            return False
        with psycopg.connect(self._ledger.url, autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and application_name = 'hourline'"
            )
        return True


def walk(
    ledger: Ledger, street: Street, steps: int, *, seed: int, told: Callable[[str], None] = lambda _line: None
) -> int:
    """Histories until so many steps were made; how many there were. Raises what Hypothesis found, with the shortest history."""
    import hypothesis
    from hypothesis.stateful import run_state_machine_as_test

    DeliveryMachine.ledger, DeliveryMachine.street = ledger, street
    DeliveryMachine.steps = DeliveryMachine.histories = DeliveryMachine.reversals = 0
    number = 0
    while DeliveryMachine.steps < steps:
        left = steps - DeliveryMachine.steps
        settings = hypothesis.settings(
            max_examples=max(2, min(20, left // STEPS_A_HISTORY + 1)),
            stateful_step_count=STEPS_A_HISTORY,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        machine = hypothesis.seed(seed * 10_000 + number)(DeliveryMachine)
        run_state_machine_as_test(machine, settings=settings)
        number += 1
        told(f"{DeliveryMachine.steps:,} steps in {DeliveryMachine.histories:,} histories")
    return DeliveryMachine.steps
