"""What a test or the demo may do to the tenant from outside its API: `POST /_control/change` (see the kit)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from simulators.workday import report
from simulators.workday.user import derived

if TYPE_CHECKING:
    from simulators.firm.model import Consultant, World
    from simulators.workday.app import Workday


def register(world: World, tenant: Workday) -> None:
    """Make the verbs known to the firm's control path."""
    verbs = _Verbs(world, tenant)
    for name in ("hr_settings", "hr_issue_token", "hr_rename_worker", "hr_terminate_worker", "hr_rescind_worker"):
        world.changes.register(name, getattr(verbs, name))


class _Verbs:
    def __init__(self, world: World, tenant: Workday) -> None:
        self._world = world
        self._tenant = tenant

    def hr_settings(self, authorized: bool | None = None, processing_fault: str | None = None) -> dict[str, Any]:
        """Whether the integration's user may read workers; a processing fault for every SOAP call (empty: none)."""
        if authorized is not None:
            self._tenant.is_authorized = authorized
        if processing_fault is not None:
            self._tenant.processing_fault = processing_fault
        return {"authorized": self._tenant.is_authorized, "processing_fault": self._tenant.processing_fault}

    def hr_issue_token(self) -> dict[str, Any]:
        """A bearer token for the report, as an API client would get one."""
        token = derived(self._tenant.options.seed, f"bearer {len(self._tenant.bearer_tokens)}")
        self._tenant.bearer_tokens.add(token)
        return {"token": token}

    def hr_rename_worker(self, number: str = "", last_name: str = "") -> dict[str, Any]:
        """Give a worker (the first, unless named by employee number) another last name."""
        person = self._person(number)
        was = person.full_name
        person.last_name = last_name or f"{person.last_name}-Byrne"
        self._world.touch(person)
        return {"worker": person.number, "was": was, "name": person.full_name}

    def hr_terminate_worker(self, number: str = "", on: str = "") -> dict[str, Any]:
        """Enter a termination for a worker: as of yesterday, unless a date is given, past or future."""
        person = self._person(number)
        today = self._world.clock.now().date()
        person.termination_date = date.fromisoformat(on) if on else today - timedelta(days=1)
        self._world.touch(person)
        return {"worker": person.number, "termination_date": person.termination_date.isoformat()}

    def hr_rescind_worker(self, number: str = "") -> dict[str, Any]:
        """Rescind a hire: the worker is no longer there, and nothing tells of a deletion."""
        person = self._person(number)
        was = person.hr_id
        person.hr_id = None
        self._world.touch(person)
        return {"worker": person.number, "was": was}

    def _person(self, number: str) -> Consultant:
        return self._world.consultants[number] if number else report.workers(self._world)[0]
