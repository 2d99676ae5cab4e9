"""The tenant's HTTP surface: the report as a service, SOAP Human_Resources, sign-in of both."""

from __future__ import annotations

import base64
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from simulators.kit import Call, KitApp, Limit, Route, SlidingWindow, answer
from simulators.workday import report, soap, verbs
from simulators.workday.user import OWNER, TENANT, derived

if TYPE_CHECKING:
    from simulators.firm.model import World
    from simulators.kit import AppOptions

REPORT = "Workers_for_Hourline"
XML = "text/xml; charset=utf-8"
CALLS_A_SECOND = 10


class Workday:
    """One tenant."""

    def __init__(self, world: World, options: AppOptions) -> None:
        self.world = world
        self.options = options
        self.workers = soap.Workers(world)
        self.is_authorized = True
        self.processing_fault = ""
        self.bearer_tokens: set[str] = set()
        is_limited = options.has("workday_calls_a_second")
        self.kit = KitApp(
            "workday",
            world,
            options,
            routes=[
                Route("GET", "/ccx/service/customreport2/{tenant}/{owner}/{report}", self._report),
                Route("GET", "/ccx/service/{tenant}/Human_Resources/v{version}", self._wsdl, open_to_all=True),
                Route(
                    "POST", "/ccx/service/{tenant}/Human_Resources/v{version}", self._soap, reads=True, open_to_all=True
                ),
            ],
            authenticate=self._authenticate,
            limits=[SlidingWindow("calls_a_second", CALLS_A_SECOND, 1.0)] if is_limited else [],
            refuse=self._refuse,
            not_found=lambda _call, _allowed: _failed(404, "The requested resource does not exist"),
            failed=lambda _call, _error: _failed(500, "An internal error occurred"),
            holdings=lambda _query: {"workers": len(report.workers(world))},
        )
        verbs.register(world, self)

    @property
    def password(self) -> str:
        return derived(self.options.seed, "password")

    def knows(self, user: str, password: str) -> bool:
        """The integration's user, by name or as `user@tenant`."""
        return user in (OWNER, f"{OWNER}@{TENANT}") and password == self.password

    def _authenticate(self, call: Call) -> Response | None:
        scheme, _, given = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and given in self.bearer_tokens and not self.kit.is_revoked(given):
            return None
        if scheme.lower() == "basic":
            try:
                user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
            except ValueError:
                user = password = ""
            if self.knows(user, password) and not self.kit.is_revoked(password):
                return None
        return _failed(401, "invalid username or password", {"WWW-Authenticate": 'Basic realm="Workday"'})

    def _refuse(self, _call: Call, _limit: Limit) -> Response:
        return _failed(429, "Too many requests")

    def _report(self, call: Call) -> Response:
        if (call.params["tenant"], call.params["owner"], call.params["report"]) != (TENANT, OWNER, REPORT):
            return _failed(404, "No such report is enabled as a web service")
        if not self.is_authorized:
            return _failed(403, "The task submitted is not authorized.")
        if "xsds" in call.query:
            return Response(report.schema(REPORT), media_type="text/xml")
        prompts = {name: value for name, value in call.query.items() if name != "format"}
        if call.query.get("format") != "json":
            return _failed(400, "Only format=json is served")
        if unknown := sorted(set(prompts) - report.PROMPTS):
            return _failed(400, f"The report has no prompt {', '.join(unknown)}")
        try:
            updated_from = report.moment(prompts["Updated_From"]) if "Updated_From" in prompts else None
        except ValueError:
            return _failed(400, "Updated_From must be a date or a date-time")
        return answer(report.entries(self.world, updated_from))

    def _wsdl(self, call: Call) -> Response:
        if "wsdl" not in call.query or call.params["tenant"] != TENANT:
            return _failed(404, "The requested resource does not exist")
        text = (files("simulators.workday") / "human_resources.wsdl.xml").read_text("utf-8")
        return Response(text.replace("{location}", f"{self.options.origin}{call.path}"), media_type=XML)

    def _soap(self, call: Call) -> Response:
        try:
            return Response(self._operation(call), media_type=XML)
        except soap.SoapFault as fault:
            return Response(fault.body(), 500, media_type=XML)

    def _operation(self, call: Call) -> bytes:
        user, password, request = soap.read_envelope(call.body)
        if call.params["tenant"] != TENANT or not user.endswith(f"@{TENANT}") or not self.knows(user, password):
            raise soap.SoapFault("Client.authenticationError", "invalid username or password")
        if not self.is_authorized:
            raise soap.SoapFault("Client", "The task submitted is not authorized.")
        if self.processing_fault:
            raise soap.SoapFault("Server", "Processing error occurred.", processing=self.processing_fault)
        if not soap.is_get_workers(request):
            raise soap.SoapFault("Client", "The operation is not served here")
        return self.workers.answer(request, call.params["version"])


def _failed(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    body: dict[str, Any] = {"error": message}
    return answer(body, status, headers)
