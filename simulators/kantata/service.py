"""Kantata's HTTP face: routes, envelope, includes; the records live in the modules it calls."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from simulators.firm.approvals import remember_approved
from simulators.kantata import query
from simulators.kantata.body import attributes
from simulators.kantata.entries import TimeEntries
from simulators.kantata.errors import Refusal, invalid, not_found, slow_down, unauthorized
from simulators.kantata.events import EVENT_TYPES, Events
from simulators.kantata.invoices import Invoices
from simulators.kantata.locks import Locks
from simulators.kantata.masters import ACCOUNT_ID, Firm
from simulators.kantata.reading import Envelope, Reading
from simulators.kantata.references import References
from simulators.kantata.state import State
from simulators.kantata.submissions import Submissions
from simulators.kit import Call, KitApp, Route, SlidingWindow, answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import QueryParams

    from simulators.firm.model import World
    from simulators.kantata.resource import Resource
    from simulators.kit import AppOptions

ROOT = "/api/v1"
CALLS_A_MINUTE = 1_000


def app(world: World, options: AppOptions) -> KitApp:
    """One Kantata account on the firm."""
    return Account(world, options).kit


def describe(_world: World, options: AppOptions) -> dict[str, Any]:
    """Where the account is and its administrator's token."""
    return {
        "base_url": options.origin + ROOT,
        "options": {"account_id": ACCOUNT_ID},
        "secrets": {"token": _token(options.seed)},
    }


def _token(seed: int) -> str:
    return hashlib.sha256(f"{seed}:kantata:token".encode()).hexdigest()


class Account:
    """Routes over the firm. `kit` is the finished app."""

    def __init__(self, world: World, options: AppOptions) -> None:
        self._token = _token(options.seed)
        self._state = State(world)
        self._references = References(self._state, self._exists)
        self._firm = Firm(world, self._references)
        self._entries = TimeEntries(self._state, self._firm, self._references)
        self._submissions = Submissions(
            self._state, self._references, bumps_entries=options.has("kantata_approval_bumps_entries")
        )
        self._invoices = Invoices(
            self._state,
            self._firm,
            self._references,
            numbers_are_unique=options.has("kantata_unique_invoice_numbers"),
        )
        self._locks = Locks(self._state, int(next(iter(self._firm.users()))))
        self._events = Events(self._state)
        resources: list[Resource] = [
            self._entries,
            self._submissions,
            self._invoices,
            self._locks,
            self._events,
            self._references,
            *self._firm.resources(),
        ]
        self._resources = {resource.key: resource for resource in resources}
        self._reading = Reading(self._resources, self._entries, self._events)
        world.changes.register("psa_events_addon", self._set_addon)
        world.changes.register("psa_backdated_edit", self._backdated_edit)
        limited = options.has("kantata_rate_limit")
        self.kit = KitApp(
            "kantata",
            world,
            options,
            routes=self._routes(),
            authenticate=self._authenticate,
            limits=[SlidingWindow("calls a minute", CALLS_A_MINUTE, 60)] if limited else [],
            limit_key=lambda call: call.bearer or "",
            refuse=lambda _call, _limit: slow_down().response(),
            not_found=lambda _call, allowed: (
                Refusal(405, "system", "This method is not allowed here") if allowed else not_found()
            ).response(),
            failed=lambda _call, _error: Refusal(500, "system", "An unexpected error occurred").response(),
            finish=_name_request,
            holdings=self._holdings,
            shape=Envelope(),
        )

    def _authenticate(self, call: Call) -> Response | None:
        if call.bearer != self._token or self.kit.is_revoked(self._token):
            return unauthorized().response()
        return None

    def _routes(self) -> list[Route]:
        routes: list[Route] = []

        def add(method: str, path: str, handler: Callable[[Call], Response]) -> None:
            guarded = self._guarded(handler)
            routes.extend(Route(method, f"{ROOT}/{path}{suffix}", guarded) for suffix in (".json", ""))

        add("GET", "subscribed_events/event_types", self._event_types)
        add("GET", "invoices/next_invoice_number", self._next_invoice_number)
        add("POST", "external_references/create_or_update", self._upsert_reference)
        add("POST", "external_payments", self._pay)
        add("POST", "time_entries", self._create_entry)
        add("PUT", "time_entries/{key}", self._update_entry)
        add("DELETE", "time_entries/{key}", self._delete_entry)
        add("DELETE", "time_entries", self._delete_entries)
        for verb in ("approve", "reject", "cancel"):
            add("PUT", f"timesheet_submissions/{{key}}/{verb}", self._decider(verb))
        add("POST", "invoices", self._create_invoice)
        add("PUT", "invoices/{key}/cancel", self._cancel_invoice)
        add("PUT", "invoices/{key}", self._update_invoice)
        add("DELETE", "invoices/{key}", self._delete_invoice)
        add("POST", "line_item_locks", self._create_lock)
        for key, resource in self._resources.items():
            add("GET", key, self._reading.lister(resource))
            add("GET", f"{key}/{{key}}", self._reading.shower(resource))
        return routes

    def _guarded(self, handler: Callable[[Call], Response]) -> Callable[[Call], Response]:
        def run(call: Call) -> Response:
            self._references.mirror()
            try:
                return handler(call)
            except Refusal as refusal:
                return refusal.response()

        return run

    def _event_types(self, _call: Call) -> Response:
        self._events.check_bought()
        return answer({"event_types": list(EVENT_TYPES), "count": len(EVENT_TYPES)})

    def _next_invoice_number(self, _call: Call) -> Response:
        return answer({"next_invoice_number": self._invoices.next_number()})

    # -- writing --------------------------------------------------------------------------------------------------

    def _upsert_reference(self, call: Call) -> Response:
        given = attributes(call, "external_reference")
        key = self._references.upsert(given)
        call.ids |= {"external_reference": key, "subject": f"{given['subject_type']}:{given['subject_id']}"}
        return self._reading.one(self._references, key)

    def _exists(self, subject_type: str, key: int) -> bool:
        if subject_type == "TimeEntry":
            row = self._state.world.entries.get(key)
            return row is not None and row.deleted_at is None
        if subject_type == "RateCard":
            return str(key) in self._resources["rate_cards"].documents([str(key)])
        known = {
            "Submission": "timesheet_submissions",
            "Invoice": "invoices",
            "Workspace": "workspaces",
            "WorkspaceGroup": "workspace_groups",
            "User": "users",
            "Role": "roles",
        }
        if subject_type not in known:
            raise invalid("subject_type", "subject_type is not one that takes references")
        resource = self._resources[known[subject_type]]
        return str(key) in resource.documents([str(key)])

    def _create_entry(self, call: Call) -> Response:
        key = self._entries.create(attributes(call, "time_entry"))
        call.ids["time_entry"] = key
        return self._reading.one(self._entries, key)

    def _update_entry(self, call: Call) -> Response:
        key = self._known_entry(call)
        self._entries.update(key, attributes(call, "time_entry"))
        return self._reading.one(self._entries, key)

    def _delete_entry(self, call: Call) -> Response:
        self._entries.delete([int(self._known_entry(call))])
        return Response(status_code=204)

    def _known_entry(self, call: Call) -> str:
        key = call.params["key"]
        if not key.isdigit() or key not in self._entries.documents([key]):
            raise not_found()
        call.ids["time_entry"] = key
        return key

    def _delete_entries(self, call: Call) -> Response:
        self._entries.delete(query.whole_numbers("ids", call.query.get("ids", ""), 10_000))
        return Response(status_code=204)

    def _decider(self, verb: str) -> Callable[[Call], Response]:
        def run(call: Call) -> Response:
            key = call.params["key"]
            if not key.isdigit() or key not in self._submissions.documents([key]):
                raise not_found()
            resolution = attributes(call, "resolution") if call.body else {}
            self._submissions.decide(int(key), verb, str(resolution.get("description") or ""))
            call.ids["timesheet_submission"] = key
            return self._reading.one(self._submissions, key)

        return run

    def _create_invoice(self, call: Call) -> Response:
        key = self._invoices.create(attributes(call, "invoice"))
        call.ids["invoice"] = key
        return self._reading.one(self._invoices, key)

    def _update_invoice(self, call: Call) -> Response:
        self._invoices.update(call.params["key"], attributes(call, "invoice"))
        return self._reading.one(self._invoices, call.params["key"])

    def _cancel_invoice(self, call: Call) -> Response:
        self._invoices.cancel(call.params["key"])
        return self._reading.one(self._invoices, call.params["key"])

    def _delete_invoice(self, call: Call) -> Response:
        self._invoices.delete(call.params["key"])
        return Response(status_code=204)

    def _pay(self, call: Call) -> Response:
        document = self._invoices.pay(attributes(call, "external_payment"))
        return answer(
            {
                "count": 1,
                "results": [{"key": "external_payments", "id": document["id"]}],
                "external_payments": {document["id"]: document},
            }
        )

    def _create_lock(self, call: Call) -> Response:
        return self._reading.one(self._locks, self._locks.create(attributes(call, "line_item_lock")))

    # -- what is outside the API ------------------------------------------------------------------------------------

    def _set_addon(self, enabled: bool = True) -> dict[str, Any]:
        """Buy or cancel the add-on that the feed of events needs."""
        self._state.has_events = enabled
        return {"enabled": enabled}

    def _backdated_edit(
        self, entry_id: int | str | None = None, minutes: int | None = None, seconds: int = 600
    ) -> dict[str, Any]:
        """Change an approved entry with a stamp earlier than the clock, as a row that commits late has."""
        table = self._state.world.entries
        entry = (
            table.get(int(entry_id))
            if entry_id is not None
            else next(
                iter(table.select("state = 'approved' and deleted_at is null", order="entry_id desc", limit=1)), None
            )
        )
        if entry is None:
            return {"entries": []}
        remember_approved(self._state.world, entry)
        entry.minutes = entry.minutes + 15 if minutes is None else minutes
        entry.updated_at = self._state.world.clock.now().replace(microsecond=0) - timedelta(seconds=seconds)
        table.save(entry)
        return {"entries": [str(entry.entry_id)], "updated_at": entry.updated_at.isoformat()}

    def _holdings(self, _query: QueryParams) -> Any:
        months = self._state.named(
            "select substr(work_date, 1, 7) as month, state, count(*) as entries, sum(minutes) as minutes"
            " from entries where deleted_at is null group by 1, 2 order by 1, 2"
        )
        written = self._state.named(
            "select * from kantata_reference where subject_type not in ('User', 'Workspace', 'WorkspaceGroup') order by id"
        )
        return {"months": months, "references": json.loads(json.dumps(written))}


def _name_request(_call: Call, response: Response) -> None:
    response.headers["x-request-id"] = str(uuid.uuid4())
