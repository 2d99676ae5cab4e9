"""The one landing path: source -> shaped rows -> Arrow -> stage -> change log, and the book that is kept of it.

Promise: a cursor moves only in the transaction that lands its rows, so a crash anywhere reads again rather than loses; what
is read again and did not change adds nothing. A resource that fails lands nothing of that read and the others go on. What a
list lacks is suspect; it becomes a tombstone only when the system, asked by id, says that there is none; and when more than
a few per cent are missing, the source is stopped and nothing is deleted.
"""

from __future__ import annotations

import contextlib
import itertools
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg

from ingest import sources
from ingest.errors import ImplausibleRead, ShapeChanged
from ingest.reading import Reading
from ingest.report import LoadReport, ResourceReport
from ingest.shaping import Keys, Shaper
from ingest.sources import Absence, Page, Total
from ingest.stage import Stage
from ingest.store import Appended, SchemaChange, Store
from ingest.vault import Vault
from plumbing import disk, log, vendors
from plumbing.errors import HourlineError, Misconfigured, Terminal, Unauthorized, Unavailable
from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from ingest.declaration import Resource
    from ingest.store import Scope
    from plumbing.settings import Settings

MISSING_SHARE_LIMIT = Decimal("0.03")
MISSING_ALWAYS_ASKED = 10  # so few are asked for by id whatever their share is
ROUNDS = 3  # of asking the source's own count: as read, after catching up, after listing what differs

Progress = Callable[[str, int], None]
_log = log.get(__name__)


@dataclass(slots=True)
class _Load:
    """What one load did."""

    load_id: str
    reading: Reading
    appended: Appended = field(default_factory=lambda: Appended(0, 0, 0, 0))
    missing: list[str] = field(default_factory=list)


def land(
    settings: Settings,
    connection: str,
    *,
    resources: Sequence[str] | None = None,
    full: bool = False,
    progress: Progress | None = None,
    missing_share_limit: Decimal = MISSING_SHARE_LIMIT,
) -> LoadReport:
    """Land what changed in one connected system since the last time.

    Args:
        resources: read these only.
        full: read everything and look for what is missing, whatever the cursors and counts say.
        progress: called with a resource's name and the records read of it so far.
        missing_share_limit: share of a list that may be missing before its source is stopped.

    Raises:
        Misconfigured: there is no such connection or resource, or its secrets or options will not do.
        LandingBusy: another process is landing this connection.
        Unavailable: the warehouse does not answer.
    """
    configured = settings.connection(connection)
    system = sources.load(configured.system)
    wanted = _wanted(system, resources)
    warehouse = Warehouse.open(settings)
    with warehouse.connect("load", autocommit=True) as session:
        store = Store(session, connection)
        staging = contextlib.closing(Stage(connection, warehouse.url("load"), settings.home))
        with store.alone(), vendors.client(configured) as client, staging as stage:
            store.declare(system.name, system.resources)
            keys = Keys.derive(settings.master_key.get_secret_value())
            landing = _Landing(
                store,
                Vault(session, keys),
                stage,
                keys,
                system,
                system.open(configured, client),
                missing_share_limit,
                progress,
            )
            return landing.run(wanted, full=full)


def _wanted(system: sources.System, names: Sequence[str] | None) -> Sequence[Resource]:
    known = [resource.name for resource in system.resources]
    if unknown := sorted(set(names or ()) - set(known)):
        raise Misconfigured(
            f"{system.name} has no resource {unknown[0]!r}.", remedy=f"It has {', '.join(known)}.", system=system.name
        )
    return [resource for resource in system.resources if names is None or resource.name in names]


class _Landing:
    """One landing of one connection."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        stage: Stage,
        keys: Keys,
        system: sources.System,
        source: sources.Source,
        missing_share_limit: Decimal,
        progress: Progress | None,
    ) -> None:
        self._store = store
        self._vault = vault
        self._stage = stage
        self._keys = keys
        self._system = system
        self._source = source
        self._limit = missing_share_limit
        self._progress = progress

    def run(self, resources: Iterable[Resource], *, full: bool) -> LoadReport:
        """Land resource by resource; what concerns them all ends the landing."""
        report = LoadReport(self._store.name)
        ended: HourlineError | None = None
        for resource in resources:
            one = ResourceReport(resource.name)
            report.resources.append(one)
            if ended is not None:
                one.status, one.sentence = "not read", f"{resource.name} was not read: {ended}"
                continue
            try:
                self._land(resource, one, full=full)
            except HourlineError as error:
                one.status = "stopped" if isinstance(error, ImplausibleRead) else "failed"
                one.sentence = f"{resource.name}: {error}"
                _log.info(  # the report says it to whoever landed
                    "resource not landed", connection=report.connection, resource=resource.name, reason=str(error)
                )
                if _concerns_all(error):
                    ended = error
        return report

    def _land(self, resource: Resource, report: ResourceReport, *, full: bool) -> None:
        cursor = None if full else self._store.cursor(resource.name)
        self._catch_up(resource, report, cursor, is_listing=full or resource.is_complete)
        self._follow_hints(resource, report)
        self._settle(resource, report)

    def _catch_up(self, resource: Resource, report: ResourceReport, cursor: str | None, *, is_listing: bool) -> None:
        pages = self._source.read(resource, cursor, self._store)
        scope: Scope = "listing" if is_listing or cursor is None else "changes"
        load = self._load(resource, report, pages, cursor, scope, is_listing=is_listing)
        self._confirm(resource, report, load.missing)

    def _list_again(self, resource: Resource, report: ResourceReport, period: date | None) -> None:
        pages = self._source.read_window(resource, period)
        scope: Scope = "window" if period else "listing"
        load = self._load(resource, report, pages, None, scope, is_listing=True, period=period)
        self._confirm(resource, report, load.missing)

    def _follow_hints(self, resource: Resource, report: ResourceReport) -> None:
        feed = f"{resource.name} deletions"
        hints = self._source.hints(resource, self._store.cursor(feed))
        if hints is None:
            return
        self._confirm(resource, report, self._store.live_among(resource.name, hints.source_ids))
        if hints.cursor is not None:
            self._store.set_cursor(feed, hints.cursor, report.load_ids[-1])

    def _settle(self, resource: Resource, report: ResourceReport) -> None:
        """Hold what landed against the source's own count; catch up, then list what differs, before it is told."""
        for attempt in range(ROUNDS):
            landed = self._store.landed_counts(resource.name)
            asked_at = self._store.now()
            totals = self._source.totals(resource, sorted(period for period in landed if period is not None))
            if not totals:
                return
            unlisted = self._store.unlisted(resource.name) if resource.is_master else 0
            if unlisted:  # it can't count what it doesn't list
                landed[None] = landed.get(None, 0) - unlisted
            differing = _differing(totals, landed)
            if not differing or attempt == ROUNDS - 1:
                self._store.note_totals(resource.name, report.load_ids[-1], totals, asked_at)
                report.differences = [_difference(resource, total, landed) for total in differing]
                if unlisted:
                    report.differences.append(
                        f"{unlisted:,} {resource.name} are no longer listed there, deleted or archived: the source does not say which"
                    )
                return
            if attempt == 0:
                # It may just have changed since it was read.
                is_listing = resource.is_complete
                self._catch_up(resource, report, self._store.cursor(resource.name), is_listing=is_listing)
            else:
                for total in differing:
                    self._list_again(resource, report, total.period)

    def _confirm(self, resource: Resource, report: ResourceReport, suspects: Sequence[str]) -> None:
        """Ask for each suspect by its id: the record is the truth."""
        if not suspects:
            return
        self._store.suspect(resource.name, report.load_ids[-1], suspects)
        gone: list[str] = []

        def found() -> Iterator[Page]:
            for source_id in suspects:
                record = self._source.find(resource, source_id)
                if record is Absence.GONE:
                    gone.append(source_id)
                elif not isinstance(record, Absence):
                    yield Page([record])

        self._load(resource, report, found(), None, "named", is_listing=False, gone=gone)

    def _load(
        self,
        resource: Resource,
        report: ResourceReport,
        pages: Iterable[Page],
        cursor: str | None,
        scope: Scope,
        *,
        is_listing: bool,
        period: date | None = None,
        gone: Sequence[str] = (),
    ) -> _Load:
        """Read pages, stage them and land them, or nothing of them. ``gone`` is looked at when all is read."""
        load_id = f"{self._store.now():%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:12]}"
        shaper = Shaper(resource, self._store.name, self._keys)
        progress = self._progress
        tell = None if progress is None else lambda rows: progress(resource.name, rows)
        reading = Reading(shaper, load_id, self._store.now, self._vault, is_listing=is_listing, progress=tell)
        load = _Load(load_id, reading)
        report.load_ids.append(load_id)
        self._store.begin(load_id, resource.name, cursor, scope)
        try:
            is_staged = self._fill_stage(resource, reading, pages)
            self._check_columns(resource, reading)
            with self._told(resource):
                self._commit(resource, load, is_staged=is_staged, is_listing=is_listing, period=period, gone=gone)
        except BaseException as error:
            self._note_failure(resource, load, error)
            raise
        report.rows_read += reading.rows_read
        report.rows_landed += load.appended.landed
        report.rows_quarantined += len(reading.misfits)
        report.rows_tombstoned += load.appended.tombstoned
        if reading.minutes is not None:
            report.minutes_read = (report.minutes_read or Decimal(0)) + reading.minutes
        return load

    def _fill_stage(self, resource: Resource, reading: Reading, pages: Iterable[Page]) -> bool:
        tables = reading.tables(pages)
        first = next(tables, None)
        if first is None:
            return False
        source = self._system.dlt_source(lambda _resource: itertools.chain([first], tables))
        with self._told(resource):
            self._stage.load(source, resource)
        return True

    def _check_columns(self, resource: Resource, reading: Reading) -> None:
        for name in reading.absent_fields:
            if self._store.had_field(resource.name, name):
                raise reading.gone(name)

    def _commit(
        self,
        resource: Resource,
        load: _Load,
        *,
        is_staged: bool,
        is_listing: bool,
        period: date | None,
        gone: Sequence[str],
    ) -> None:
        name, store, reading = resource.name, self._store, load.reading
        with store.session.transaction():
            if is_listing:
                load.missing = self._missing(resource, load, period, is_staged=is_staged)
            is_staged = bool(gone and store.stage_tombstones(name, load.load_id, gone, store.now())) or is_staged
            if is_staged:
                load.appended = store.append(name, load.load_id)
            store.quarantine(name, load.load_id, reading.misfits.values())
            store.note_schema_changes(name, load.load_id, reading.schema_changes)
            store.finish(
                load.load_id,
                name,
                rows_read=reading.rows_read,
                appended=load.appended,
                quarantined=len(reading.misfits),
                minutes=reading.minutes,
                cursor=reading.cursor,
            )

    def _missing(self, resource: Resource, load: _Load, period: date | None, *, is_staged: bool) -> list[str]:
        listed = {misfit.source_id for misfit in load.reading.misfits.values()}
        lacking = self._store.missing(resource.name, load.load_id, period, is_staged=is_staged)
        missing = [source_id for source_id in lacking if source_id not in listed]
        if len(missing) <= MISSING_ALWAYS_ASKED:
            return missing
        live = self._store.live_count(resource.name, period)
        if len(missing) <= self._limit * live:
            return missing
        where = f" of {period:%Y-%m}" if period else ""
        raise ImplausibleRead(
            f"Connection {self._store.name} listed {load.reading.rows_read:,} {resource.name}{where} and lacks {len(missing):,} "
            f"of the {live:,} that landed before, more than {self._limit:.0%}: the source is stopped, and nothing was deleted.",
            connection=self._store.name,
            remedy="Check that the connection's user still sees everything; if the records are really gone, run once "
            f"`hourline land {self._store.name} --full --missing-limit 100`.",
        )

    def _note_failure(self, resource: Resource, load: _Load, error: BaseException) -> None:
        if self._store.session.closed:
            return
        status = "stopped" if isinstance(error, ImplausibleRead) else "failed"
        self._store.fail(load.load_id, status, str(error), load.reading.rows_read)
        if isinstance(error, ShapeChanged) and error.detail and error.code:
            change = SchemaChange(error.detail, error.code, "")
            self._store.note_schema_changes(resource.name, load.load_id, [change])

    def _told(self, resource: Resource) -> _Told:
        return _Told(self._store.name, resource.name, self._stage.home)


class _Told:
    """Says in one sentence when the warehouse or the loader did not take a load."""

    def __init__(self, connection: str, resource: str, home: Path) -> None:
        self._connection = connection
        self._resource = resource
        self._home = home

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        from dlt.common.exceptions import DltException

        if (full := disk.trouble(error, self._home)) is not None:
            raise full from error
        if not isinstance(error, psycopg.Error | DltException):
            return
        inner: BaseException = error
        while inner.__cause__ is not None:  # dlt wraps what the driver said several times over
            inner = inner.__cause__
        words = str(inner).strip().splitlines()
        kind = Unavailable if isinstance(error, psycopg.OperationalError) else Terminal
        raise kind(
            f"The warehouse did not take {self._resource} of connection {self._connection} "
            f"({words[0] if words else type(inner).__name__}); nothing of it landed.",
            connection=self._connection,
            remedy="Check that the warehouse runs and has room, then run again.",
        ) from error


def _concerns_all(error: HourlineError) -> bool:
    """Whether every other resource of the source would fail alike, or must not be believed either."""
    is_unreachable = isinstance(error, Unavailable) and error.status is None
    return is_unreachable or isinstance(error, ImplausibleRead | Unauthorized | Misconfigured)


def _differing(totals: Sequence[Total], landed: dict[date | None, int]) -> list[Total]:
    undated = landed.get(None, 0)
    if len(totals) > 1 and undated and sum(t.count for t in totals) == sum(landed.values()):
        return []  # quarantined records without a date belong to some month
    if len(totals) == 1 and totals[0].period is None:
        return [] if totals[0].count == sum(landed.values()) else [totals[0]]
    return [total for total in totals if total.count != (landed.get(total.period, 0) if total.period else 0)]


def _difference(resource: Resource, total: Total, landed: dict[date | None, int]) -> str:
    month = f" of {total.period:%Y-%m}" if total.period else ""
    here = landed.get(total.period, 0) if total.period else sum(landed.values())
    return f"the source counts {total.count:,} {resource.name}{month} and {here:,} are here"
