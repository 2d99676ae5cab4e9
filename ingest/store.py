"""Everything landing asks of the warehouse and writes into it, but for the stage (`ingest.stage`) and the vault."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import psycopg
from psycopg import sql

from ingest.errors import LandingBusy

if TYPE_CHECKING:
    from ingest.declaration import Resource
    from ingest.shaping import Misfit
    from ingest.sources import Total

Scope = Literal["listing", "changes", "window", "named"]  # all there is, what changed, a month, records asked for by id
_WAIT_FOR_OTHERS = "30s"
_ENDED_EARLY = "The process that read it ended before the load did; nothing of it landed."


class Appended(NamedTuple):
    """What `landing.append` did: rows staged, appended, of these stale, of these tombstones."""

    staged: int
    landed: int
    stale: int
    tombstoned: int


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """A field that was added, is gone, or has another type."""

    field: str
    change: str
    seen_type: str


class Store:
    """One connection's landing tables, through one database session of the role load in autocommit."""

    def __init__(self, session: psycopg.Connection[Any], name: str) -> None:
        self.session = session
        self.name = name
        self.run_id = uuid.uuid4().hex  # what is read by one call of `land` belongs together

    def declare(self, system: str, resources: Sequence[Resource]) -> None:
        """Make the raw tables of a connection and tell the landing statement what they are; again is harmless."""
        with self.session.transaction():
            for resource in resources:
                self.session.execute("select landing.ensure_raw(%s, %s)", (self.name, resource.name))
                self.session.execute(
                    "insert into landing.resource (connection, resource, system, is_master, work_date, neighbourhoods)"
                    " values (%s, %s, %s, %s, %s, %s) on conflict (connection, resource) do update"
                    " set system = excluded.system, is_master = excluded.is_master, work_date = excluded.work_date,"
                    " neighbourhoods = excluded.neighbourhoods",
                    (
                        self.name,
                        resource.name,
                        system,
                        resource.is_master,
                        resource.work_date,
                        json.dumps([asdict(rule) for rule in resource.neighbourhoods]),
                    ),
                )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Only one landing of a connection at a time, in any process; waits a little for another to end.

        Raises:
            LandingBusy: another one is still under way.
        """
        key = f"landing of {self.name}"
        try:
            self.session.execute(sql.SQL("set lock_timeout = {}").format(_WAIT_FOR_OTHERS))
            self.session.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (key,))
        except psycopg.errors.LockNotAvailable:
            raise LandingBusy(
                f"Connection {self.name} is being landed by another process; nothing was read.",
                connection=self.name,
                remedy="Wait for it to end, then run again.",
            ) from None
        finally:
            self.session.execute("reset lock_timeout")
        try:
            self.session.execute(
                "update landing.load set status = 'failed', finished_at = clock_timestamp(), error = %s"
                " where connection = %s and status = 'running'",
                (_ENDED_EARLY, self.name),
            )
            yield
        finally:
            if not self.session.closed:
                self.session.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (key,))

    def now(self) -> datetime:
        """The warehouse's clock: the one clock by which reads of every machine are put in order."""
        found: datetime = self._one("select clock_timestamp()")[0]
        return found

    def cursor(self, resource: str) -> str | None:
        """Where the last landed read ended."""
        found = self.session.execute(
            "select cursor_value from landing.cursor where connection = %s and resource = %s", (self.name, resource)
        ).fetchone()
        return found[0] if found else None

    def begin(self, load_id: str, resource: str, cursor: str | None, scope: Scope) -> None:
        """Note that a load has begun."""
        self.session.execute(
            "insert into landing.load (load_id, run_id, connection, resource, scope, status, read_started_at, cursor_from)"
            " values (%s, %s, %s, %s, %s, 'running', clock_timestamp(), %s)",
            (load_id, self.run_id, self.name, resource, scope, cursor),
        )

    def fail(self, load_id: str, status: str, error: str, rows_read: int) -> None:
        """Note how a load ended that landed nothing."""
        self.session.execute(
            "update landing.load set status = %s, error = %s, rows_read = %s, finished_at = clock_timestamp()"
            " where load_id = %s",
            (status, error, rows_read, load_id),
        )

    def append(self, resource: str, load_id: str) -> Appended:
        """Run the landing statement over the stage."""
        return Appended(*self._one("select * from landing.append(%s, %s, %s)", (self.name, resource, load_id)))

    def finish(
        self,
        load_id: str,
        resource: str,
        *,
        rows_read: int,
        appended: Appended,
        quarantined: int,
        minutes: Decimal | None,
        cursor: str | None,
    ) -> None:
        """Note what landed, and move the cursor with it; call it in the transaction that appended."""
        self.session.execute(
            "update landing.load set status = 'landed', finished_at = clock_timestamp(), rows_read = %s, rows_landed = %s,"
            " rows_quarantined = %s, rows_tombstoned = %s, minutes_read = %s, cursor_to = %s where load_id = %s",
            (rows_read, appended.landed, quarantined, appended.tombstoned, minutes, cursor, load_id),
        )
        if cursor is not None:
            self.set_cursor(resource, cursor, load_id)

    def set_cursor(self, resource: str, cursor: str, load_id: str) -> None:
        """Move a cursor."""
        self.session.execute(
            "insert into landing.cursor (connection, resource, cursor_value, load_id) values (%s, %s, %s, %s)"
            " on conflict (connection, resource) do update set cursor_value = excluded.cursor_value,"
            " load_id = excluded.load_id, updated_at = clock_timestamp()",
            (self.name, resource, cursor, load_id),
        )

    def quarantine(self, resource: str, load_id: str, misfits: Iterable[Misfit]) -> None:
        """Keep what did not fit, once per record while it is unresolved."""
        with self.session.cursor() as cursor:
            cursor.executemany(
                "insert into landing.quarantine"
                " (connection, resource, source_id, load_id, reason, field, record, work_date, minutes)"
                " values (%s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s)"
                " on conflict (connection, resource, source_id) where resolved_at is null do update"
                " set load_id = excluded.load_id, reason = excluded.reason, field = excluded.field,"
                " record = excluded.record, work_date = excluded.work_date, minutes = excluded.minutes",
                [
                    (self.name, resource, m.source_id, load_id, m.reason, m.field, m.record, m.work_date, m.minutes)
                    for m in misfits
                ],
            )

    def note_schema_changes(self, resource: str, load_id: str, changes: Iterable[SchemaChange]) -> None:
        """Report each change of a source's shape once."""
        for change in changes:
            self.session.execute(
                "insert into landing.schema_change (connection, resource, field, change, seen_type, load_id)"
                " values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
                (self.name, resource, change.field, change.change, change.seen_type, load_id),
            )

    def note_totals(self, resource: str, load_id: str, totals: Iterable[Total], asked_at: datetime) -> None:
        """Keep the source's own counts."""
        for total in totals:
            self.session.execute(
                "insert into landing.control_total"
                " (connection, resource, period, source_count, source_minutes, asked_at, load_id)"
                " values (%s, %s, %s, %s, %s, %s, %s)",
                (self.name, resource, total.period, total.count, total.minutes, asked_at, load_id),
            )

    def landed_counts(self, resource: str) -> dict[date | None, int]:
        """Live records by month of their work date (None: without one), those counted that are in quarantine alone."""
        rows = self.session.execute(
            "with live as (select source_id, work_date from landing.live(%(connection)s, %(resource)s)),"
            " waiting as (select q.source_id, q.work_date from landing.quarantine q"
            "   where q.connection = %(connection)s and q.resource = %(resource)s and q.resolved_at is null"
            "   and not exists (select from live where live.source_id = q.source_id))"
            " select date_trunc('month', work_date)::date, count(*) from (table live union all table waiting) as everything"
            " group by 1",
            {"connection": self.name, "resource": resource},
        ).fetchall()
        return dict(rows)

    def unlisted(self, resource: str) -> int:
        """Live records that the source's list lacks and of which, asked by id, it does not say that they are gone."""
        found: int = self._one(
            "select count(*) from landing.live(%(connection)s, %(resource)s) as live join landing.suspect as s"
            " on s.connection = %(connection)s and s.resource = %(resource)s and s.source_id = live.source_id"
            " where s.resolved_at is null",
            {"connection": self.name, "resource": resource},
        )[0]
        return found

    def live_count(self, resource: str, period: date | None) -> int:
        """Live records of a work-date month, or of the whole resource."""
        found: int = self._one(
            "select count(*) from landing.live(%s, %s) where %s::date is null or date_trunc('month', work_date)::date = %s",
            (self.name, resource, period, period),
        )[0]
        return found

    def missing(self, resource: str, load_id: str, period: date | None, *, is_staged: bool) -> list[str]:
        """Ids that are live here and were not in the listing that this load staged; quarantined ones were listed too."""
        stage = sql.Identifier(f"stage_{self.name}", resource)
        listed = (
            sql.SQL(
                "and not exists (select from {} s where s.source_id = live.source_id and s.load_id = %(load)s)"
            ).format(stage)
            if is_staged
            else sql.SQL("")
        )
        query = sql.SQL(
            "select live.source_id from landing.live(%(connection)s, %(resource)s) as live"
            " where (%(period)s::date is null or date_trunc('month', live.work_date)::date = %(period)s) {}"
            " and not exists (select from landing.quarantine q where q.connection = %(connection)s"
            "   and q.resource = %(resource)s and q.source_id = live.source_id and q.load_id = %(load)s)"
            " order by live.source_id"
        ).format(listed)
        values = {"connection": self.name, "resource": resource, "load": load_id, "period": period}
        return [row[0] for row in self.session.execute(query, values)]

    def live_among(self, resource: str, source_ids: Sequence[str]) -> list[str]:
        """Those of these ids that are live here."""
        query = sql.SQL(
            "select latest.source_id from unnest(%s::text[]) as wanted (source_id) cross join lateral"
            " (select r.source_id, r.is_deleted from {} r where r.source_id = wanted.source_id"
            " order by r.source_version desc, r.read_started_at desc, r.version desc limit 1) as latest"
            " where not latest.is_deleted order by 1"
        ).format(self._raw(resource))
        return [row[0] for row in self.session.execute(query, (sorted(set(source_ids)),))]

    def had_field(self, resource: str, name: str) -> bool:
        """Whether any of the newest versions has this field."""
        query = sql.SQL(
            "select exists (select from (select record from {} order by version desc limit 1000) as newest"
            " where newest.record ? %s)"
        ).format(self._raw(resource))
        return bool(self.session.execute(query, (name,)).fetchone()[0])  # type: ignore[index]

    def suspect(self, resource: str, load_id: str, source_ids: Sequence[str]) -> None:
        """Note ids that a full listing lacked."""
        self.session.execute(
            "insert into landing.suspect (connection, resource, source_id, first_missed_at, load_id)"
            " select %s, %s, unnest(%s::text[]), clock_timestamp(), %s on conflict do nothing",
            (self.name, resource, list(source_ids), load_id),
        )

    def stage_tombstones(self, resource: str, load_id: str, source_ids: Sequence[str], read_at: datetime) -> int:
        """Stage the deletion of these ids beside what is staged; how many of them are live here."""
        found: int = self._one(
            "select landing.stage_tombstones(%s, %s, %s, %s, %s)",
            (self.name, resource, load_id, list(source_ids), read_at),
        )[0]
        return found

    def has_stage(self, resource: str) -> bool:
        """Whether anything of the resource was ever staged."""
        return bool(self._one("select to_regclass(%s) is not null", (f'stage_{self.name}."{resource}"',))[0])

    def newest_version(self, resource: str) -> int:
        """See `ingest.sources.Landed`."""
        query = sql.SQL("select coalesce(max(version), 0) from {}").format(self._raw(resource))
        return int(self.session.execute(query).fetchone()[0])  # type: ignore[index]

    def versions_after(self, resource: str, version: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """See `ingest.sources.Landed`."""
        query = sql.SQL("select version, record from {} where version > %s order by version").format(
            self._raw(resource)
        )
        yield from self.session.execute(query, (version,))

    def all_versions(self, resource: str, source_ids: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """See `ingest.sources.Landed`."""
        query = sql.SQL("select record from {} where source_id = any(%s) order by version").format(self._raw(resource))
        for row in self.session.execute(query, (list(source_ids),)):
            yield row[0]

    def _raw(self, resource: str) -> sql.Identifier:
        return sql.Identifier(f"raw_{self.name}", resource)

    def _one(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        found = self.session.execute(query, values).fetchone()
        if found is None:
            raise LookupError("a query that always gives a row gave none")
        return found
