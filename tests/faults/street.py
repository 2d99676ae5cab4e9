"""The other side of the street: a destination behind a fault proxy, in a thread here or in a process of its own.

``Street`` runs in a thread, for tests that watch each call; ``StreetProcess`` in a process, so that a long run's client and
its vendor don't share one interpreter.
"""

import asyncio
import multiprocessing
import threading
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulators.faultproxy import Call, FaultProxy, Mix
from tests.faults.destination import DestinationServer, Holdings


@dataclass(frozen=True)
class Account:
    """What stands there at the end, as the destination itself counts.

    ``net``: by hour, how many records, minutes, money. ``faults``: calls by fault.
    """

    net: dict[str, tuple[int, Decimal, Decimal]]
    writes: int
    looks: int
    faults: dict[str, int]


class Street:
    """One destination and the proxy before it, in an event loop of their own."""

    def __init__(
        self, temper: str, seed: int = 0, mix: Mix | None = None, on_moment: Callable[[str, Call], bool] | None = None
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = DestinationServer(Holdings(temper))
        port = self._wait(self._server.start())
        self.proxy = FaultProxy(("127.0.0.1", port), seed, mix, on_moment)
        self.url = f"http://127.0.0.1:{self._wait(self.proxy.start())}"
        self.direct_url = f"http://127.0.0.1:{port}"

    @property
    def holdings(self) -> Holdings:
        """What the destination holds."""
        return self._server.holdings

    def reset(self, temper: str, seed: int = 0, mix: Mix | None = None) -> None:
        """An empty destination of another temper, other faults."""
        self._wait(self._reset(temper, seed, mix or Mix()))

    async def _reset(self, temper: str, seed: int, mix: Mix) -> None:
        self._server.holdings = Holdings(temper)
        self.proxy.reset(seed, mix)

    def calm(self) -> None:
        """Deliver what is held back; no more faults."""
        self._wait(self.proxy.release())
        self.proxy.draw.mix = Mix(subjects=self.proxy.draw.mix.subjects)

    def account(self) -> Account:
        """What stands there once everything held back has arrived."""
        self._wait(self.proxy.release())
        there = self.holdings
        return Account(there.net(), there.writes, there.looks, dict(self.proxy.counts))

    def close(self) -> None:
        """Stop serving."""
        self._wait(self.proxy.stop())
        self._wait(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)


class ProxyThread:
    """A proxy before somebody else's server, in an event loop of its own."""

    def __init__(self, upstream: tuple[str, int], seed: int, mix: Mix) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.proxy = FaultProxy(upstream, seed, mix)
        self.url = f"http://127.0.0.1:{self._wait(self.proxy.start())}"

    def release(self) -> None:
        """Deliver what is held back."""
        self._wait(self.proxy.release())

    def close(self) -> None:
        """Stop passing on."""
        self._wait(self.proxy.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)


class StreetProcess:
    """The same in a process of its own."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        self.url: str = self._ours.recv()

    def reset(self, temper: str, seed: int = 0, mix: Mix | None = None) -> None:
        """As `Street.reset`."""
        self._ask("reset", temper, seed, mix)

    def calm(self) -> None:
        """As `Street.calm`."""
        self._ask("calm")

    def account(self) -> Account:
        """As `Street.account`."""
        found = self._ask("account")
        assert isinstance(found, Account)
        return found

    def close(self) -> None:
        """End the process."""
        self._ours.send(None)
        self._process.join(timeout=20)

    def _ask(self, verb: str, *given: Any) -> Any:
        self._ours.send((verb, given))
        return self._ours.recv()


def _serve(pipe: Any) -> None:
    street = Street("honours_keys")
    pipe.send(street.url)
    try:
        while (asked := pipe.recv()) is not None:
            verb, given = asked
            pipe.send(getattr(street, verb)(*given))
    except EOFError:
        pass  # whoever asked is gone
    finally:
        street.close()
