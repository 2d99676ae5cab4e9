"""A vendor of no importance, served for real, to try the frame on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
import pytest
from starlette.responses import Response

from simulators.firm.model import World
from simulators.kit import AppOptions, Call, Concurrency, KitApp, Route, SimClock, SlidingWindow, answer
from simulators.kit.limits import Limit
from simulators.kit.server import Listener, serve

AS_OF = date(2026, 11, 16)
TOKEN = {"authorization": "Bearer good"}


def make_world() -> World:
    return World(7, 1, AS_OF, date(2026, 8, 24), SimClock(AS_OF))


def make_app(world: World, options: AppOptions) -> KitApp:
    """Keeps numbered notes; its window is 30 calls, its concurrency 2."""
    notes: dict[str, Any] = {}
    window = SlidingWindow("window", 30, 60)

    def authenticate(call: Call) -> Response | None:
        if call.bearer is None or call.bearer != "good" or app.is_revoked(call.bearer):
            return answer({"error": "sign in"}, 401)
        return None

    def listing(_call: Call) -> Response:
        return answer({"items": [{"id": key, "text": value} for key, value in notes.items()], "count": len(notes)})

    def put(call: Call) -> Response:
        call.ids["note"] = call.params["id"]
        notes[call.params["id"]] = call.json()["text"]
        return Response(status_code=204)

    def fail(_call: Call) -> Response:
        raise RuntimeError("the simulator is broken")

    def refuse(_call: Call, limit: Limit) -> Response:
        return answer({"error": limit.name}, 429)

    app = KitApp(
        "acme",
        world,
        options,
        routes=[
            Route("GET", "/notes", listing),
            Route("PUT", "/notes/{id}", put),
            Route("POST", "/search", listing, reads=True),
            Route("GET", "/ping", lambda _call: answer({}), open_to_all=True),
            Route("GET", "/fail", fail),
        ],
        authenticate=authenticate,
        limits=[window, Concurrency("at once", 2)],
        refuse=refuse,
        finish=lambda _call, response: response.headers.update({"x-left": str(window.allowed() - window.used(""))}),
        holdings=lambda _query: {"notes": len(notes)},
    )
    world.changes.register("forget", lambda: {"forgotten": [notes.popitem()[0]] if notes else []})
    return app


@dataclass
class Acme:
    client: httpx.Client
    app: KitApp
    world: World

    def put(self, key: str, text: str = "hello") -> httpx.Response:
        return self.client.put(f"/notes/{key}", json={"text": text})

    def fault(self, kind: str, **given: Any) -> None:
        assert self.client.post("/_control/faults", json={"kind": kind, **given}).status_code == 200

    def journal(self, **filters: Any) -> dict[str, Any]:
        return dict(self.client.get("/_control/journal", params=filters).json())


@pytest.fixture
def acme() -> Iterator[Acme]:
    world = make_world()
    listener = Listener.bind("acme", tls=False)
    app = make_app(world, AppOptions(listener.origin))
    loop, ready = asyncio.new_event_loop(), threading.Event()
    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve([(listener, app)], None, ready.set, stop)))
    thread.start()
    assert ready.wait(10)
    with httpx.Client(base_url=listener.origin, headers=TOKEN, timeout=5, trust_env=False) as client:
        yield Acme(client, app, world)
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()
    listener.sock.close()
