"""A relay before PostgreSQL that sees every commit of a client, whatever library made it, and may stop the client there.

Two moments of each commit are told: ``asked``, when the client's COMMIT has come and was not passed on, and ``done``, when the
server has committed and the client doesn't know yet. A statement outside a transaction is its own commit.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
PIECE = 65_536


class PostgresRelay:
    """Listens on loopback; every client connection gets one to the server.

    Args:
        url: the server's address.
        on_commit: told ``asked`` or ``done``; True cuts the line there and then.
    """

    def __init__(self, url: str, on_commit: Callable[[str], bool]) -> None:
        self._target = conninfo_to_dict(url)
        self._on_commit = on_commit
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The address for the client."""
        user, password = quote(str(self._target.get("user", ""))), self._target.get("password")
        login = f"{user}:{quote(str(password))}" if password else user
        return (
            f"postgresql://{login}@127.0.0.1:{self._listener.getsockname()[1]}/{self._target['dbname']}?sslmode=disable"
        )

    def close(self) -> None:
        """Stop listening, and cut what is open."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in list(self._open):
            _shut(each)
        self._thread.join(timeout=10)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed: the end
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = str(self._target.get("host", "127.0.0.1")), int(self._target.get("port", 5432))
        if host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(Path(host) / f".s.PGSQL.{port}"))
            return server
        return socket.create_connection((host, port))

    def _serve(self, client: socket.socket) -> None:
        try:
            server = self._connect()
        except OSError:
            _shut(client)
            return
        for side in (client, server):
            if side.family != socket.AF_UNIX:  # each message passes by itself: none may wait for the last one's receipt
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open |= {client, server}
        session = _Session(client, server, self._on_commit)
        back = threading.Thread(target=session.run, args=(session.from_server,), daemon=True)
        back.start()
        session.run(session.from_client)
        back.join()
        self._open -= {client, server}


class _Session:
    """One client and its backend."""

    def __init__(self, client: socket.socket, server: socket.socket, on_commit: Callable[[str], bool]) -> None:
        self._client = client
        self._server = server
        self._on_commit = on_commit
        self._in_transaction = False
        self._tag = b""

    def run(self, work: Callable[[], None]) -> None:
        """One direction, until either side is gone."""
        with contextlib.suppress(OSError, EOFError):
            work()
        _shut(self._client)
        _shut(self._server)

    def from_client(self) -> None:
        """Start-up first, then typed messages."""
        while True:
            (length,) = struct.unpack("!I", _exactly(self._client, 4))
            content = _exactly(self._client, length - 4)
            (code,) = struct.unpack("!I", content[:4])
            if code in {SSL_REQUEST, GSS_REQUEST}:
                self._client.sendall(b"N")
                continue
            self._server.sendall(struct.pack("!I", length) + content)
            break
        while True:
            kind, content = _message(self._client)
            # 'Q' is a simple query, 'P' the text of an extended one.
            if kind in {b"Q", b"P"} and b"COMMIT" in content[:40].upper() and self._on_commit("asked"):
                return
            self._server.sendall(_packed(kind, content))

    def from_server(self) -> None:
        """Answers; a COMMIT, or a change outside a transaction, is a commit that has happened."""
        while True:
            kind, content = _message(self._server)
            if kind == b"C":
                self._tag = content.rstrip(b"\0")
                # Of statements that go out together only the last is followed by the word that a transaction is open.
                self._in_transaction |= self._tag == b"BEGIN"
            is_commit = self._tag == b"COMMIT" or (
                not self._in_transaction and self._tag.split(b" ")[0] in {b"INSERT", b"UPDATE", b"DELETE", b"MERGE"}
            )
            if kind == b"C" and is_commit and self._on_commit("done"):
                return
            if kind == b"Z":
                self._in_transaction, self._tag = content != b"I", b""
            self._client.sendall(_packed(kind, content))


def _message(side: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(side, 5)
    (length,) = struct.unpack("!I", head[1:])
    return head[:1], _exactly(side, length - 4)


def _packed(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!I", len(content) + 4) + content


def _exactly(side: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        piece = side.recv(min(size, PIECE))
        if not piece:
            raise EOFError
        parts.append(piece)
        size -= len(piece)
    return b"".join(parts)


def _shut(side: socket.socket) -> None:
    with contextlib.suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    side.close()
