"""Recovery: what delivery does after the ledger was restored from a backup, and forgot what it sent since.

The promise: from `recover` on nothing is created at a destination before a look has shown that it isn't there, whatever makes
it due; what is found as meant is settled unsent, what is found otherwise is a conflict for a person, and where there is no
look-up every create is for a person. It ends for a destination when the read-back covers the lost time: all of its resources
were read again since, and every record there under a key of ours is known to the ledger. Request keys given out in the lost
time are skipped. An amendment of the lost time is not looked for: until the hour is planned otherwise, the statement names it as
a difference at the destination.
"""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from plumbing.errors import Misconfigured
from reverse_etl import destinations, statements
from reverse_etl.report import plain
from reverse_etl.syncs import SYNCS, Sync

if TYPE_CHECKING:
    from datetime import datetime

    from plumbing.settings import Settings

REVISIONS_SKIPPED = 1000  # more than a chain is given in any time between backups
LISTED = 5
NOT_BUILT = "its models, which `hourline build` makes"


@dataclass(frozen=True)
class Guard:
    """One destination whose creates are looked up first.

    Attributes:
        unread: resources of the destination that weren't read again since.
        unknown: records there under keys of ours that the ledger doesn't know, as far as they were read.
        is_readable: it has a read-back; without one a person ends the guard.
    """

    destination: str
    epoch: int
    opened_at: datetime
    why: str
    unread: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    is_readable: bool = True
    is_covered: bool = False

    def text(self) -> str:
        """One line."""
        begin = (
            f"{self.destination}: creates are looked up first since {self.opened_at:%Y-%m-%d %H:%M} UTC ({self.why})"
        )
        if self.is_covered:
            return f"{self.destination}: covered; creates are sent as usual again"
        if not self.is_readable:
            return (
                f"{begin}; it can't be read back: end it with --close {self.destination} once somebody has looked there"
            )
        if self.unread:
            return f"{begin}; to be read again: {', '.join(self.unread)}"
        shown = ", ".join(self.unknown[:LISTED]) + (", …" if len(self.unknown) > LISTED else "")
        return f"{begin}; {len(self.unknown):,} there under our keys that the ledger doesn't know: {shown}"


@dataclass(frozen=True)
class RecoveryReport:
    """``epoch``: the one just opened, None when nothing was opened. ``doubted``: creates that wait for their look."""

    epoch: int | None
    guards: tuple[Guard, ...]
    doubted: int = 0

    def text(self) -> str:
        """What was opened, then a line a destination."""
        lines = []
        if self.epoch is not None:
            lines.append(
                f"Epoch {self.epoch} is open: {self.doubted:,} planned creates will be looked up, and so will all that follow."
            )
        lines += [guard.text() for guard in self.guards]
        return "\n".join(lines) or "No recovery is under way: creates are sent as usual."

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(plain(asdict(self)))


def recover(settings: Settings, *, actor: str, why: str) -> RecoveryReport:
    """Open an epoch after a restore: from now on creates are looked up first at every destination.

    Stop every worker before the restore and run this before the first one starts again. Run twice it opens two epochs, and
    creates are looked up once for each.

    Raises:
        Misconfigured: no reason was given.
    """
    if not why.strip():
        raise Misconfigured("A recovery needs a reason.", remedy="Say which backup was restored; it is kept.")
    engine = destinations.engine(settings, "operate")
    configured = sorted({name for sync in SYNCS.values() for name in destinations.of_sync(settings, sync)})
    try:
        with engine.begin() as connection:
            _run(connection, "lock")
            epoch = int(_run(connection, "open_epoch", actor=actor, why=why).scalar_one())
            guarded = sorted(_run(connection, "guard", epoch=epoch, destinations=configured).scalars())
            _run(connection, "skip_revisions", gap=REVISIONS_SKIPPED)
            doubted = _run(connection, "doubt_planned").rowcount
            _tell(connection, actor, "recovering", epoch, {"why": why, "destinations": guarded, "doubted": doubted})
            guards = tuple(_guards(connection, settings))
    finally:
        engine.dispose()
    return RecoveryReport(epoch, guards, doubted)


def cover(settings: Settings, *, actor: str = "recovery") -> RecoveryReport:
    """End the guard of each destination whose read-back covers the lost time; how it stands with each."""
    engine = destinations.engine(settings, "operate")
    try:
        with engine.begin() as connection:
            guards = []
            for guard in _guards(connection, settings):
                is_covered = guard.is_readable and not guard.unread and not guard.unknown
                if is_covered:
                    _end(connection, guard.destination, actor, "the read-back covers the lost time")
                guards.append(Guard(**{**asdict(guard), "is_covered": is_covered}))
        return RecoveryReport(None, tuple(guards))
    finally:
        engine.dispose()


def close(settings: Settings, destination: str, *, actor: str, why: str) -> RecoveryReport:
    """End a destination's guard by a person's word.

    Raises:
        Misconfigured: no reason, or nothing is guarded there.
    """
    if not why.strip():
        raise Misconfigured("Ending a recovery needs a reason.", remedy="Say what was looked at there; it is kept.")
    engine = destinations.engine(settings, "operate")
    try:
        with engine.begin() as connection:
            if not _end(connection, destination, actor, why):
                raise Misconfigured(
                    f"No recovery is under way at {destination}.", remedy="`hourline recover` shows where one is."
                )
            return RecoveryReport(None, tuple(_guards(connection, settings)))
    finally:
        engine.dispose()


def _end(connection: sa.Connection, destination: str, actor: str, why: str) -> bool:
    epochs: list[int] = list(_run(connection, "cover", destination=destination, actor=actor, why=why).scalars())
    for epoch in epochs:
        _tell(connection, actor, "recovered", epoch, {"destination": destination, "why": why})
    return bool(epochs)


def _guards(connection: sa.Connection, settings: Settings) -> list[Guard]:
    guards = []
    for row in _run(connection, "open_guards"):
        readbacks = _readbacks(settings, row.destination)
        unread: tuple[str, ...] = ()
        unknown: tuple[str, ...] = ()
        if readbacks:
            unread = tuple(
                _run(connection, "unread", destination=row.destination, since=row.opened_real_at).scalars().all()
            )
            if not unread:
                found = _unknown(connection, row.destination, readbacks)
                unread, unknown = ((NOT_BUILT,), ()) if found is None else ((), tuple(found))
        guards.append(
            Guard(row.destination, row.epoch, row.opened_at, row.why, unread, unknown, is_readable=bool(readbacks))
        )
    return guards


def _readbacks(settings: Settings, destination: str) -> list[tuple[Sync, str]]:
    """The read-backs of a destination: ``readback.sql`` beside its writers."""
    found = []
    for sync in SYNCS.values():
        if destination in destinations.of_sync(settings, sync):
            folder = resources.files(
                importlib.import_module(f"reverse_etl.{sync.kind}.{settings.connections[destination].system}")
            )
            if (file := folder / "readback.sql").is_file():
                found.append((sync, file.read_text(encoding="utf-8")))
    return found


def _unknown(connection: sa.Connection, destination: str, readbacks: list[tuple[Sync, str]]) -> list[str] | None:
    """What is there under our keys and not known; None where the models that read it back aren't built."""
    names: list[str] = []
    for sync, readback in readbacks:
        sql = statements.named("recovery")["unknown_there"].replace("{readback}", readback)
        try:
            with connection.begin_nested():
                rows = connection.execute(sa.text(sql), {"sync": sync.name, "destination": destination}).all()
        except sa.exc.ProgrammingError as error:
            if getattr(error.orig, "sqlstate", "") in {"42P01", "3F000"}:  # no such table, no such schema
                return None
            raise
        names += [f"{row.vendor_id} ({row.record_key})" for row in rows]
    return names


def _run(connection: sa.Connection, name: str, **bound: Any) -> sa.CursorResult[Any]:
    return connection.execute(sa.text(statements.named("recovery")[name]), bound)


def _tell(connection: sa.Connection, actor: str, verb: str, epoch: int, detail: dict[str, Any]) -> None:
    from plumbing.canonical import dumps

    _run(connection, "told", actor=actor, verb=verb, epoch=epoch, detail=dumps(detail).decode())
