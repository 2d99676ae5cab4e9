"""The proxy itself: one task a client connection, one connection to the server for each, and the calls held back.

A call is passed on at most once, whatever happens. Bodies beyond `DECIDED_WITHIN` bytes are streamed; the fault is then drawn
from what came until there.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulators.faultproxy.faults import HELD_BACK, Draw, Mix
from simulators.faultproxy.wire import BadMessageError, Head, answer, body_pieces, plain, read_head

if TYPE_CHECKING:
    from collections.abc import Callable

DECIDED_WITHIN = 65_536
LONGEST_TIME_OUT = 120.0  # a client that never hangs up is hung up on
JOURNAL = 200_000  # entries kept
SECOND_LOOK = 2
HOST = "127.0.0.1"


@dataclass
class Call:
    """One call as it went through; a line of the journal.

    ``status``: what the server answered, None if the call did not reach it; ``is_delivered`` tells that it did.
    """

    number: int
    method: str
    path: str
    is_read: bool
    subjects: frozenset[str]
    fault: str | None = None
    status: int | None = None
    is_delivered: bool = False

    def line(self) -> dict[str, Any]:
        """As plain values, without what the records are called."""
        named = ("number", "method", "path", "is_read", "fault", "status", "is_delivered")
        return {name: getattr(self, name) for name in named}


@dataclass
class _Held:
    """A call kept for later."""

    call: Call
    request: bytes
    looks: collections.Counter[str] = field(default_factory=collections.Counter)


Moment = str  # "arrived", "done": carried out there, "answered": all of its answer has left


class FaultProxy:
    """Passes HTTP/1.1 on to one server, with faults.

    Args:
        upstream: host and port of the server.
        on_moment: told of each call at ``arrived``, ``done`` and ``answered``; True closes the connection there and then.

    Attributes:
        journal: the calls, oldest first.
        counts: calls by fault; ``passed`` for those without.
    """

    def __init__(
        self, upstream: tuple[str, int], seed: int = 0, mix: Mix | None = None,
        on_moment: Callable[[Moment, Call], bool] | None = None,
    ) -> None:  # fmt: skip
        self._upstream = upstream
        self._on_moment = on_moment
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self.reset(seed, mix or Mix())

    def reset(self, seed: int, mix: Mix) -> None:
        """Begin anew: another seed, another mix, an empty journal, nothing held back."""
        self.draw = Draw(seed, mix)
        self.journal: collections.deque[Call] = collections.deque(maxlen=JOURNAL)
        self.counts: collections.Counter[str] = collections.Counter()
        self._held: dict[str, list[_Held]] = {}
        self._delivering = asyncio.Lock()
        self._number = 0

    async def start(self, port: int = 0) -> int:
        """Listen on loopback; the port."""
        self._server = await asyncio.start_server(self._client, HOST, port, limit=DECIDED_WITHIN * 2)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close everything; what is held back is dropped."""
        if self._server is not None:
            self._server.close()
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    @property
    def held_back(self) -> int:
        """How many calls wait to be delivered late."""
        return len({id(held) for listed in self._held.values() for held in listed})

    async def release(self) -> int:
        """Deliver all that is held back; how many calls that were."""
        waiting = {id(held): held for listed in self._held.values() for held in listed}
        for held in waiting.values():
            await self._deliver(held)
        return len(waiting)

    # -- one client -----------------------------------------------------------------------------------------------------

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  for the type checker: this is a task
        self._clients.add(task)
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        _no_delay(writer)
        try:
            while (head := await read_head(reader)) is not None:
                if server is not None and server[0].at_eof():
                    server[1].close()
                    server = None
                if server is None:
                    server = await asyncio.open_connection(*self._upstream, limit=DECIDED_WITHIN * 2)
                    _no_delay(server[1])
                if not await self._one(head, reader, writer, *server):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            self.counts["broken"] += (
                1  # either side went away in the middle: the other is told by the closed connection
            )
        finally:
            self._clients.discard(task)
            for each in (writer, server[1] if server else None):
                if each is not None:
                    each.close()

    async def _one(
        self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
        from_server: asyncio.StreamReader, to_server: asyncio.StreamWriter,
    ) -> bool:  # fmt: skip
        """One call; whether the connection may be used again."""
        pieces = body_pieces(reader, head)
        began: list[bytes] = []
        size, is_whole = 0, True
        async for piece in pieces:
            began.append(piece)
            size += len(piece)
            if size >= DECIDED_WITHIN:
                is_whole = False
                break
        body = b"".join(began)
        call = self._called(head, plain(head, body))
        if self._told("arrived", call):
            return False
        if call.fault in HELD_BACK:
            rest = b"" if is_whole else b"".join([piece async for piece in pieces])
            self._hold(call, head.raw + body + rest)
            return False
        if not is_whole and (call.fault or "").endswith("_before"):
            body += b"".join([piece async for piece in pieces])
        if call.fault is not None and (said := await self._refused(call, reader, writer)) is not None:
            return said
        if call.is_read:
            await self._before_look(call)
        to_server.write(head.raw + body)
        if not is_whole:
            async for piece in pieces:
                to_server.write(piece)
                await to_server.drain()
        return await self._back(call, reader, writer, from_server) and not head.is_last

    def _called(self, head: Head, body: bytes) -> Call:
        method, path = head.first, head.second
        is_read = self.draw.is_read(method, path, body)
        self._number += 1
        call = Call(self._number, method, path, is_read, self.draw.subjects(path, body))
        call.fault = self.draw.fault(method, path, body, is_read=is_read)
        self.counts[call.fault or "passed"] += 1
        self.journal.append(call)
        return call

    async def _refused(self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool | None:
        """Faults that never reach the server; whether the connection goes on, or None where the call is passed on."""
        kind = call.fault
        if kind == "drop_before":
            return False
        if kind == "reset_before":
            return _reset(writer)
        if kind == "time_out_before":
            return await _wait_for_hang_up(reader)
        if kind == "error_before":
            writer.write(answer(self.draw.error(call.path), "injected"))
        elif kind == "busy":
            writer.write(answer(429, "busy"))
        elif kind == "busy_wait":
            writer.write(answer(429, "busy", {"Retry-After": str(self.draw.mix.retry_after)}))
        else:
            return None
        await writer.drain()
        return True

    async def _back(
        self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, from_server: asyncio.StreamReader
    ) -> bool:
        """The way back; whether the connection may be used again."""
        head = await read_head(from_server, answers=call.method)
        if head is None:
            raise BadMessageError("the server closed without an answer")
        call.status, call.is_delivered = head.status, True
        if call.fault is None and not self._minds(call):
            writer.write(head.raw)
            async for piece in body_pieces(from_server, head):
                writer.write(piece)
                await writer.drain()
        else:
            body = b"".join([piece async for piece in body_pieces(from_server, head)])
            await self._after_done(call)
            if self._told("done", call):
                return False
            if not await self._answered(call, head.raw, body, reader, writer):
                return False
        await writer.drain()
        return not self._told("answered", call) and not head.is_last and (head.is_chunked or head.length is not None)

    async def _answered(
        self, call: Call, head: bytes, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """What the client gets of a call that was carried out; whether the connection goes on."""
        kind = call.fault
        if kind == "drop_after":
            return False
        if kind == "reset_after":
            return _reset(writer)
        if kind == "time_out_after":
            return await _wait_for_hang_up(reader)
        if kind == "error_after":
            writer.write(answer(self.draw.error(call.path), "injected"))
        elif kind == "truncated":
            whole = head + body
            writer.write(whole[: len(head) + len(body) // 2] if body else whole[: len(whole) // 2])
            await writer.drain()
            return False
        elif kind == "slow":
            writer.write(head)
            for start in range(0, len(body), step := max(1, len(body) // 4)):
                await asyncio.sleep(self.draw.mix.slow_seconds)
                writer.write(body[start : start + step])
                await writer.drain()
        else:
            writer.write(head + body)
        return True

    # -- what is held back ----------------------------------------------------------------------------------------------

    def _hold(self, call: Call, request: bytes) -> None:
        held = _Held(call, request)
        for subject in call.subjects or {""}:
            self._held.setdefault(subject, []).append(held)

    def _waiting(self, call: Call) -> list[_Held]:
        if not self._held:
            return []
        found = {id(held): held for subject in call.subjects for held in self._held.get(subject, ())}
        return list(found.values())

    async def _before_look(self, call: Call) -> None:
        """The second look at a record comes: what is late arrives first."""
        for held in self._waiting(call):
            if held.call.fault == "reorder" and call.fault in {None, "slow"}:
                held.looks.update(call.subjects)
                if max(held.looks[subject] for subject in call.subjects) >= SECOND_LOOK:
                    await self._deliver(held)
        # A call about many records may be on its way for another of them: on a clock moved by hand the quiet period that would
        # have covered a real server's work is over at once.
        async with self._delivering:
            pass

    async def _after_done(self, call: Call) -> None:
        """A look was answered there, or a newer write carried out: what waited for that arrives now."""
        for held in self._waiting(call):
            if not call.is_read or (held.call.fault == "late" and call.fault in {None, "slow"}):
                await self._deliver(held)

    async def _deliver(self, held: _Held) -> None:
        for listed in self._held.values():
            if held in listed:
                listed.remove(held)
        self._held = {subject: listed for subject, listed in self._held.items() if listed}
        async with self._delivering:
            await self._pass_on(held)

    async def _pass_on(self, held: _Held) -> None:
        reader, writer = await asyncio.open_connection(*self._upstream, limit=DECIDED_WITHIN * 2)
        try:
            writer.write(held.request)
            await writer.drain()
            head = await read_head(reader, answers=held.call.method)
            if head is not None:
                held.call.status, held.call.is_delivered = head.status, True
                async for _ in body_pieces(reader, head):
                    pass
        finally:
            writer.close()

    # -- those who watch ------------------------------------------------------------------------------------------------

    def _minds(self, call: Call) -> bool:
        """Whether somebody waits for the moment when the call has been carried out."""
        return self._on_moment is not None or (bool(self._held) and bool(self._waiting(call)))

    def _told(self, moment: Moment, call: Call) -> bool:
        return self._on_moment is not None and self._on_moment(moment, call)


def _no_delay(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _reset(writer: asyncio.StreamWriter) -> bool:
    """RST instead of an orderly end."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


async def _wait_for_hang_up(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_TIME_OUT):
            await reader.read()
    return False
