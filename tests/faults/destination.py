"""A destination that counts truly what it holds: HTTP/1.1 on loopback, records in memory, in five tempers.

===============  =========================================  ==================
temper           the same create twice                      can be searched by our key
===============  =========================================  ==================
honours_keys     one record (an upsert by our key)          yes
takes_reversals  one record; minutes may be negative        yes
ignores_keys     two records; it takes our key for nothing  yes
looks_only       two records; it has no place for a key     yes, by our mark in the record
neither          two records                                no
===============  =========================================  ==================

Records are ``POST /records`` (our key in the header ``Idempotency-Key``), ``PATCH`` and ``DELETE /records/ID``, ``GET
/records/ID`` and ``GET /records?key=K``; ``POST /batch`` takes a list of them and answers each. A record that is invoiced is neither changed nor
deleted, and nothing is made or changed in a closed month.
"""

import asyncio
import json
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from simulators.faultproxy.wire import BadMessageError, body_pieces, plain, read_head

TEMPERS = ("honours_keys", "takes_reversals", "ignores_keys", "looks_only", "neither")
KEYED = frozenset({"honours_keys", "takes_reversals"})
NEGATIVE = {"error": "minutes must be positive", "field": "minutes"}
CENT = Decimal("0.01")
FROZEN = {"error": "it is invoiced or its period is closed", "field": "state"}
Answer = tuple[int, Any]


def chain_of(key: str) -> str:
    """The hour that a record key belongs to, whatever its generation."""
    return key.rsplit("-g", 1)[0]


def generation_of(key: str) -> int:
    """Of an hour's record keys the later is the greater."""
    return int(key.rsplit("-g", 1)[1])


class Holdings:
    """What one destination holds, and how it takes calls."""

    def __init__(self, temper: str) -> None:
        if temper not in TEMPERS:
            raise ValueError(f"no destination is {temper}; there are {', '.join(TEMPERS)}")
        self.temper = temper
        self.records: dict[str, dict[str, Any]] = {}
        self.invoiced: set[str] = set()
        self.closed_months: set[str] = set()
        self.writes = 0
        self.looks = 0
        self._by_key: dict[str, list[str]] = defaultdict(list)
        self._made: dict[str, int] = defaultdict(int)

    def serve(self, method: str, target: str, body: Any) -> Answer:
        """Carry one call out."""
        parts = urlsplit(target)
        _, kind, *rest = parts.path.split("/")
        if method == "POST" and kind == "batch":
            return 200, [dict(zip(("status", "body"), self._one(item), strict=True)) for item in body]
        if method == "GET":
            self.looks += 1
            return self._look(rest, parts.query)
        return self._one({"method": method, "id": rest[0] if rest else None, "body": body})

    def _look(self, rest: list[str], query: str) -> Answer:
        if rest:
            found = self.records.get(rest[0])
            return (200, found) if found else (404, {"error": "not there"})
        if self.temper == "neither":
            return 405, {"error": "no search here"}
        key = parse_qs(query)["key"][0]
        return 200, {"items": [self.records[one] for one in self._by_key.get(key, ())]}

    def _one(self, item: dict[str, Any]) -> Answer:
        self.writes += 1
        method, name, body = item["method"], item["id"], item.get("body")
        if method == "POST":
            return self._make(body)
        if name not in self.records:
            return 404, {"error": "not there"}
        if self.is_frozen(self.records[name]) or (body and self._is_closed(body)):
            return 422, FROZEN
        if method == "PATCH":
            self.records[name] |= body
            return 200, self.records[name]
        self._by_key[self.records[name]["key"]].remove(name)
        del self.records[name]
        return 204, None

    def _make(self, body: dict[str, Any]) -> Answer:
        key = body["key"]
        if Decimal(body["minutes"]) < 0 and self.temper != "takes_reversals":
            return 422, NEGATIVE
        if self.temper in KEYED and self._by_key.get(key):
            known = self._by_key[key][0]
            if self.is_frozen(self.records[known]) or self._is_closed(body):
                return 422, FROZEN
            self.records[known] |= body
            return 200, self.records[known]
        if self._is_closed(body):
            return 422, FROZEN
        self._made[key] += 1
        name = f"{key}.{self._made[key]}"  # by key, so that a seed gives the same ids in whatever order calls arrive
        self.records[name] = {**body, "id": name}
        self._by_key[key].append(name)
        return 201, self.records[name]

    def is_frozen(self, record: dict[str, Any]) -> bool:
        """Whether nobody may change it: it is on an invoice, or its month is closed."""
        return record["id"] in self.invoiced or self._is_closed(record)

    def _is_closed(self, body: dict[str, Any]) -> bool:
        return body.get("date", "")[:7] in self.closed_months

    def net(self) -> dict[str, tuple[int, Decimal, Decimal]]:
        """By hour: how many records, one that takes another back counted against it; minutes and money in all of them."""
        found: dict[str, tuple[int, Decimal, Decimal]] = {}
        for record in self.records.values():
            chain = chain_of(record["key"])
            count, minutes, money = found.get(chain, (0, Decimal(0), Decimal(0)))
            worked = Decimal(record["minutes"])
            worth = (worked / 60 * Decimal(record["rate"])).quantize(CENT, ROUND_HALF_UP)
            found[chain] = (count + (1 if worked > 0 else -1), minutes + worked, money + worth)
        return found


class DestinationServer:
    """Serves one `Holdings`; `holdings` may be put in place anew between runs."""

    def __init__(self, holdings: Holdings) -> None:
        self.holdings = holdings
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen on loopback; the port."""
        self._server = await asyncio.start_server(self._client, "127.0.0.1", 0, limit=1 << 20)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while (head := await read_head(reader)) is not None:
                body = plain(head, b"".join([piece async for piece in body_pieces(reader, head)]))
                status, said = self.holdings.serve(head.first, head.second, json.loads(body or b"null"))
                content = b"" if status == 204 else json.dumps(said).encode()
                writer.write(
                    b"HTTP/1.1 %d -\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                    % (status, len(content))
                    + content
                )
                await writer.drain()
        except (BadMessageError, ConnectionError, asyncio.IncompleteReadError):
            pass  # the caller died in the middle of its call, which was not carried out
        finally:
            self._tasks.discard(task)
            writer.close()
