"""A fault proxy before a running Tryton: every fault by a seed, or one by one as a test asks for them."""

from __future__ import annotations

import asyncio
import collections
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from plumbing.settings import Connection
from simulators.faultproxy import Call, FaultProxy, Mix
from simulators.faultproxy.faults import Draw

# One address serves all calls: which are reads stands in the body. A sign-in and what is said about the server change nothing.
_READ_METHODS = "search|search_read|search_count|read|fields_get|get_preferences|get_access"
READS = (rf'"method":"(common\.[a-z.]+|model\.[a-z_.]+\.({_READ_METHODS}))"',)
# Our key: as the marker carries it, and as the uuid that is made from it.
SUBJECTS = (r"[A-Za-z0-9-]+-g\d+", r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ASKED = {"drop": "drop_before", "drop_after": "drop_after", "status 500": "error_before", "status 429": "busy_wait"}


class AskedFor(Draw):
    """Gives writes the faults that were asked for, one after the other; else what the seed draws."""

    def __init__(self, seed: int, mix: Mix) -> None:
        super().__init__(seed, mix)
        self.script: collections.deque[str] = collections.deque()

    def fault(self, method: str, path: str, body: bytes, *, is_read: bool) -> str | None:
        if self.script and not is_read:
            return self.script.popleft()
        return super().fault(method, path, body, is_read=is_read)


class TrytonStreet:
    """The proxy in a thread of its own; a test's control path of a vendor that has none.

    Args:
        url: of the server.
        on_moment: see `simulators.faultproxy.FaultProxy`.
    """

    def __init__(self, url: str, on_moment: Callable[[str, Call], bool] | None = None) -> None:
        self.on_moment = on_moment
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        parts = urlsplit(url)
        self._proxy = FaultProxy((str(parts.hostname), int(parts.port or 80)), on_moment=self._moment)
        self.url = f"http://127.0.0.1:{self._wait(self._proxy.start())}"
        self.reset()

    def reset(self, seed: int = 0, **mix: Any) -> None:
        """Other faults, drawn from the seed; none unless ``share`` says so."""
        self._wait(self._reset(seed, Mix(reads=READS, subjects=SUBJECTS, **mix)))

    async def _reset(self, seed: int, mix: Mix) -> None:
        self._proxy.reset(seed, mix)
        self._draw = self._proxy.draw = AskedFor(seed, mix)

    def through(self, connection: Connection) -> Connection:
        """The same connection, by way of the proxy."""
        return replace(connection, base_url=self.url)

    def calm(self) -> None:
        """Deliver what is held back; no more faults."""
        self._wait(self._proxy.release())
        self._draw.mix = Mix(reads=READS, subjects=SUBJECTS)

    @property
    def counts(self) -> Mapping[str, int]:
        """Calls by fault; ``passed`` for those without."""
        return dict(self._proxy.counts)

    def writes(self) -> int:
        """Writes that came since the journal was cleared, those that met a fault too."""
        return sum(not call.is_read for call in self._proxy.journal)

    def close(self) -> None:
        self._wait(self._proxy.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    # -- as the control path of a simulator ----------------------------------------------------------------------------

    def fault(
        self, kind: str, *, times: int = 1, status: int | None = None, headers: Any = None, **_where: Any
    ) -> None:
        """The next writes meet it; a 429 asks for one second."""
        name = ASKED[kind if status is None else f"{kind} {status}"]
        assert headers is None or headers == {"Retry-After": str(self._draw.mix.retry_after)}
        self._draw.script.extend([name] * times)

    def clear_faults(self) -> None:
        self._draw.script.clear()

    def journal(self, **_filters: Any) -> dict[str, Any]:
        return {"total_writes": self.writes()}

    def total_writes(self) -> int:
        return self.writes()

    def clear_journal(self) -> None:
        self._proxy.journal.clear()

    def errors(self) -> list[str]:
        """Calls that were passed on as they came and got no answer."""
        return [str(call.line()) for call in self._proxy.journal if call.fault is None and not call.is_delivered]

    def _moment(self, moment: str, call: Call) -> bool:
        return self.on_moment is not None and self.on_moment(moment, call)

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=120)
