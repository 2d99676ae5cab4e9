"""What a test or the demo may do to the company from outside its API: `POST /_control/change` (see the kit)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from simulators.gusto.time_sheets import CLASSIFICATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.firm.model import World
    from simulators.gusto.app import Gusto
    from simulators.gusto.time_sheets import TimeSheet


def register(world: World, gusto: Gusto) -> None:
    """Make the verbs known to the firm's control path."""
    verbs = _Verbs(world, gusto)
    for name in (
        "approve_sheets",
        "gusto_settings",
        "gusto_reject_sheet",
        "gusto_delete_sheet",
        "gusto_change_sheet",
        "gusto_foreign_sheet",
        "gusto_process_payroll",
        "gusto_finish_syncs",
        "gusto_end_tokens",
    ):
        world.changes.register(name, verbs.after_syncs(getattr(verbs, name)))


class _Verbs:
    def __init__(self, world: World, gusto: Gusto) -> None:
        self._world = world
        self._gusto = gusto
        self._company = gusto.company

    def after_syncs(self, verb: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        """The verb, once what was due before it has happened."""

        @wraps(verb)
        def run(**arguments: Any) -> dict[str, Any]:
            self._gusto.syncs.catch_up()
            return verb(**arguments)

        return run

    def gusto_settings(
        self,
        auto_approve: bool | None = None,
        sync_seconds: float | None = None,
        token_seconds: float | None = None,
        scopes: list[str] | None = None,
        blocker: str | None = None,
        refused_people: list[str] | None = None,
        calls_in_a_minute: int | None = None,
    ) -> dict[str, Any]:
        """Settings of the account: approval on creation, time a sync takes, scopes, payroll blocker, people refused."""
        gusto = self._gusto
        if auto_approve is not None:
            gusto.company.auto_approve = auto_approve
        if sync_seconds is not None:
            gusto.syncs.sync_seconds = float(sync_seconds)
        if token_seconds is not None:
            gusto.tokens.token_seconds = float(token_seconds)
        if scopes is not None:
            gusto.tokens.scopes = set(scopes)
        if blocker is not None:
            gusto.company.blocker = blocker
        if refused_people is not None:
            gusto.syncs.refused_people = {self._employee_uuid(number) for number in refused_people}
        if calls_in_a_minute is not None:
            gusto.window.most = int(calls_in_a_minute)
        return {"auto_approve": gusto.company.auto_approve, "scopes": sorted(gusto.tokens.scopes)}

    def approve_sheets(self, count: int | None = None) -> dict[str, Any]:
        """Approve pending time sheets, oldest first: all, or so many."""
        pending = [s for s in self._company.sheets.values() if s.status == "pending"][:count]
        for sheet in pending:
            sheet.status = "approved"
            self._company.stamp_sheet(sheet)
        return {"approved": [s.uuid for s in pending]}

    def gusto_reject_sheet(self, uuid: str = "") -> dict[str, Any]:
        """Reject a pending time sheet (the oldest, unless named)."""
        chosen = self._pick(uuid, [s for s in self._company.sheets.values() if s.status == "pending"])
        for found in chosen:
            found.status = "rejected"
            self._company.stamp_sheet(found)
        return {"rejected": [s.uuid for s in chosen]}

    def gusto_delete_sheet(self, uuid: str = "") -> dict[str, Any]:
        """Delete a time sheet by hand (the oldest that carries metadata, unless named)."""
        chosen = self._pick(uuid, self._ours())
        for found in chosen:
            self._company.remove_sheet(found)
        return {"deleted": [s.uuid for s in chosen]}

    def gusto_change_sheet(self, hours: str = "7.5", uuid: str = "") -> dict[str, Any]:
        """Set the regular hours of a time sheet by hand (the oldest that carries metadata, unless named)."""
        chosen = self._pick(uuid, self._ours())
        was = [f"{s.hours:.3f}" for s in chosen]
        for found in chosen:
            self._company.set_attributes(found, {"entries": [(Decimal(hours), CLASSIFICATIONS[0])]})
        return {"changed": [s.uuid for s in chosen], "was": was}

    def gusto_foreign_sheet(self, work_date: str = "", employee: str = "", hours: str = "8") -> dict[str, Any]:
        """Enter a time sheet by hand, without metadata, for an employee number (the first, unless named)."""
        people = {c.number: c for c in self._company.paid()}
        person = people[employee] if employee else next(iter(people.values()))
        zone = ZoneInfo(self._company.entity.time_zone)
        day = date.fromisoformat(work_date) if work_date else self._world.clock.now().date()
        sheet = self._company.add_sheet(
            {
                "entity_uuid": str(person.gusto_employee_uuid),
                "entity_type": "Employee",
                "job_uuid": str(person.gusto_job_uuid),
                "time_zone": str(zone),
                "shift_started_at": datetime.combine(day, time(9), zone).astimezone(UTC),
                "entries": [(Decimal(hours), CLASSIFICATIONS[0])],
            }
        )
        return {"created": [sheet.uuid], "employee": person.number, "work_date": day.isoformat()}

    def gusto_process_payroll(self, payroll: str = "", status: str = "processed") -> dict[str, Any]:
        """Run a payroll (the oldest unprocessed, unless named): `processed`, `processing`, or back to `unprocessed`."""
        if status not in {"processed", "processing", "unprocessed"}:
            raise ValueError(f"a payroll is processed, processing or unprocessed, not {status!r}")
        waiting = sorted(self._world.payrolls.values(), key=lambda p: p.period_start)
        chosen = [p for p in waiting if (p.gusto_payroll_uuid == payroll if payroll else p.status == "unprocessed")][:1]
        for found in chosen:
            found.status = status
            found.processed_at = self._company.now() if status == "processed" else None
            self._world.touch(found)
        return {
            "payrolls": [p.gusto_payroll_uuid for p in chosen],
            "period_end": [p.period_end.isoformat() for p in chosen],
        }

    def gusto_finish_syncs(self) -> dict[str, Any]:
        """Let every running payroll sync come to its end now."""
        running = [s for s in self._gusto.syncs.known.values() if s.status in {"pending", "in_progress"}]
        for sync in running:
            while sync.status in {"pending", "in_progress"}:
                self._gusto.syncs.look(sync.uuid)
        return {"syncs": {s.uuid: s.status for s in running}}

    def gusto_end_tokens(self) -> dict[str, Any]:
        """End every access token; the refresh token stays good."""
        return {"ended": self._gusto.tokens.end_all()}

    def _ours(self) -> list[TimeSheet]:
        return [s for s in self._company.sheets.values() if s.metadata]

    def _pick(self, uuid: str, candidates: list[TimeSheet]) -> list[TimeSheet]:
        if uuid and uuid not in self._company.sheets:
            raise ValueError(f"no time sheet {uuid!r}")
        return [self._company.sheet(uuid)] if uuid else candidates[:1]

    def _employee_uuid(self, number: str) -> str:
        return str(self._world.consultants[number].gusto_employee_uuid)
