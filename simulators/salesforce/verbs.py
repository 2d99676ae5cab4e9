"""What a test or the demo may do to the org from outside its API: `POST /_control/change` (see the kit)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simulators.salesforce.objects import to_18
from simulators.salesforce.soql import instant

if TYPE_CHECKING:
    from simulators.firm.model import World
    from simulators.salesforce.app import Salesforce


def register(world: World, org: Salesforce) -> None:
    """Make the verbs known to the firm's control path."""
    verbs = _Verbs(world, org)
    for name in (
        "crm_settings",
        "crm_end_sessions",
        "crm_upload_certificate",
        "crm_rename_account",
        "crm_add_rate",
        "crm_end_rate",
        "crm_merge_accounts",
        "crm_delete",
        "crm_purge",
        "crm_commit_late",
    ):
        world.changes.register(name, getattr(verbs, name))


class _Verbs:
    def __init__(self, world: World, org: Salesforce) -> None:
        self._world = world
        self._crm = org

    def crm_settings(
        self,
        session_seconds: float | None = None,
        page_size: int | None = None,
        locator_seconds: float | None = None,
        daily_calls: int | None = None,
    ) -> dict[str, Any]:
        """Settings of the org: life of new sessions, rows a page, life of a query locator, calls in 24 hours."""
        crm = self._crm
        if session_seconds is not None:
            crm.sessions.session_seconds = float(session_seconds)
        if page_size is not None:
            crm.cursors.page_size = int(page_size)
        if locator_seconds is not None:
            crm.cursors.locator_seconds = float(locator_seconds)
        if daily_calls is not None:
            crm.daily.most = int(daily_calls)
        return {
            "session_seconds": crm.sessions.session_seconds,
            "page_size": crm.cursors.page_size,
            "locator_seconds": crm.cursors.locator_seconds,
            "daily_calls": crm.daily.most,
        }

    def crm_end_sessions(self) -> dict[str, Any]:
        """End every session and every open query locator."""
        return {"sessions": self._crm.sessions.end_all(), "locators": self._crm.cursors.expire()}

    def crm_upload_certificate(self, public_key: str, users: list[str] | None = None) -> dict[str, Any]:
        """Register the public key of the JWT grant (PEM), and the users who are pre-approved."""
        self._crm.sessions.public_key = public_key
        if users is not None:
            self._crm.sessions.approved_users = set(users)
        return {"users": sorted(self._crm.sessions.approved_users)}

    def crm_rename_account(self, number: str = "", name: str = "") -> dict[str, Any]:
        """Give a customer (the first one, unless named) another name."""
        customer = self._world.customers[number] if number else next(iter(self._world.customers.values()))
        was = customer.name
        customer.name = name or f"{was} Group"
        self._world.touch(customer)
        return {"account": to_18(customer.salesforce_account_id), "was": was, "name": customer.name}

    def crm_add_rate(
        self,
        like: str,
        unit_price: str,
        effective_from: str,
        role: str | None = None,
        person: str | None = None,
        project: str | None = None,
        effective_to: str | None = None,
    ) -> dict[str, Any]:
        """Add a rate to the price book of the entry `like`; role, person and project as in that entry unless given."""
        template = self._rate(like)
        serial = len(self._world.rate_entries) + 1
        rate = replace(
            template,
            salesforce_entry_id=to_18(f"01uHx{serial:010d}"),
            role_name=role if role is not None else template.role_name,
            person_number=person if person is not None else template.person_number,
            project_code=project if project is not None else template.project_code,
            unit_price=Decimal(unit_price),
            effective_from=date.fromisoformat(effective_from),
            effective_to=date.fromisoformat(effective_to) if effective_to else None,
            is_active=True,
        )
        self._world.touch(rate)
        self._world.rate_entries[rate.salesforce_entry_id] = rate
        return {"entry": rate.salesforce_entry_id}

    def crm_end_rate(self, entry: str, effective_to: str) -> dict[str, Any]:
        """Set the last day of a rate."""
        rate = self._rate(entry)
        rate.effective_to = date.fromisoformat(effective_to)
        self._world.touch(rate)
        return {"entry": rate.salesforce_entry_id, "effective_to": effective_to}

    def crm_merge_accounts(self, winner: str, loser: str) -> dict[str, Any]:
        """Merge two customers, by number, in the org alone: the loser is deleted there, its contracts follow."""
        ids = [self._world.customers[number].salesforce_account_id for number in (winner, loser)]
        self._crm.org.refresh()
        return self._crm.org.merge(*ids)

    def crm_delete(self, object_name: str, record: str) -> dict[str, Any]:
        """Put a record into the recycle bin, in the org alone."""
        self._crm.org.refresh()
        self._crm.org.delete(object_name, record)
        return {"deleted": [to_18(record)]}

    def crm_purge(self, object_name: str, record: str) -> dict[str, Any]:
        """Empty a record out of the recycle bin: no query sees it again."""
        self._crm.org.refresh()
        self._crm.org.store.purge(object_name, record)
        return {"purged": [to_18(record)]}

    def crm_commit_late(self, object_name: str, record: str, values: dict[str, Any], stamp: str) -> dict[str, Any]:
        """Commit a change whose SystemModstamp is older than now, as a long transaction does."""
        self._crm.org.refresh()
        at: datetime = instant(stamp)
        checked = self._crm.org.store.checked(object_name, values)
        self._crm.org.lay_over(object_name, record, checked, stamp=at)
        return {"record": to_18(record), "stamp": at.isoformat()}

    def _rate(self, entry: str) -> Any:
        found = next(
            (r for r in self._world.rate_entries.values() if to_18(r.salesforce_entry_id) == to_18(entry)), None
        )
        if found is None:
            raise ValueError(f"no rate entry {entry!r}")
        return found
