"""What was changed since the firm was made, in order, so that a later run goes on from where this one stopped.

The firm is made anew from its seed; then every change, through a vendor's API or the control path, is carried out
again at the instant it first had. Ids and stamps come from the seed, the order and the clock, so all of them return.
Refused calls changed nothing and are not kept; neither are tokens, limits, faults and journals: those begin afresh.
"""

from __future__ import annotations

import asyncio
import inspect
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response

from simulators.kit.app import Call, KitApp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from simulators.kit.clock import SimClock

REFUSED = 400
KEPT_HEADERS = ("content-type", "prefer", "if-match")


class Memory:
    """One file of one JSON object a line; grows with every change."""

    def __init__(self, path: Path, clock: SimClock) -> None:
        self._path = path
        self._clock = clock
        self._is_reliving = False

    async def answer(
        self, vendor: str, call: Call, handler: Callable[[Call], Response | Awaitable[Response]]
    ) -> Response:
        """Handles a call that may change something, at one instant, and keeps it unless it was refused."""
        with self._clock.pinned() as instant:
            response = handler(call)
            if inspect.isawaitable(response):
                response = await response
        if response.status_code < REFUSED:
            headers = {name: call.headers[name] for name in KEPT_HEADERS if name in call.headers}
            self._keep(
                instant,
                vendor=vendor,
                method=call.method,
                path=call.path,
                query=str(call.query),
                headers=headers,
                principal=call.principal,
                body=call.body.decode("utf-8", "surrogateescape"),
            )
        return response

    def change(self, verb: str, arguments: Mapping[str, Any], perform: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Performs a verb at one instant and keeps it; the verbs that it performs in turn are part of it."""
        if self._is_reliving:
            return perform()
        with self._clock.pinned() as instant:
            self._is_reliving = True
            try:
                changed = perform()
            finally:
                self._is_reliving = False
        self._keep(instant, verb=verb, arguments=dict(arguments))
        return changed

    def relive(self, apps: Mapping[str, KitApp], perform: Callable[[str, Mapping[str, Any]], Any]) -> int:
        """Carries out again what is kept; returns how many changes that were."""
        if not self._path.exists():
            return 0
        lines = self._path.read_bytes().splitlines()
        self._is_reliving = True
        try:
            asyncio.run(self._relive(lines, apps, perform))
        finally:
            self._is_reliving = False
        return len(lines)

    async def _relive(
        self, lines: list[bytes], apps: Mapping[str, KitApp], perform: Callable[[str, Mapping[str, Any]], Any]
    ) -> None:
        for number, line in enumerate(lines, 1):
            kept = orjson.loads(line)
            with self._clock.pinned(datetime.fromisoformat(kept["at"])):
                if "verb" in kept:
                    perform(kept["verb"], kept["arguments"])
                    continue
                status = await _again(apps[kept["vendor"]], kept)
            if status >= REFUSED:
                raise ValueError(f"{self._path}:{number}: {kept['method']} {kept['path']} was taken then, now it is {status}")

    def _keep(self, instant: datetime, **what: Any) -> None:
        if self._is_reliving:
            return
        with self._path.open("ab") as file:
            file.write(orjson.dumps({"at": instant.isoformat(), **what}) + b"\n")


async def _again(app: KitApp, kept: Mapping[str, Any]) -> int:
    call = Call(
        kept["method"],
        kept["path"],
        QueryParams(kept["query"]),
        Headers(kept["headers"]),
        kept["body"].encode("utf-8", "surrogateescape"),
        f"{app.options.origin}{kept['path']}",
        principal=kept["principal"],
    )
    response = app.repeat(call)
    return (await response if inspect.isawaitable(response) else response).status_code
