"""The HTTP surface: sign-in, version header, limits, company scope, paging, and the routes."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from simulators.gusto import verbs
from simulators.gusto.company import Company
from simulators.gusto.errors import Fault, GustoError, invalid, not_found, refused, stale_sheet
from simulators.gusto.payrolls import Payrolls
from simulators.gusto.sheet_list import list_sheets
from simulators.gusto.syncs import Syncs
from simulators.gusto.time_sheets import local_date_in, read_attributes
from simulators.gusto.tokens import GrantRefused, Tokens
from simulators.kit import Call, KitApp, Limit, Route, SlidingWindow, answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.firm.model import World
    from simulators.kit import AppOptions

CALLS, WINDOW_SECONDS = 200, 60.0
VERSIONS = frozenset({"2025-06-15", "2026-06-15"})
MINIMUM_VERSION = "2025-06-15"  # what the application gets when a call names none
OLD_VERSION = "2024-04-01"
DEFAULT_PER, MOST_PER = 25, 100
RESET_ZONE = ZoneInfo("America/Los_Angeles")
EARNING_TYPES = ("Bonus", "Commission", "Paycheck Tips", "Cash Tips", "Correction Payment", "Severance")


def fail(error: GustoError) -> Response:
    return answer(error.body(), error.status)


class Gusto:
    """One company's account."""

    def __init__(self, world: World, options: AppOptions) -> None:
        self.options = options
        self.company = Company(
            world,
            keeps_sync_stamp=options.has("gusto_sync_stamp_survives_change"),
            refuses_processed_dates=options.has("gusto_sheet_in_processed_period_refused"),
        )
        self.payrolls = Payrolls(self.company)
        self.syncs = Syncs(self.company, self.payrolls)
        self.tokens = Tokens(options.seed, world.clock.wall)
        self.versions = VERSIONS | ({OLD_VERSION} if options.has("gusto_version_2024_04_01") else frozenset())
        self.window = SlidingWindow("calls_in_a_minute", CALLS, WINDOW_SECONDS)
        self.kit = KitApp(
            "gusto",
            world,
            options,
            routes=self._routes(),
            authenticate=self._authenticate,
            limits=[self.window],
            limit_key=self._grant,
            refuse=self._refuse,
            not_found=lambda _call, _allowed: fail(not_found()),
            failed=lambda _call, _error: fail(GustoError(500, Fault("base", "internal_error", "An error occurred."))),
            finish=self._finish,
            holdings=lambda _query: self.company.holdings(),
        )
        verbs.register(world, self)

    def _routes(self) -> list[Route]:
        company, tracking = "/v1/companies/{company}", "/v1/time_tracking"

        def route(
            method: str, path: str, scope: str, handler: Callable[[Call], Response], *, advances: bool = False
        ) -> Route:
            return Route(method, path, self._guarded(scope, handler), advances=advances)

        return [
            Route("POST", "/oauth/token", self._token, reads=True, open_to_all=True, advances=True),
            route("GET", company + "/employees", "employees:read", self._employees),
            route("GET", company + "/pay_schedules", "pay_schedules:read", self._pay_schedules),
            route("GET", company + "/pay_periods", "payrolls:read", self._pay_periods),
            route("GET", company + "/earning_types", "company_earning_types:read", self._earning_types),
            route("GET", company + "/payrolls", "payrolls:read", self._payrolls),
            route("GET", company + "/payrolls/{payroll}", "payrolls:read", self._payroll),
            route("PUT", company + "/payrolls/{payroll}/prepare", "payrolls:write", self._prepare),
            route("PUT", company + "/payrolls/{payroll}", "payrolls:write", self._update_payroll),
            route("GET", company + "/time_tracking/time_sheets", "time_sheet:read", self._sheets),
            route("POST", company + "/time_tracking/time_sheets", "time_sheet:write", self._create_sheet),
            route("GET", tracking + "/time_sheets/{sheet}", "time_sheet:read", self._sheet),
            route("PUT", tracking + "/time_sheets/{sheet}", "time_sheet:write", self._update_sheet),
            route("DELETE", tracking + "/time_sheets/{sheet}", "time_sheet:write", self._delete_sheet),
            route("POST", company + "/time_tracking/payroll_syncs", "payroll_syncs:write", self._start_sync),
            route("GET", tracking + "/payroll_syncs/{sync}", "payroll_syncs:read", self._sync, advances=True),
        ]

    # --- the frame of every call

    def _grant(self, call: Call) -> str:
        """The window counts by grant; a call without a good token is nobody's."""
        return "grant" if call.bearer and self.tokens.is_good(call.bearer) else "none"

    def _authenticate(self, call: Call) -> Response | None:
        token = call.bearer or ""
        if not self.tokens.use(token) or self.kit.is_revoked(token):
            return fail(GustoError(401, Fault("request", "invalid_token", "The access token is invalid or expired.")))
        call.principal = "integration"
        version = call.headers.get("X-Gusto-API-Version", MINIMUM_VERSION)
        if version not in self.versions:
            return fail(GustoError(406, Fault("request", "invalid_api_version", f"{version} is not served.")))
        return None

    def _guarded(self, scope: str, handler: Callable[[Call], Response]) -> Callable[[Call], Response]:
        """A handler behind the token's scopes and its one company, with refusals worded."""

        def handle(call: Call) -> Response:
            self.syncs.catch_up()
            company = call.params.get("company", self.company.uuid)
            is_foreign = company == self.company.other_company_uuid
            if is_foreign or scope not in self.tokens.scopes:
                message = f"The token lacks access to this company or the scope {scope}."
                return fail(GustoError(403, Fault("request", "missing_permissions", message)))
            try:
                if company != self.company.uuid:
                    raise not_found()
                return handler(call)
            except GustoError as error:
                return fail(error)

        return handle

    def _refuse(self, call: Call, _limit: Limit) -> Response:
        wait = math.ceil(self.window.seconds_until_free(self._grant(call)))
        fault = Fault("request", "rate_limit_exceeded", "Too many requests.")
        return answer({"errors": [fault.body()]}, 429, {"Retry-After": str(max(1, wait))})

    def _finish(self, call: Call, response: Response) -> None:
        key = self._grant(call)
        left = max(0, self.window.allowed() - self.window.used(key))
        wait = self.window.seconds_until_free(key) or WINDOW_SECONDS
        reset = datetime.fromtimestamp(self.tokens.wall(), UTC) + timedelta(seconds=wait)
        response.headers["X-RateLimit-Limit"] = str(self.window.allowed())
        response.headers["X-RateLimit-Remaining"] = str(left)
        response.headers["X-RateLimit-Reset"] = reset.astimezone(RESET_ZONE).strftime("%Y-%m-%d %H:%M:%S %z")

    def _page(self, call: Call, rows: list[Any], *allowed: str) -> tuple[list[Any], dict[str, str]]:
        """The rows of the asked page with the paging headers (C1.3). A parameter that nobody knows is refused."""
        if unknown := set(call.query) - {"page", "per", *allowed}:
            raise refused(*(invalid(name, f"{name} is not a parameter of this list") for name in sorted(unknown)))
        page, per = _positive(call, "page", 1), min(MOST_PER, _positive(call, "per", DEFAULT_PER))
        headers = {
            "X-Page": str(page),
            "X-Per-Page": str(per),
            "X-Total-Count": str(len(rows)),
            "X-Total-Pages": str(max(1, math.ceil(len(rows) / per))),
        }
        return rows[(page - 1) * per : page * per], headers

    # --- routes

    def _token(self, call: Call) -> Response:
        is_json = call.headers.get("content-type", "").startswith("application/json")
        try:
            given = _json_object(call) if is_json else call.form()
            return answer(self.tokens.refresh(given))
        except GustoError as error:
            return fail(error)
        except GrantRefused as error:
            return answer({"error": error.error}, 401 if error.error == "invalid_client" else 400)

    def _employees(self, call: Call) -> Response:
        people, headers = self._page(call, self.company.paid(), "terminated", "include")
        return answer([self.company.employee(person) for person in people], headers=headers)

    def _pay_schedules(self, call: Call) -> Response:
        schedules, headers = self._page(call, self.company.schedules())
        return answer([self.company.schedule_body(schedule) for schedule in schedules], headers=headers)

    def _pay_periods(self, call: Call) -> Response:
        found = self.payrolls.periods(dict(call.query))
        rows, headers = self._page(call, found, "start_date", "end_date", "payroll_types")
        return answer(rows, headers=headers)

    def _earning_types(self, _call: Call) -> Response:
        default = [{"uuid": self.company.derive_uuid(f"earning type {name}"), "name": name} for name in EARNING_TYPES]
        return answer({"default": default, "custom": []})

    def _payrolls(self, call: Call) -> Response:
        parameters = ("processing_statuses", "payroll_types", "start_date", "end_date", "date_filter_by", "include")
        found = self.payrolls.find_all(dict(call.query))
        rows, headers = self._page(call, found, *parameters, "sort_order")
        return answer([self.payrolls.body(payroll, _include(call)) for payroll in rows], headers=headers)

    def _payroll(self, call: Call) -> Response:
        payroll = self.payrolls.find(call.params["payroll"])
        body = self.payrolls.body(payroll, _include(call))
        if payroll.gusto_payroll_uuid in self.payrolls.prepared:
            rows, headers = self._page(call, self._compensations(payroll.gusto_payroll_uuid), "include")
            return answer(body | {"employee_compensations": rows}, headers=headers)
        return answer(body)

    def _prepare(self, call: Call) -> Response:
        payroll = self.payrolls.find(call.params["payroll"])
        if self.company.blocker:
            fault = Fault("base", "payroll_blocker", "The company cannot run payroll.", {"key": self.company.blocker})
            raise refused(fault)
        self.payrolls.prepare(payroll)
        rows, headers = self._page(call, self._compensations(payroll.gusto_payroll_uuid))
        body = self.payrolls.body(payroll, set()) | {"calculated_at": None, "employee_compensations": rows}
        return answer(body, headers=headers)

    def _update_payroll(self, call: Call) -> Response:
        payroll = self.payrolls.find(call.params["payroll"])
        body = _json_object(call)
        if unknown := set(body) - {"employee_compensations"}:
            raise refused(*(invalid(name, f"{name} can't be set on a regular payroll") for name in sorted(unknown)))
        changed = self.payrolls.update(payroll, body.get("employee_compensations"))
        jobs = self.company.known().jobs_of_employee
        rows = [c.body(jobs[c.employee_uuid][0]) for c in changed]
        return answer(self.payrolls.body(payroll, set()) | {"employee_compensations": rows})

    def _compensations(self, payroll_uuid: str) -> list[dict[str, Any]]:
        jobs = self.company.known().jobs_of_employee
        kept = self.payrolls.prepared[payroll_uuid].values()
        return [c.body(jobs[c.employee_uuid][0]) for c in kept if c.employee_uuid in jobs]

    def _sheets(self, call: Call) -> Response:
        found, parameters = list_sheets(self.company, dict(call.query))
        rows, headers = self._page(call, found, *parameters)
        return answer([sheet.body(self.company.uuid) for sheet in rows], headers=headers)

    def _create_sheet(self, call: Call) -> Response:
        values = read_attributes(_json_object(call), self.company.known(), is_update=False)
        self._refuse_processed_date(values)
        sheet = self.company.add_sheet(values)
        call.ids |= {"time_sheet": sheet.uuid, **{f"metadata.{k}": v for k, v in sheet.metadata.items()}}
        return answer(sheet.body(self.company.uuid), 201)

    def _sheet(self, call: Call) -> Response:
        return answer(self.company.sheet(call.params["sheet"]).body(self.company.uuid))

    def _update_sheet(self, call: Call) -> Response:
        sheet = self.company.sheet(call.params["sheet"])
        body = _json_object(call)
        if body.get("version") != sheet.version:
            raise stale_sheet()
        whole = {"entity_uuid": sheet.entity_uuid, "entity_type": sheet.entity_type} | body
        values = read_attributes(whole, self.company.known(), is_update=True)
        self._refuse_processed_date(values)
        self.company.set_attributes(sheet, values)
        call.ids["time_sheet"] = sheet.uuid
        return answer(sheet.body(self.company.uuid))

    def _delete_sheet(self, call: Call) -> Response:
        sheet = self.company.sheet(call.params["sheet"])
        self.company.remove_sheet(sheet, version=call.query.get("version", ""))
        call.ids["time_sheet"] = sheet.uuid
        return Response(status_code=204)

    def _refuse_processed_date(self, values: dict[str, Any]) -> None:
        """Nobody has confirmed that a sheet dated in a processed period is refused: only behind the flag."""
        started = values.get("shift_started_at")
        if not self.company.refuses_processed_dates or started is None:
            return
        date = local_date_in(self.company.entity.time_zone, started)
        for payroll in self.company.world.payrolls.values():
            if payroll.period_start.isoformat() <= date <= payroll.period_end.isoformat():
                self.payrolls.refuse_frozen(payroll)

    def _start_sync(self, call: Call) -> Response:
        sync = self.syncs.start(_json_object(call))
        call.ids["payroll_sync"] = sync.uuid
        return answer(sync.body(self.company.uuid), 202)

    def _sync(self, call: Call) -> Response:
        return answer(self.syncs.look(call.params["sync"]).body(self.company.uuid))


def _json_object(call: Call) -> dict[str, Any]:
    """The body, with decimals kept exact."""
    try:
        body = json.loads(call.body, parse_float=Decimal)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise refused(invalid("request", "The body must be a JSON object."))
    return body


def _positive(call: Call, name: str, default: int) -> int:
    given = call.query.get(name, str(default))
    if not given.isdigit() or int(given) < 1:
        raise refused(invalid(name, f"{name} must be a whole number of at least 1"))
    return int(given)


def _include(call: Call) -> set[str]:
    return {part for part in call.query.get("include", "").split(",") if part}
