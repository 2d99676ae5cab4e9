"""HTTP/1.1 as bytes: heads and bodies, passed on as they came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

PIECE = 65_536
NO_BODY = {204, 304}
LONGEST_HEAD = 65_536


class BadMessageError(ConnectionError):
    """What came is no HTTP/1.1 that can be passed on."""


@dataclass(frozen=True)
class Head:
    """A start line and its headers.

    Attributes:
        raw: all bytes up to the body.
        first, second: method and target of a request; version and status of an answer.
        length: of the body in bytes; None: chunked, or until the connection closes (``is_chunked`` tells).
    """

    raw: bytes
    first: str
    second: str
    length: int | None
    is_chunked: bool
    is_last: bool

    @property
    def status(self) -> int:
        return int(self.second)


async def read_head(reader: asyncio.StreamReader, *, answers: str | None = None) -> Head | None:
    """The next head; None when the other side closed between messages. ``answers``: the method of the request it answers."""
    import asyncio as aio

    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except aio.IncompleteReadError as error:
        if error.partial:
            raise BadMessageError("the connection closed within a head") from None
        return None
    except aio.LimitOverrunError:
        raise BadMessageError("a head is too long") from None
    lines = raw[:-4].decode("latin-1").split("\r\n")
    first, second = [*lines[0].split(" ", 2), "", ""][:2]
    named = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    is_chunked = "chunked" in named.get("transfer-encoding", "").lower()
    length = int(named["content-length"]) if "content-length" in named and not is_chunked else None
    if answers is None:
        length = 0 if length is None and not is_chunked else length
    elif answers == "HEAD" or int(second) in NO_BODY:
        length, is_chunked = 0, False
    return Head(raw, first, second, length, is_chunked, named.get("connection", "").lower() == "close")


async def body_pieces(reader: asyncio.StreamReader, head: Head) -> AsyncIterator[bytes]:
    """The body in pieces as they come, its framing included."""
    if head.is_chunked:
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";", 1)[0], 16)
            yield line + await reader.readexactly(size + 2)
            if size == 0:
                return
    elif head.length is None:
        while piece := await reader.read(PIECE):
            yield piece
    else:
        left = head.length
        while left:
            piece = await reader.read(min(left, PIECE))
            if not piece:
                raise BadMessageError("the connection closed within a body")
            left -= len(piece)
            yield piece


def plain(head: Head, body: bytes) -> bytes:
    """A body without its framing, for looking into."""
    if not head.is_chunked:
        return body
    parts, at = [], 0
    while at < len(body):
        line_end = body.find(b"\r\n", at)
        if line_end < 0:
            break
        size = int(body[at:line_end].split(b";", 1)[0] or b"0", 16)
        parts.append(body[line_end + 2 : line_end + 2 + size])
        at = line_end + 2 + size + 2
    return b"".join(parts)


def answer(status: int, words: str, headers: dict[str, str] | None = None) -> bytes:
    """A small answer of the proxy's own."""
    body = f'{{"error": "{words}"}}'.encode()
    listed = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in listed.items())
    return f"HTTP/1.1 {status} {words}\r\n{lines}\r\n".encode() + body
