"""The frame round a vendor: faults, limits, sign-in, the vendor's handler, the journal."""

from __future__ import annotations

import asyncio
import inspect
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.routing import compile_path

from simulators.kit.call import Call
from simulators.kit.control import Control
from simulators.kit.faults import Fault, PageShape, spoil_page
from simulators.kit.journal import READS, Journal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.types import Receive, Scope, Send

    from simulators.firm.model import World
    from simulators.kit.limits import Limit
    from simulators.kit.tape import Tape

Handler = "Callable[[Call], Response | Awaitable[Response]]"


@dataclass(frozen=True)
class AppOptions:
    """What the run decides for a vendor.

    `allowance` multiplies the vendor's documented limits; `unconfirmed` names behaviours that the vendor's documents
    do not confirm and that are off unless named (`has`)."""

    origin: str
    seed: int = 7
    allowance: int = 1
    unconfirmed: frozenset[str] = frozenset()

    def has(self, flag: str) -> bool:
        return flag in self.unconfirmed


class Answer(Response):
    """JSON with its payload kept, so that a fault can spoil it."""

    media_type = "application/json"

    def __init__(self, payload: Any, status: int, headers: Mapping[str, str] | None, media_type: str | None) -> None:
        self.payload = payload
        super().__init__(orjson.dumps(payload), status, headers, media_type or self.media_type)


def answer(
    payload: Any, status: int = 200, headers: Mapping[str, str] | None = None, media_type: str | None = None
) -> Response:
    """A JSON answer. For one without a body return `Response(status_code=204)`."""
    return Answer(payload, status, headers, media_type)


class Route:
    """`template` as Starlette writes paths: `/v1/people/{id}`, `/files/{rest:path}`. `reads=True` marks a POST that
    changes nothing (a query, a token), so that it does not count as a write; `open_to_all` needs no sign-in; `advances`
    marks a read that moves something on there (a job that goes a step further each time it is looked at)."""

    def __init__(
        self,
        methods: str,
        template: str,
        handler: Callable[[Call], Response | Awaitable[Response]],
        *,
        reads: bool = False,
        open_to_all: bool = False,
        advances: bool = False,
    ) -> None:
        self.methods = frozenset(methods.upper().split("|"))
        self.template = template
        self.handler = handler
        self.reads = reads
        self.open_to_all = open_to_all
        self.advances = advances
        self._pattern = compile_path(template)[0]

    def match(self, path: str) -> dict[str, str] | None:
        found = self._pattern.match(path)
        return found.groupdict() if found else None


@dataclass
class _Served:
    """What became of a call on its way to the wire."""

    response: Response | None
    outcome: str
    route: str
    is_write: bool


class KitApp:
    """One vendor as an ASGI app.

    Order for a call: drop / status faults, limits, delay faults, `authenticate` (skipped for `open_to_all` routes),
    route, handler, drop-after, page faults, `finish`, journal. Paths under `/_control` never reach the vendor.

    - `authenticate(call)` returns the vendor's refusal, or None. `is_revoked(token)` knows revoked ones.
    - `limits` are entered in order with `limit_key(call)`; the first that is full is worded by `refuse(call, limit)`.
    - `not_found(call, allowed_methods)` words an unknown path or method; `failed(call, error)` an unforeseen error.
    - `finish(call, response)` may add headers to every answer, refusals too.
    - `holdings(query)` is the vendor's own account of what it holds now, for `GET /_control/holdings`: counts and rows
      as the vendor's staff would see them, which a test compares with our statement.
    - `shape` says where rows are in the vendor's pages.
    """

    def __init__(
        self,
        vendor: str,
        world: World,
        options: AppOptions,
        *,
        routes: Sequence[Route],
        authenticate: Callable[[Call], Response | None] | None = None,
        limits: Sequence[Limit] = (),
        limit_key: Callable[[Call], str] | None = None,
        refuse: Callable[[Call, Limit], Response] | None = None,
        not_found: Callable[[Call, frozenset[str]], Response] | None = None,
        failed: Callable[[Call, Exception], Response] | None = None,
        finish: Callable[[Call, Response], None] | None = None,
        holdings: Callable[[QueryParams], Any] | None = None,
        shape: PageShape | None = None,
    ) -> None:
        self.vendor = vendor
        self.world = world
        self.options = options
        self.routes = list(routes)
        self.authenticate = authenticate
        self.limits = list(limits)
        self.limit_key = limit_key or (lambda _call: "")
        self.refuse = refuse or (lambda _call, limit: Response(f"limit {limit.name} reached", 429))
        self.not_found = not_found or (lambda _call, allowed: Response("not found", 405 if allowed else 404))
        self.failed = failed or (lambda _call, _error: Response("internal error", 500))
        self.finish = finish
        self.holdings = holdings
        self.shape = shape or PageShape()
        self.journal = Journal()
        self.tape: Tape | None = None
        self.faults: list[Fault] = []
        self.revoked: set[str] = set()
        self.errors: list[str] = []  # unforeseen ones: a test asserts that there are none
        self.raise_allowance(options.allowance)
        self._control = Control(self)

    def raise_allowance(self, factor: int) -> None:
        """Multiplies every documented limit; 1 is what the vendor's documents say."""
        if factor < 1:
            raise ValueError("an allowance is raised by a whole number of at least 1")
        for limit in self.limits:
            limit.factor = factor

    def is_revoked(self, token: str) -> bool:
        return "*" in self.revoked or token in self.revoked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        call = await _read(scope, receive)
        if call.path == "/_control" or call.path.startswith("/_control/"):
            await self._control.handle(call)(scope, receive, send)
            return
        await self._serve(call, scope, receive, send)

    async def _serve(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.monotonic()
        query = str(call.query)
        struck = [fault for fault in self.faults if fault.strikes(call.method, call.path, query)]
        kinds = {fault.kind: fault for fault in struck}
        if "revoke" in kinds:
            self.revoked.add(kinds["revoke"].token)
        served = await self._decide(call, kinds)
        if served.response is not None and self.finish is not None:
            self.finish(call, served.response)
        if "truncate" in kinds and served.outcome == "answered":
            served.outcome = "cut"
        self.journal.record(
            method=call.method,
            path=call.path,
            query=query,
            route=served.route,
            is_write=served.is_write,
            status=served.response.status_code if served.response is not None else 0,
            outcome=served.outcome,
            ids=call.ids,
            body=call.body,
            now=self.world.clock.now(),
            seconds=time.monotonic() - started,
        )
        if served.response is None or served.outcome == "dropped_after":
            await _hang_up(scope, receive)
        elif served.outcome == "cut":
            await _send_half(served.response, scope, receive, send)
        else:
            await served.response(scope, receive, send)

    async def _decide(self, call: Call, kinds: Mapping[str, Fault]) -> _Served:
        route, allowed = self.find(call)
        template = route.template if route else "(no such path)"
        is_write = call.method not in READS and not (route and route.reads)
        if "drop" in kinds:
            return _Served(None, "dropped", template, is_write)
        if fault := kinds.get("status"):
            return _Served(_plain(fault), "fault", template, is_write)
        key = self.limit_key(call)
        entered: list[Limit] = []
        try:
            for limit in self.limits:
                if not limit.enter(key):
                    return _Served(self.refuse(call, limit), "refused", template, is_write)
                entered.append(limit)
            if fault := kinds.get("delay"):
                await asyncio.sleep(fault.seconds)
            response = await self._answer(call, route, allowed)
            if self.tape is not None and response.status_code < 400 and (is_write or (route and route.advances)):
                self.tape.call(self.vendor, call, self.world.clock.now())
        finally:
            for limit in entered:
                limit.leave(key)
        if "drop_after" in kinds:
            return _Served(response, "dropped_after", template, is_write)
        return _Served(self._spoil(response, kinds), "answered", template, is_write)

    def find(self, call: Call) -> tuple[Route | None, frozenset[str]]:
        """The route that takes the call, its params filled in; else the methods that the path allows."""
        allowed: set[str] = set()
        for route in self.routes:
            params = route.match(call.path)
            if params is None:
                continue
            if call.method in route.methods:
                call.params = params
                return route, frozenset()
            allowed |= route.methods
        return None, frozenset(allowed)

    async def _answer(self, call: Call, route: Route | None, allowed: frozenset[str]) -> Response:
        try:
            if self.authenticate is not None and not (route and route.open_to_all):
                refusal = self.authenticate(call)
                if refusal is not None:
                    return refusal
            if route is None:
                return self.not_found(call, allowed)
            response = route.handler(call)
            return await response if inspect.isawaitable(response) else response
        except Exception as error:  # noqa: BLE001 - a simulator's own mistake must reach the test that caused it
            self.errors.append(f"{call.method} {call.path}: {type(error).__name__}: {error}")
            return self.failed(call, error)

    def _spoil(self, response: Response, kinds: Mapping[str, Fault]) -> Response:
        for kind in ("empty_page", "drop_rows", "missing_column", "wrong_type"):
            fault = kinds.get(kind)
            if fault is not None and isinstance(response, Answer) and response.status_code == 200:
                payload = spoil_page(fault, response.payload, self.shape)
                response = _like(response, orjson.dumps(payload), payload)
        if "malformed" in kinds:
            response = _like(response, b'{"oops": [' + bytes(response.body)[: max(0, len(response.body) - 10)], None)
        return response


async def _read(scope: Scope, receive: Receive) -> Call:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            break
    headers = Headers(scope=scope)
    query = scope["query_string"].decode("latin-1")
    # As sent, escapes and all: a signature is over these very characters.
    sent = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    url = f"{scope['scheme']}://{headers.get('host', '')}{sent}" + (f"?{query}" if query else "")
    return Call(scope["method"], scope["path"], QueryParams(query), headers, bytes(body), url)


def _plain(fault: Fault) -> Response:
    if isinstance(fault.body, str):
        return Response(fault.body, fault.status, fault.headers, "text/plain")
    return Answer(fault.body, fault.status, fault.headers, None)


def _like(response: Response, body: bytes, payload: Any) -> Response:
    """The same answer with another body."""
    kept = {name: value for name, value in response.headers.items() if name != "content-length"}
    if payload is not None:
        return Answer(payload, response.status_code, kept, kept.get("content-type"))
    return Response(body, response.status_code, kept, kept.get("content-type"))


async def _hang_up(scope: Scope, receive: Receive) -> None:
    """Closes the connection with no answer; needs the server's `kit.transport` (see `simulators.kit.server`)."""
    scope["extensions"]["kit.transport"].abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_half(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    body = bytes(response.body)
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    scope["extensions"]["kit.transport"].close()  # flushes what was written, then ends
    while (await receive())["type"] != "http.disconnect":
        pass
