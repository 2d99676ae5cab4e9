"""The destination of the push benchmarks: HTTP/1.1 over asyncio, a few instructions a call, on a core of its own.

Honest all the same: it frames requests by Content-Length, keeps every key with its record's number, gives the number it gave
before when a key comes again, and says how many calls, records and keys it saw (GET /count): more records than keys are repeats.
Run as ``python -m benchmarks._destination PORT CORE``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

END = b"\r\n\r\n"
CREATED = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


class Records(asyncio.Protocol):
    """One connection."""

    numbers: dict[bytes, int] = {}  # noqa: RUF012  one destination a process
    calls = 0
    records = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._rest = b""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        rest = self._rest + data
        answers = []
        while (at := rest.find(END)) >= 0:
            head = rest[:at]
            end = at + 4 + _length(head)
            if len(rest) < end:
                break
            answers.append(self._answer(head, rest[at + 4 : end]))
            rest = rest[end:]
        self._rest = rest
        if answers:
            self._transport.write(b"".join(answers))  # type: ignore[attr-defined]

    def _answer(self, head: bytes, body: bytes) -> bytes:
        kind = type(self)
        method, path, _ = head.split(b" ", 2)
        if method == b"GET":
            told = {"calls": kind.calls, "records": kind.records, "keys": len(kind.numbers)}
            return CREATED % (len(text := json.dumps(told).encode()), text)
        kind.calls += 1
        if path == b"/batch":
            keys = [item["key"].encode() for item in json.loads(body)["items"]]
            text = b'{"items":[%b]}' % b",".join(b'{"id":"%d"}' % self._number(key) for key in keys)
        else:
            text = b'{"id":"%d"}' % self._number(path)
        return CREATED % (len(text), text)

    def _number(self, key: bytes) -> int:
        kind = type(self)
        kind.records += 1
        numbers = kind.numbers
        return numbers.setdefault(key, len(numbers) + 1)


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r", 1)[0]) if at >= 0 else 0


@contextlib.contextmanager
def running(core: int) -> Iterator[str]:
    """A destination in a process of its own, pinned to a core; its address."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "benchmarks._destination", str(port), str(core)])
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def count(url: str) -> dict[str, int]:
    """What it saw: calls, records and keys."""
    with urllib.request.urlopen(f"{url}/count") as answer:  # noqa: S310  loopback
        return dict(json.load(answer))


def capacity(url: str, body: bytes, connections: int = 16, calls: int = 40_000) -> float:
    """Calls a second that it sustains: raw sockets, requests made beforehand, one under way on each connection."""
    host, port = url.removeprefix("http://").split(":")
    request = b"PUT /keys/capacity HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    chooser = selectors.EpollSelector()
    sockets = [socket.create_connection((host, int(port))) for _ in range(connections)]
    for one in sockets:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chooser.register(one, selectors.EVENT_READ)
    began = time.perf_counter()
    for one in sockets:
        one.sendall(request)
    done = 0
    while done < calls:
        for key, _ in chooser.select():
            key.fileobj.recv(4096)  # type: ignore[union-attr]
            key.fileobj.sendall(request)  # type: ignore[union-attr]
            done += 1
    rate = done / (time.perf_counter() - began)
    for one in sockets:
        one.close()
    return rate


async def main(port: int, core: int) -> None:
    os.sched_setaffinity(0, {core})
    with contextlib.suppress(PermissionError):  # its core is its own: whoever else is put there stands back
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    server = await asyncio.get_running_loop().create_server(Records, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
