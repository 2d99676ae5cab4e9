"""The destination: HTTP on loopback, records in memory, a journal of calls, and faults that are switched on by a function.

A fault is asked at two moments of each call, ``before`` the record is changed and ``after`` it: it may answer with a status,
cut the line, or do anything else (kill the caller, say).
"""

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Call:
    """One call as it arrived."""

    number: int
    method: str
    path: str
    body: dict[str, Any]

    @property
    def is_write(self) -> bool:
        return self.method != "GET"


@dataclass(frozen=True)
class Cut:
    """Close the line without an answer."""


@dataclass(frozen=True)
class Say:
    """Answer with this instead."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)


Fault = Callable[[Call, str], Cut | Say | None]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that dies while it is answered is what these tests are about; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Destination:
    """Records by id; what arrived; who misbehaves."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.journal: list[Call] = []
        self.fault: Fault = lambda _call, _moment: None
        self.lock = threading.RLock()
        self._last_id = 0
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.journal if call.is_write]

    def by_key(self) -> dict[str, list[dict[str, Any]]]:
        """Records under each of our keys: more than one is a duplicate."""
        found: dict[str, list[dict[str, Any]]] = {}
        for record in self.records.values():
            found.setdefault(record["key"], []).append(record)
        return found

    def serve(self, call: Call) -> Say:
        """Carry one call out. Records: PUT /keys/K upserts, POST /records always makes one, /records/ID by id; POST
        /batch/whole upserts all items or none, POST /batch/partial those that are good.
        """
        with self.lock:
            path = urlsplit(call.path)
            kind, _, name = path.path.strip("/").partition("/")
            if kind == "batch":
                return self._batch(call.body["items"], name)
            if call.method == "POST":
                return self._make(call.body)
            if kind == "keys":
                return self._key(call, name)
            if not name:
                wanted = parse_qs(path.query)["key"][0]
                return Say(200, body={"items": [r for r in self.records.values() if r["key"] == wanted]})
            if name not in self.records:
                return Say(404, body={"error": "not there"})
            if call.method == "PATCH":
                self.records[name] |= call.body
            elif call.method == "DELETE":
                del self.records[name]
                return Say(204)
            return Say(200, body=self.records[name])

    def _key(self, call: Call, key: str) -> Say:
        known = next((record for record in self.records.values() if record["key"] == key), None)
        if call.method == "GET":
            return Say(200, body=known) if known else Say(404, body={"error": "not there"})
        if known is None:
            return self._make({**call.body, "key": key})
        known |= call.body
        return Say(200, body=known)

    def _batch(self, items: list[dict[str, Any]], mode: str) -> Say:
        if mode == "whole" and any(item["item"] == "bad" for item in items):
            return Say(422, body={"error": "the batch holds an item that does not exist", "field": "item"})
        made = [self._key(Call(0, "PUT", "", item), item["key"]) for item in items]
        return Say(200, body={"items": [answer.body for answer in made]})

    def _make(self, body: dict[str, Any]) -> Say:
        if body.get("item") == "bad":
            return Say(422, body={"error": "no such item", "field": "item"})
        self._last_id += 1
        made = {**body, "id": str(self._last_id)}
        self.records[made["id"]] = made
        return Say(201, body=made)


def _handler(destination: Destination) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: object) -> None:
            """Silence; the journal is kept."""

        def _serve(self) -> None:
            length = int(self.headers.get("content-length", 0))
            content = self.rfile.read(length)
            if len(content) < length:  # the caller died while it spoke
                self.close_connection = True
                return
            body = json.loads(content or b"{}")
            with destination.lock:
                call = Call(len(destination.journal) + 1, self.command, self.path, body)
                destination.journal.append(call)
            answer = destination.fault(call, "before") or destination.serve(call)
            if isinstance(answer, Say):
                answer = destination.fault(call, "after") or answer
            if isinstance(answer, Cut):
                self.close_connection = True
                self.connection.close()
                return
            content = json.dumps(answer.body).encode() if answer.status != 204 else b""
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815  the names http.server calls

    return Handler
