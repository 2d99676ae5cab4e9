"""Adoption: settle, unsent, the hours that a destination held before go-live.

The promise: one hour of ours to one record of theirs, by employee, project, task, work date and minutes; nothing is sent; what
doesn't match is listed on both sides, for a person; run again it adopts nothing twice. An adopted hour is due and posted from
then on, and is amended and deleted by its id like any other.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import asdict, dataclass
from decimal import Decimal
from importlib import resources
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from plumbing.errors import Misconfigured
from reverse_etl import destinations, statements
from reverse_etl.report import hours, plain
from reverse_etl.syncs import Sync, named

if TYPE_CHECKING:
    from datetime import date

    from plumbing.settings import Settings

LISTED = 20  # unmatched rows shown on each side of the text; all are in `as_dict`


@dataclass(frozen=True)
class Unmatched:
    """One hour that stands on one side only; ``key`` is our chain key, or the destination's id."""

    destination: str
    key: str
    work_date: date | None
    minutes: Decimal | None
    employee_ref: str | None
    project_ref: str | None


@dataclass(frozen=True)
class AdoptionReport:
    """What was matched, or would be."""

    sync: str
    dry_run: bool
    adopted: int
    minutes: Decimal
    ours: tuple[Unmatched, ...]
    theirs: tuple[Unmatched, ...]

    def text(self) -> str:
        """Counts, then what a person must look at."""
        verb = "would be adopted" if self.dry_run else "adopted"
        lines = [f"{self.sync}: {self.adopted:,} {verb} ({hours(self.minutes)})"]
        for side, rows in (
            ("approved before go-live and not found there", self.ours),
            ("held there and not matched", self.theirs),
        ):
            if rows:
                lines.append(f"  {len(rows):,} {side}:")
                lines += [
                    f"    {one.destination} {one.key}  {one.work_date}  {hours(one.minutes)}" for one in rows[:LISTED]
                ]
                if len(rows) > LISTED:
                    lines.append(f"    … and {len(rows) - LISTED:,} more")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(plain(asdict(self)))


def adopt(settings: Settings, sync: str, *, dry_run: bool = False, actor: str = "adopt") -> AdoptionReport:
    """Match what each destination holds with approved labour from before its go-live, and settle the pairs.

    Raises:
        Misconfigured: no destination of the sync can be read back, or its rows haven't been built.
    """
    declared = named(sync)
    engine = destinations.engine(settings, "deliver")
    totals: list[tuple[int, Decimal]] = []
    sides: dict[str, list[Unmatched]] = {"ours": [], "theirs": []}
    try:
        for destination, readback in _readable(settings, declared).items():
            with engine.connect() as connection, connection.begin() as transaction:
                # The plan's lock: no plan decides about a chain while it is adopted.
                connection.execute(
                    sa.text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"),
                    {"name": f"delivery.plan:{sync}"},
                )
                totals.append(_adopt(connection, declared, destination, readback, dry_run=dry_run, actor=actor))
                for side, row in _unmatched(connection, destination):
                    sides[side].append(row)
                if dry_run:
                    transaction.rollback()
    except sa.exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", "") in {"42P01", "3F000"}:
            raise Misconfigured(
                f"What {sync} would adopt hasn't been built: {str(error.orig).splitlines()[0]}.",
                remedy="Run `hourline build` first.",
            ) from None
        raise
    finally:
        engine.dispose()
    minutes = sum((each for _, each in totals), Decimal(0))
    return AdoptionReport(
        sync, dry_run, sum(count for count, _ in totals), minutes, tuple(sides["ours"]), tuple(sides["theirs"])
    )


def _readable(settings: Settings, sync: Sync) -> dict[str, str]:
    """The read-back of each destination that has one: ``readback.sql`` beside its writer."""
    found = {}
    for name in destinations.of_sync(settings, sync):
        folder = resources.files(
            importlib.import_module(f"reverse_etl.{sync.kind}.{settings.connections[name].system}")
        )
        if (file := folder / "readback.sql").is_file():
            found[name] = file.read_text(encoding="utf-8")
    if not found:
        raise Misconfigured(
            f"No destination of {sync.name} can be adopted from.",
            remedy="Adoption reads what an ERP holds; configure one.",
        )
    return found


def _adopt(
    connection: sa.Connection, sync: Sync, destination: str, readback: str, *, dry_run: bool, actor: str
) -> tuple[int, Decimal]:
    sql = statements.named("adopt")
    bound: dict[str, Any] = {
        "sync": sync.name,
        "destination": destination,
        "actor": actor,
        "contract_version": sync.contract_version,
        "material_fields": list(sync.material_fields),
    }

    def run(name: str, text: str | None = None, **more: Any) -> sa.CursorResult[Any]:
        clause = sa.text(text or sql[name])
        given = {**bound, **more}
        return connection.execute(clause, {key: given[key] for key in clause.compile().params})

    run("match", sql["match"].replace("{relation}", sync.relation).replace("{readback}", readback))
    counted = connection.execute(
        sa.text("select count(*) as adopted, coalesce(sum(minutes), 0) as minutes from adoption where side = 'both'")
    ).one()
    adopted, minutes = int(counted.adopted), Decimal(counted.minutes)
    if adopted and not dry_run:
        totals = json.dumps({"adopted": adopted, "minutes": str(minutes)})
        plan_id: int = connection.execute(
            sa.text(
                "insert into delivery.plan (sync, destination, scope, totals, batch_state)"
                " values (:sync, :destination, 'adoption', cast(:totals as jsonb), 'ready') returning plan_id"
            ),
            {"sync": sync.name, "destination": destination, "totals": totals},
        ).scalar_one()
        connection.execute(
            sa.text(
                "insert into delivery.contract (sync, version, material_fields) values (:sync, :version, :fields) on conflict do nothing"
            ),
            {"sync": sync.name, "version": sync.contract_version, "fields": list(sync.material_fields)},
        )
        for name in ("number", "save_chains", "save_intents", "settle", "save_lines", "record"):
            run(name, plan_id=plan_id)
    return adopted, minutes


def _unmatched(connection: sa.Connection, destination: str) -> list[tuple[str, Unmatched]]:
    rows = connection.execute(
        sa.text(
            "select side, coalesce(chain_key, vendor_id) as key, work_date, whole_minutes, employee_ref, project_ref"
            " from adoption where side <> 'both' order by side, work_date, 2"
        )
    )
    return [
        (row.side, Unmatched(destination, row.key, row.work_date, row.whole_minutes, row.employee_ref, row.project_ref))
        for row in rows
    ]
