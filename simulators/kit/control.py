"""The control path `/_control/…` of every vendor: what a test or the demo does from outside the vendor's own API.

GET  /_control/health      {"vendor", "now", "entries", "errors"}
GET  /_control/journal     calls, filtered (see Journal.read); DELETE clears
GET  /_control/faults      switches and how often each hit; POST one or a list (see Fault); DELETE clears all
GET  /_control/clock       {"now", "frozen"}; POST {"frozen": true|false} {"advance_seconds": n} {"now": "…Z"}
GET  /_control/allowance   limits; POST {"factor": n}
GET  /_control/verbs       what POST /_control/change knows
POST /_control/change      {"verb": …, arguments}: changes the firm; the same on every vendor's control path
GET  /_control/truth       one JSON line per time entry, computed now
GET  /_control/holdings    what this vendor holds, in its own words
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response, StreamingResponse

from simulators.kit.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulators.kit.app import KitApp
    from simulators.kit.call import Call


class Control:
    """Never journalled, limited or hit by faults. A bad request is 400 with one sentence in `error`."""

    def __init__(self, app: KitApp) -> None:
        self._app = app

    def handle(self, call: Call) -> Response:
        name = call.path.removeprefix("/_control").strip("/").replace("-", "_")
        handler = getattr(self, f"_{call.method.lower()}_{name}", None)
        if handler is None:
            return _json({"error": f"no control {call.method} {call.path}; see simulators/kit/control.py"}, 404)
        try:
            result = handler(call)
        except (ValueError, KeyError, TypeError) as error:
            return _json({"error": str(error)}, 400)
        return result if isinstance(result, Response) else _json(result)

    def _get_health(self, _call: Call) -> Any:
        world = self._app.world
        return {
            "vendor": self._app.vendor,
            "now": world.clock.now().isoformat(),
            "entries": world.entries.count(),
            "errors": self._app.errors,
        }

    def _get_journal(self, call: Call) -> Any:
        return self._app.journal.read(dict(call.query))

    def _delete_journal(self, _call: Call) -> Any:
        self._app.journal.clear()
        return {"cleared": True}

    def _get_faults(self, _call: Call) -> Any:
        return [vars(fault) for fault in self._app.faults]

    def _post_faults(self, call: Call) -> Any:
        given = call.json()
        new = [Fault.parse(one) for one in (given if isinstance(given, list) else [given])]
        for fault in new:
            if fault.kind == "revoke":  # takes effect at once: a token is revoked there, not by a call
                self._app.revoked.add(fault.token)
        self._app.faults += [fault for fault in new if fault.kind != "revoke"]
        return {"faults": len(self._app.faults), "revoked": sorted(self._app.revoked)}

    def _delete_faults(self, _call: Call) -> Any:
        self._app.faults.clear()
        self._app.revoked.clear()
        return {"faults": 0}

    def _get_clock(self, _call: Call) -> Any:
        clock = self._app.world.clock
        return {"now": clock.now().isoformat(), "frozen": clock.frozen}

    def _post_clock(self, call: Call) -> Any:
        clock = self._app.world.clock
        given = call.json()
        if unknown := set(given) - {"now", "advance_seconds", "frozen"}:
            raise ValueError(f"the clock knows no {', '.join(sorted(unknown))}; it knows now, advance_seconds, frozen")
        if "now" in given:
            clock.set(datetime.fromisoformat(given["now"]))
        if "advance_seconds" in given:
            clock.advance(float(given["advance_seconds"]))
        if "frozen" in given:
            (clock.freeze if given["frozen"] else clock.run)()
        return self._get_clock(call)

    def _get_allowance(self, _call: Call) -> Any:
        return {limit.name: {"allowed": limit.allowed(), "factor": limit.factor} for limit in self._app.limits}

    def _post_allowance(self, call: Call) -> Any:
        self._app.raise_allowance(int(call.json()["factor"]))
        return self._get_allowance(call)

    def _get_verbs(self, _call: Call) -> Any:
        return self._app.world.changes.describe()

    def _post_change(self, call: Call) -> Any:
        given = call.json()
        if not isinstance(given, dict) or "verb" not in given:
            raise ValueError('a change is an object with a verb, like {"verb": "approve", "count": 5}')
        verb = given.pop("verb")
        at = self._app.world.clock.now()
        done = self._app.world.changes.perform(verb, given)
        if self._app.tape is not None:
            self._app.tape.change(verb, given, at)
        return done

    def _get_truth(self, _call: Call) -> Response:
        def lines() -> Iterator[bytes]:
            for row in self._app.world.truth():
                yield orjson.dumps(row) + b"\n"

        return StreamingResponse(_batched(lines()), media_type="application/x-ndjson")

    def _get_holdings(self, call: Call) -> Any:
        if self._app.holdings is None:
            raise ValueError(f"{self._app.vendor} keeps no holdings of its own")
        return self._app.holdings(call.query)


async def _batched(lines: Iterator[bytes]) -> Any:
    """Sends some thousand lines at a time, in the event loop, where the firm's database lives."""
    batch: list[bytes] = []
    for line in lines:
        batch.append(line)
        if len(batch) >= 2_000:
            yield b"".join(batch)
            batch.clear()
    yield b"".join(batch)


def _json(payload: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(payload, default=str), status, media_type="application/json")
