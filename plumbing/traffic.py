"""One allowance for every worker: the limits of a vendor's account, shared through the warehouse.

The promise: all processes and machines on one warehouse together make no more calls at once, and no more in a window, than
the account allows; a 429 that one of them gets rests them all; what a dead process held comes back when its short lease, on
the database's clock, ends. A hot path pays a lock and a counter: a thread of the gate's own speaks to the database, about
once a second, and more often only while somebody waits for a turn.

Learned from answers: a 429 with a wait rests the account for it; one without lowers the calls at once by one, and they are
raised again step by step; headers that tell what is left make room for the account's other users.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from plumbing import limits, log
from plumbing.clock import Clock, SystemClock
from plumbing.limits import LONGEST_REST_SECONDS, Allowance, Gate, Resting, rest_asked_for

if TYPE_CHECKING:
    import psycopg

    from plumbing.quota import Quota
    from plumbing.settings import Connection
    from plumbing.warehouse import Role, Warehouse

_log = log.get(__name__)

LEASE_SECONDS = 10.0  # what a dead process held is free again after this
BEAT_SECONDS = 1.0  # how often what is held is renewed
HURRY_SECONDS = 0.02  # the same while a call waits for its turn
TURN_SECONDS = 5.0  # with more processes than calls at once, how long one keeps its place
IDLE_SECONDS = 2.0  # a gate that nobody uses gives everything back
CHUNKS = 64  # a window's calls are taken in so many parts, so that no process hoards them
FRESH_SECONDS = 0.5  # a call taken and not made by then is given up, as its window counts from the taking


class Held(NamedTuple):
    """What a process may do now: calls at once, and seconds for which the account is left alone."""

    slots: int
    rest_seconds: float


class Taken(NamedTuple):
    """Calls of the window that were granted; else the seconds until there may be some."""

    calls: int
    wait_seconds: float


class StoreClosed(RuntimeError):  # noqa: N818  an end, not an error
    """The book was closed: whoever held something gave it back, or its lease ends."""


class Store:
    """The shared book of what each account's users hold. Thread-safe; one connection, opened when it is first needed."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self._connection: psycopg.Connection[Any] | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    def hold(self, account: str, holder: str, wanted: int, in_use: int, declared: int) -> Held:
        """Renew what a process holds; more or less than before, as the others' wants allow.

        Args:
            in_use: calls that may be under way when the answer comes. The account is charged with them until they have ended,
                also where the answer is less.
        """
        sql = "select slots, rest_seconds from hourline.hold_slots(%s, %s, %s, %s, %s, %s, %s)"
        slots, rest = self._one(sql, account, holder, wanted, in_use, declared, LEASE_SECONDS, TURN_SECONDS)
        return Held(slots, float(rest))

    def take(self, account: str, wanted: int, allowance: Allowance) -> Taken:
        """Take calls out of the window."""
        sql = "select calls, wait_seconds from hourline.take_calls(%s, %s, %s, %s)"
        calls, wait = self._one(sql, account, wanted, allowance.requests, allowance.window_seconds)
        return Taken(calls, float(wait))

    def rest(self, account: str, seconds: float) -> None:
        """Leave the account alone for so long; a longer rest that was asked for stays."""
        self._one("select hourline.rest_account(%s, %s)", account, seconds)

    def slow_down(self, account: str, declared: int) -> None:
        """One call at once less, for a 429 that names no wait."""
        self._one("select hourline.slow_account(%s, %s)", account, declared)

    def note_left(self, account: str, allowance: Allowance, left: int) -> None:
        """Make room for calls that others made on the account: the vendor says that so many are left."""
        self._one(
            "select hourline.note_left(%s, %s, %s, %s)", account, allowance.requests, allowance.window_seconds, left
        )

    def release(self, account: str, holder: str) -> None:
        """Give everything back."""
        self._one("select hourline.release_slots(%s, %s)", account, holder)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._is_closed = True
            if self._connection is not None:
                self._connection.close()

    def _one(self, sql: str, *values: Any) -> tuple[Any, ...]:
        with self._lock:
            if self._is_closed:
                raise StoreClosed
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
                self._connection.execute(
                    "set synchronous_commit = off"
                )  # who holds what is worth nothing after a crash
            row = self._connection.execute(sql, values).fetchone()
        assert row is not None  # noqa: S101  a function gives one row
        return tuple(row)


_shared: contextvars.ContextVar[Store | None] = contextvars.ContextVar("traffic", default=None)
_moved: contextvars.ContextVar[Clock | None] = contextvars.ContextVar("moved by hand", default=None)


@contextlib.contextmanager
def shared(warehouse: Warehouse, role: Role, clock: Clock | None = None) -> Iterator[None]:
    """Within this block new clients share their connection's allowance with every other process on the warehouse.

    Args:
        clock: one that is moved by hand is nobody else's: new clients wait for their turn on it, by themselves.
    """
    if clock is not None and not isinstance(clock, SystemClock):
        moved = _moved.set(clock)
        try:
            yield
        finally:
            _moved.reset(moved)
        return
    store = Store(lambda: warehouse.connect(role, autocommit=True))
    token = _shared.set(store)
    try:
        yield
    finally:
        _shared.reset(token)
        store.close()


def gate_of(connection: Connection, base_url: str, allowance: Allowance, clock: Clock) -> Gate:
    """The gate that a new client goes through: shared within `shared`, else this process's own."""
    clock = _moved.get() or clock
    store = _shared.get()
    if store is None or not isinstance(clock, SystemClock):
        return limits.gate_of(connection.name, base_url, allowance, clock)
    account = str(connection.options.get("shares_limits_with") or f"{connection.name} {base_url}")
    return SharedGate(store, account, allowance)


class SharedGate:
    """One process's share of an account."""

    def __init__(self, store: Store, account: str, allowance: Allowance) -> None:
        self.allowance = allowance
        self._store = store
        self._account = account
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._state = threading.Condition()
        self._wake = threading.Event()
        self._beating = False
        self._slots = self._in_use = self._waiting = self._calls = self._peak = self._granted = 0
        self._calls_until = self._rests_until = self._next_take = self._used_at = self._noted_at = self._peak_at = 0.0
        self._trouble: BaseException | None = None

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the account's calls; wait for a turn as long as it takes."""
        with self._state:
            self._waiting += 1
            self._peak = max(self._peak, self._in_use + self._waiting)
            try:
                while not self._may_go():
                    self._start_beat()
                    self._state.wait()
                self._in_use += 1
                if self.allowance.requests is not None:
                    self._calls -= 1
            finally:
                self._waiting -= 1
        try:
            yield
        finally:
            with self._state:
                self._in_use -= 1
                self._used_at = time.monotonic()
                self._state.notify()

    def hear(self, status: int, retry_after: float | None, quota: Quota | None) -> None:
        """Tell the others what this answer said about the account."""
        seconds = rest_asked_for(status, retry_after, quota)
        now = time.monotonic()
        if seconds > 0:
            with self._state:
                self._rests_until = max(self._rests_until, now + seconds)
            self._store.rest(self._account, seconds)
        elif status == 429:
            self._store.slow_down(self._account, self.allowance.concurrency)
            self._wake.set()
        elif quota is not None and self.allowance.requests is not None and now - self._noted_at > BEAT_SECONDS:
            self._noted_at = now
            self._store.note_left(self._account, self.allowance, quota.remaining)

    def close(self) -> None:
        """Give everything back; the gate can be used again."""
        with self._state:
            self._used_at = 0.0
            is_held = self._beating
        self._wake.set()
        if is_held and not self._in_use:
            self._store.release(self._account, self._holder)

    def _may_go(self) -> bool:
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble
        now = time.monotonic()
        if now < self._rests_until:
            if self._rests_until - now > LONGEST_REST_SECONDS:
                raise Resting(self._rests_until - now)
            return False
        if not self._beating or self._in_use >= self._slots:
            return False
        if self.allowance.requests is None:
            return True
        if self._calls > 0 and now < self._calls_until:
            return True
        if now >= self._calls_until:
            self._calls = 0
        self._wake.set()
        return False

    def _start_beat(self) -> None:
        """With the state held: a thread renews what is held for as long as the gate is used."""
        if not self._beating:
            self._beating = True
            self._used_at = time.monotonic()
            threading.Thread(target=self._beat, name=f"traffic-{self._account}", daemon=True).start()
        self._wake.set()

    def _beat(self) -> None:
        try:
            while self._renew():
                if self._waiting:
                    time.sleep(HURRY_SECONDS)  # however many wait and wake, the database is asked so often and no more
                else:
                    self._wake.wait(BEAT_SECONDS)
                self._wake.clear()
        except StoreClosed:
            self._end(None)
        except BaseException as error:  # noqa: BLE001  told to whoever waits for a turn
            self._end(error)

    def _end(self, trouble: BaseException | None) -> None:
        with self._state:
            self._trouble = trouble
            self._stop_beat()
            self._state.notify_all()

    def _stop_beat(self) -> None:
        self._beating = False
        self._slots = self._calls = 0

    def _renew(self) -> bool:
        """Once around; False when nobody has used the gate for a while and everything was given back."""
        with self._state:
            in_use, waiting = self._in_use, self._waiting
            may_use = max(in_use, self._slots)  # others begin while the database is asked
            wanted = self._peak = max(self._peak, in_use + waiting)
            if time.monotonic() - self._peak_at > BEAT_SECONDS:
                self._peak, self._peak_at = in_use + waiting, time.monotonic()
            if not in_use and not waiting and time.monotonic() - self._used_at > IDLE_SECONDS:
                self._stop_beat()
                idle = True
            else:
                idle = False
        if idle:
            self._store.release(self._account, self._holder)
            return False
        declared = self.allowance.concurrency
        held = self._store.hold(self._account, self._holder, max(1, min(wanted, declared)), may_use, declared)
        taken = self._take() if waiting and held.slots and not held.rest_seconds else None
        now = time.monotonic()
        with self._state:
            if held.slots < self._slots:
                self._wake.set()  # what is let go is the others' only when that is told
            self._slots = held.slots
            if held.rest_seconds:
                self._rests_until = max(self._rests_until, now + held.rest_seconds)
            if taken is not None:
                self._calls, self._calls_until = taken.calls, now + FRESH_SECONDS
                self._next_take = now + taken.wait_seconds
            self._state.notify_all()
        return True

    def _take(self) -> Taken | None:
        requests = self.allowance.requests
        now = time.monotonic()
        if requests is None or now < self._next_take or (self._calls > 0 and now < self._calls_until):
            return None
        # What was used up before it went stale is asked for twice over: a fast caller need not come here for each call.
        was_used_up = self._calls == 0 and now < self._calls_until
        wanted = max(self._waiting, 2 * self._granted if was_used_up else 0)
        taken = self._store.take(self._account, min(max(1, requests // CHUNKS), wanted), self.allowance)
        self._granted = taken.calls
        return taken
