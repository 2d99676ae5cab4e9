"""What happened to the vendors, kept in a file, so that a run can be gone on with after its end.

One seed gives one firm; what callers wrote since is told again, call by call, at the firm's time of then. So a vendor's
new ids must come from counters or the seed and the call, and its stamps from the firm's clock.
"""

from __future__ import annotations

import inspect
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from starlette.datastructures import Headers, QueryParams

from simulators.kit.call import Call

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from simulators.firm.model import World
    from simulators.kit.app import KitApp

SECRET_HEADERS = frozenset({"authorization", "cookie"})


class Tape:
    """Appends to one file. `firm` says whose tape it is (seed, size, as-of date); another firm's is refused."""

    def __init__(self, path: Path, firm: Mapping[str, Any]) -> None:
        self._path = path
        self._firm = dict(firm)
        self._past: list[dict[str, Any]] = []
        if path.exists():
            self._past = self._read()
        self._file = path.open("ab")
        if not self._past and path.stat().st_size == 0:
            self._write({"firm": self._firm})

    def _read(self) -> list[dict[str, Any]]:
        lines = self._path.read_bytes().split(b"\n")
        whole = [orjson.loads(line) for line in lines[:-1]]  # a last line without its end was cut off by a kill
        self._path.write_bytes(b"".join(line + b"\n" for line in lines[:-1]))
        if whole and whole[0] != {"firm": self._firm}:
            raise ValueError(
                f"{self._path} tells of another firm ({whole[0].get('firm')}); give the same seed, entries and as-of "
                "date, or delete the file to start over"
            )
        return whole[1:]

    def call(self, vendor: str, call: Call, at: datetime) -> None:
        """A call that changed something."""
        self._write(
            {
                "vendor": vendor,
                "at": at.isoformat(),
                "method": call.method,
                "path": call.path,
                "query": str(call.query),
                "url": call.url,
                "headers": [[k, v] for k, v in call.headers.items() if k not in SECRET_HEADERS],
                "body": call.body.decode("latin-1"),
                "principal": call.principal,
            }
        )

    def change(self, verb: str, arguments: Mapping[str, Any], at: datetime) -> None:
        """A verb of `POST /_control/change`."""
        self._write({"verb": verb, "arguments": dict(arguments), "at": at.isoformat()})

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(orjson.dumps(line) + b"\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    async def replay(self, world: World, apps: Mapping[str, KitApp]) -> int:
        """Tells it all again; says how many there were. Calls of vendors that are not served are left out."""
        if not self._past:
            return 0
        world.clock.freeze()
        for line in self._past:
            world.clock.set(datetime.fromisoformat(line["at"]))
            if "verb" in line:
                world.changes.perform(line["verb"], line["arguments"])
            elif line["vendor"] in apps:
                await _repeat(apps[line["vendor"]], line)
        world.clock.run()
        return len(self._past)


async def _repeat(app: KitApp, line: Mapping[str, Any]) -> None:
    headers = Headers(raw=[(k.encode("latin-1"), v.encode("latin-1")) for k, v in line["headers"]])
    body = line["body"].encode("latin-1")
    call = Call(line["method"], line["path"], QueryParams(line["query"]), headers, body, line["url"])
    call.principal = line["principal"]
    route, _ = app.find(call)
    if route is None:
        raise ValueError(f"the tape tells of {call.method} {call.path}, which {app.vendor} no longer knows")
    answered = route.handler(call)
    if inspect.isawaitable(answered):
        await answered
