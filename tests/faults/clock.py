"""One clock for the database and the engine, moved by hand: waits, leases and quiet periods cost no time.

The instant stands in a sequence of the harness's own database (``hourline.test_clock``, microseconds), which every session
and process sees at once and no transaction holds back; there ``hourline.now()`` reads it. Nobody but tests has such a
database: the function that migrations make stays as it is everywhere else.
"""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2026, 11, 16, 6, tzinfo=UTC)
SECOND = 1_000_000

INSTALL = f"""
create sequence if not exists hourline.test_clock start {int(START.timestamp()) * SECOND};
grant usage, select, update on sequence hourline.test_clock to public;
create or replace function hourline.now() returns timestamptz language sql stable parallel safe
    as 'select to_timestamp(last_value / 1000000.0) from hourline.test_clock';
"""


def install(connection: psycopg.Connection[Any]) -> None:
    """Give a test's database the clock."""
    connection.execute(INSTALL)


class LedgerClock:
    """A `plumbing.clock.Clock` on the database's hand-moved instant; who sleeps moves it.

    Threads that sleep at once from the same reading wake at the same instant, and none moves it twice. ``is_shared``: other
    processes move it as well, so that it is read anew each time; else this one alone does.
    """

    def __init__(self, connection: psycopg.Connection[Any], *, is_shared: bool = False) -> None:
        self._connection = connection
        self._is_shared = is_shared
        self._lock = threading.Lock()
        self._read = threading.local()
        self._micros = self._there()
        self.slept = 0.0

    def now(self) -> datetime:
        """The instant."""
        return EPOCH + timedelta(microseconds=self._micros)

    def monotonic(self) -> float:
        """The same in seconds."""
        if self._is_shared:
            self._micros = max(self._micros, self._there())
        self._read.micros = self._micros
        return self._micros / SECOND

    def sleep(self, seconds: float) -> None:
        """Move on, counted from this thread's last reading."""
        since = getattr(self._read, "micros", self._micros)
        self._move_to(since + round(seconds * SECOND))

    def advance(self, seconds: float) -> None:
        """Move on from now."""
        self._move_to(self._micros + round(seconds * SECOND))

    def _move_to(self, micros: int) -> None:
        with self._lock:
            if micros <= self._micros:
                return
            self.slept += (micros - self._micros) / SECOND
            self._connection.execute("select setval('hourline.test_clock', %s)", (micros,))
            self._micros = micros

    def _there(self) -> int:
        row = self._connection.execute("select last_value from hourline.test_clock").fetchone()
        assert row is not None
        return int(row[0])
