"""python -m simulators.faultproxy --upstream 127.0.0.1:8104 --seed 7 --share 0.1: one proxy as a process of its own.

Writes ``{"url", "control_url"}`` as one JSON line once it listens, and serves until it is told to stop (SIGTERM, Ctrl-C) or
standard input closes. Below the control address: ``GET /journal``, ``GET /counts``, ``POST /mix`` (a seed and a mix as JSON;
begins anew), ``POST /release`` (delivers what is held back).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from typing import Any

from simulators.faultproxy.faults import Mix
from simulators.faultproxy.proxy import HOST, FaultProxy
from simulators.faultproxy.wire import BadMessageError, body_pieces, plain, read_head


class Control:
    """Answers about one proxy, on a port of its own."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One call a connection."""
        try:
            if (head := await read_head(reader)) is not None:
                body = plain(head, b"".join([piece async for piece in body_pieces(reader, head)]))
                status, said = await self._answer(head.first, head.second, body)
                content = json.dumps(said).encode()
                begin = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
                writer.write(begin.encode() + b"Connection: close\r\n\r\n" + content)
                await writer.drain()
        except BadMessageError:
            writer.write(b"HTTP/1.1 400 -\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        finally:
            writer.close()

    async def _answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        proxy = self._proxy
        match method, path:
            case "GET", "/journal":
                return 200, [call.line() for call in proxy.journal]
            case "GET", "/counts":
                return 200, {**proxy.counts, "held_back": proxy.held_back}
            case "POST", "/release":
                return 200, {"delivered": await proxy.release()}
            case "POST", "/mix":
                try:
                    given = json.loads(body)
                    proxy.reset(int(given.pop("seed", 0)), Mix.parse(given))
                except (ValueError, TypeError, AttributeError) as error:
                    return 422, {"error": str(error)}
                return 200, {}
        return 404, {"error": f"{method} {path} is nothing here"}


async def run(upstream: tuple[str, int], seed: int, mix: Mix, port: int) -> None:
    """Serve until told to stop."""
    proxy = FaultProxy(upstream, seed, mix)
    url = f"http://{HOST}:{await proxy.start(port)}"
    control = await asyncio.start_server(Control(proxy).serve, HOST, 0)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with contextlib.suppress(PermissionError):  # standard input is a file: nothing that could close
        loop.add_reader(sys.stdin, stop.set)
    told = {"url": url, "control_url": f"http://{HOST}:{control.sockets[0].getsockname()[1]}"}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    await stop.wait()
    control.close()
    await proxy.stop()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m simulators.faultproxy", description=__doc__)
    parser.add_argument("--upstream", required=True, help="host:port of the server")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=0.1, help="of writes that meet a fault (%(default)s)")
    parser.add_argument("--read-share", type=float, default=0.05, help="of reads (%(default)s)")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args(arguments)
    host, _, port = given.upstream.rpartition(":")
    asyncio.run(run((host, int(port)), given.seed, Mix(given.share, given.read_share), given.port))


if __name__ == "__main__":
    main()
