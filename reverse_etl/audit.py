"""The audit: a hash chain over what happened, so that nobody changes the story without being seen.

The promise: every event, every call (asked and answered) and every attempt is chained once its transaction and all before it
have ended, in their order; from then on an edited, deleted, inserted or swapped row breaks the chain at its place. Each link
is SHA-256 over canonical JSON of its position, the hash before it, and the row. Intents are covered by the sealed event of
their planning, which holds their fingerprint; what an intent became is in its events.

What it can't prove: that what was written was true; anything about rows not sealed yet; and, without an anchor kept outside,
that nobody with full rights over the database cut the end off or wrote the whole chain anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row, namedtuple_row, tuple_row

from plumbing import log
from plumbing.canonical import dumps
from plumbing.errors import Misconfigured, Unavailable
from plumbing.warehouse import Warehouse
from reverse_etl import statements
from reverse_etl.report import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plumbing.settings import Settings

_log = log.get(__name__)

START = b"\0" * 32  # what stands before the first link
BATCH = 5000  # rows sealed in one transaction
STREAMED_ROWS = 5000
PAUSE_SECONDS = 0.25  # of a resident sealer between two looks; a row is sealed within a second of its commit
RECONNECT_SECONDS = 2.0
KINDS = {1: "event", 2: "request", 3: "attempt"}
_EVERY_ID = 2**63 - 1
_LAST_XID = str(2**63 - 1)  # above every number a transaction can have
_LINE = re.compile(r"hourline-audit (?P<at>\S+) position (?P<position>\d+) sha256 (?P<hash>[0-9a-f]{64})")


@dataclass(frozen=True)
class Anchor:
    """The head of the chain at a moment, to be kept where nobody who can write the database can write."""

    position: int
    hash: str
    at: datetime

    @property
    def line(self) -> str:
        """One line of plain text."""
        return f"hourline-audit {self.at:%Y-%m-%dT%H:%M:%SZ} position {self.position} sha256 {self.hash}"


@dataclass(frozen=True)
class Finding:
    """The first thing that is wrong: which row, where in the chain, and what about it. ``position`` is None beside the chain."""

    kind: str
    row: str
    position: int | None
    what: str

    def __str__(self) -> str:
        place = f" (position {self.position:,})" if self.position else ""
        return f"{self.kind} {self.row}{place} {self.what}"


@dataclass(frozen=True)
class Verification:
    """What a look through the whole chain found.

    Attributes:
        sealed: links that were followed and hold.
        unsealed: rows after the last seal: nothing proves them yet.
        anchors: how many anchors were compared; ``anchored_to`` is the last position that one of them proves.
        finding: the first row that is wrong; None when nothing is.
    """

    sealed: int
    unsealed: int
    head: str
    anchors: int = 0
    anchored_to: int = 0
    finding: Finding | None = None

    @property
    def is_intact(self) -> bool:
        """Nothing sealed was changed, as far as the chain and the anchors can tell."""
        return self.finding is None

    def text(self) -> str:
        """What was found, and what can't be known, in plain sentences."""
        if self.finding is not None:
            return f"NOT INTACT: {self.finding}. {self.sealed:,} rows before it hold."
        lines = [f"Intact: {self.sealed:,} rows are as they were sealed; head {self.head or 'none'}."]
        if self.unsealed:
            lines.append(
                f"{self.unsealed:,} rows after it are not sealed yet: one edited, deleted or inserted there can't be told."
            )
        if self.anchored_to:
            lines.append(f"{self.anchors:,} anchors agree, the last at position {self.anchored_to:,}.")
        lines.append(
            f"Not proven without an anchor: that nobody with full rights over the database cut off, or wrote anew, what comes after"
            f" position {self.anchored_to:,}. `hourline audit anchor` writes one; keep it outside."
        )
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        told = {**asdict(self), "is_intact": self.is_intact, "text": self.text()}
        return dict(plain(told))


@dataclass
class _Place:
    """The end of the chain, and where unsealed rows begin."""

    position: int
    hash: bytes
    bounds: dict[str, Any]
    horizon: str
    is_restarted: bool = field(default=False)


def seal(settings: Settings) -> int:
    """Seal whatever can be sealed now; how many rows were. Any number of processes may call it: one works at a time."""
    with Warehouse.open(settings).connect("operate") as connection:
        return _seal(connection)


def follow(settings: Settings, stop: threading.Event) -> int:
    """Seal within a second of each commit until ``stop`` is set; how many rows were. A lost database is waited for."""
    sealed = 0
    while not stop.is_set():
        try:
            with Warehouse.open(settings).connect("operate") as connection:
                while not stop.wait(PAUSE_SECONDS):
                    sealed += _seal(connection)
        except (Unavailable, psycopg.OperationalError) as error:
            _log.warning("sealer lost the warehouse", error=type(error).__name__)
            stop.wait(RECONNECT_SECONDS)
    return sealed


def _seal(connection: psycopg.Connection[Any]) -> int:
    sealed = 0
    while True:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(_sql("take_turn"))
            place = _place(connection)
            number = _seal_batch(cursor, place)
            if number < BATCH and place.is_restarted:
                cursor.execute(_sql("restart"))
            sealed += number
        if number < BATCH and not place.is_restarted:
            return sealed


def _seal_batch(cursor: psycopg.Cursor[Any], place: _Place) -> int:
    """Seal the next rows. Where transactions are numbered anew, those of the old numbering come first, in its order."""
    ends = (place.horizon, _LAST_XID) if place.is_restarted else ("0", place.horizon)
    cursor.execute(_sql("unsealed"), {**place.bounds, "from": ends[0], "to": ends[1], "limit": BATCH})
    rows = cursor.fetchall()
    previous = place.hash
    if rows:
        with cursor.copy("copy delivery.seal (position, kind, row_id, hash) from stdin") as copy:
            for position, (kind, row_id, sealed) in enumerate(rows, place.position + 1):
                previous = link(previous, position, kind, sealed)
                copy.write_row((position, kind, row_id, previous))
    return len(rows)


def link(previous: bytes, position: int, kind: int, sealed: str) -> bytes:
    """The hash of one link."""
    told = {"kind": KINDS[kind], "position": position, "previous": previous.hex(), "row": sealed}
    return hashlib.sha256(dumps(told)).digest()


def _place(connection: psycopg.Connection[Any]) -> _Place:
    with connection.cursor(row_factory=dict_row) as cursor:
        head = cursor.execute(_sql("head")).fetchone()
    assert head is not None  # noqa: S101  narrowed for the type checker; the statement gives one row
    has_new = head["xid"] is not None and head["position"] > (head["restart_position"] or 0)
    bounds: dict[str, Any] = {name: head[name] for name in ("event_floor", "request_floor", "attempt_floor")}
    bounds["xid"] = head["xid"] if has_new else "0"
    for kind in KINDS:
        last = head["kind"] if has_new else 0
        bounds[f"after_{kind}"] = -1 if not last or kind > last else _EVERY_ID if kind < last else head["row_id"]
    is_restarted = has_new and int(head["xid"]) >= int(head["horizon"])
    return _Place(head["position"], head["hash"] or START, bounds, head["horizon"], is_restarted)


def head(settings: Settings) -> Anchor:
    """The head of the chain, after sealing what can be sealed.

    Raises:
        Misconfigured: nothing is sealed yet.
    """
    with Warehouse.open(settings).connect("operate") as connection:
        _seal(connection)
        place = _place(connection)
    if not place.position:
        raise Misconfigured("There is nothing to anchor: no row is sealed.", remedy="Plan or push something first.")
    return Anchor(place.position, place.hash.hex(), datetime.now(UTC))


def keep(anchor: Anchor, path: Path) -> None:
    """Append an anchor's line to a file; durable when this returns.

    Raises:
        Misconfigured: the file can't be written.
    """
    try:
        with path.open("a", encoding="utf-8") as handle:
            handle.write(anchor.line + "\n")
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as error:
        raise Misconfigured(
            f"The anchor file {path} cannot be written: {error.strerror}.", remedy="Give a file that you may append to."
        ) from None


def read_anchors(path: Path) -> list[Anchor]:
    """The anchors of a file.

    Raises:
        Misconfigured: the file can't be read, holds none, or a line is no anchor.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"The anchor file {path} cannot be read.", remedy="Give a file of anchor lines.") from None
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        match = _LINE.search(line)
        if match is None:
            raise Misconfigured(f"{path}, line {number}, is no anchor.", remedy="Give a file of anchor lines.")
        at = datetime.fromisoformat(match["at"])
        found.append(Anchor(int(match["position"]), match["hash"], at))
    if not found:
        raise Misconfigured(f"{path} holds no anchor.", remedy="`hourline audit anchor --file` writes one.")
    return found


def verify(settings: Settings, anchors: list[Anchor] | None = None) -> Verification:
    """Follow the whole chain in one snapshot, streamed, and name the first row that is not as it was sealed.

    Args:
        anchors: heads kept outside; each must stand in the chain as it was.
    """
    with Warehouse.open(settings).connect("operate") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        return check(connection, anchors or [])


def check(connection: psycopg.Connection[Any], anchors: list[Anchor]) -> Verification:
    """The same, on a connection of the caller's, in the transaction it is in."""
    kept = {anchor.position: anchor for anchor in anchors}
    position, previous, finding = _follow_chain(connection, kept)
    if finding is None:
        finding = _cut_off(position, kept) or _beside(connection)
    unsealed = 0
    if finding is None:
        with connection.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(_sql("tail"), _place(connection).bounds).fetchone()
            unsealed = int(row[0]) if row else 0
    anchored = max((one for one in kept if one <= position), default=0)
    return Verification(position, unsealed, previous.hex() if position else "", len(anchors), anchored, finding)


def _follow_chain(connection: psycopg.Connection[Any], kept: Mapping[int, Anchor]) -> tuple[int, bytes, Finding | None]:
    position, previous = 0, START
    with connection.cursor(name="audit_chain", row_factory=namedtuple_row) as cursor:
        cursor.itersize = STREAMED_ROWS
        rows: Iterable[Any] = cursor.execute(_sql("chain"), {})
        for row in rows:
            expected = position + 1
            what = None
            if row.position != expected:
                return position, previous, Finding("seal", f"of position {expected:,}", expected,
                    f"was deleted; the next one is {_named(row.kind, row.row_id)} at position {row.position:,}")  # fmt: skip
            if row.sealed is None:
                what = "was deleted"
            elif (made := link(previous, expected, row.kind, row.sealed)) != row.hash:
                what = "is not what was sealed here: it or its seal was edited, swapped or inserted"
            elif expected in kept and kept[expected].hash != made.hex():
                what = (
                    f"is not what the anchor of {kept[expected].at:%Y-%m-%d %H:%M} UTC says: the chain was written anew"
                )
            if what is not None:
                return position, previous, Finding(KINDS[row.kind], _number(row.kind, row.row_id), expected, what)
            position, previous = expected, row.hash
    return position, previous, None


def _cut_off(position: int, kept: Mapping[int, Anchor]) -> Finding | None:
    beyond = min((one for one in kept if one > position), default=None)
    if beyond is None:
        return None
    what = f"is where the chain ends, but an anchor knows position {beyond:,}: its end was cut off, or a backup was restored"
    return Finding("seal", f"of position {position:,}", position, what)


def _beside(connection: psycopg.Connection[Any]) -> Finding | None:
    """Rows that no seal or no event speaks of."""
    bounds = _place(connection).bounds
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        row: Any = cursor.execute(_sql("twice")).fetchone()
        if row is not None:
            return Finding(KINDS[row.kind], _number(row.kind, row.row_id), row.position, "was sealed twice")
        row = cursor.execute(_sql("strangers"), bounds).fetchone()
        if row is not None:
            what = "was inserted among sealed rows: it has no seal"
            return Finding(KINDS[row.kind], _number(row.kind, row.row_id), None, what)
        row = cursor.execute(_sql("intents"), {}).fetchone()
        if row is not None:
            return Finding("intent", str(row.intent_id), None, row.what)
    return None


def _named(kind: int, row_id: int) -> str:
    return f"{KINDS[kind]} {_number(kind, row_id)}"


def _number(kind: int, row_id: int) -> str:
    """The row's own number; of a call also whether it is what was asked or what was answered."""
    return f"{row_id // 2} ({'answered' if row_id % 2 else 'asked'})" if kind == 2 else str(row_id)


def _sql(name: str) -> str:
    return statements.named("audit")[name]
