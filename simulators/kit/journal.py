"""The journal of calls a vendor received: what tests read to learn what was really sent."""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

KEPT_CALLS = 20_000
KEPT_BODY = 2_000
READS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One call. `outcome`: `answered`, `refused` (limit), `fault` (answered by a fault), `dropped` (before the handler
    ran), `dropped_after` (the handler ran, nobody heard), `cut` (the answer broke off). `status` is what the handler
    decided, also when the client never saw it; 0 when no handler ran."""

    seq: int
    method: str
    path: str
    query: str
    status: int
    outcome: str
    ids: dict[str, str]
    body: str
    sim_time: str
    seconds: float


@dataclass
class Journal:
    """The last 20,000 calls, and counts of every call since the last clearing, which are never dropped.

    `counts` is keyed `METHOD route status`, with the route's template in place of ids, so it stays small. A call counts
    as a write when its method changes something and the route does not say `reads=True` (a query by POST, a token).
    """

    calls: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT_CALLS))
    counts: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    _seq: count[int] = field(default_factory=lambda: count(1))

    def record(
        self,
        *,
        method: str,
        path: str,
        query: str,
        route: str,
        is_write: bool,
        status: int,
        outcome: str,
        ids: Mapping[str, str],
        body: bytes,
        now: datetime,
        seconds: float,
    ) -> None:
        key = f"{method} {route} {status}"
        self.counts[key] += 1
        text = ""
        if is_write:
            self.writes[key] += 1
            text = body[:KEPT_BODY].decode("utf-8", "replace")
        stamp = now.isoformat(timespec="milliseconds")
        self.calls.append(
            Entry(next(self._seq), method, path, query, status, outcome, dict(ids), text, stamp, round(seconds, 6))
        )

    def clear(self) -> None:
        self.calls.clear()
        self.counts.clear()
        self.writes.clear()

    def read(self, filters: Mapping[str, str]) -> dict[str, Any]:
        """Filters: `method`, `path` (regular expressions), `status`, `outcome`, `id` (a value among the ids),
        `since` (seq), `limit` (the last n, default 1,000). `counts` and `writes` are of everything, unfiltered."""
        method = re.compile(filters.get("method", ""), re.IGNORECASE)
        path = re.compile(filters.get("path", ""))
        since = int(filters.get("since", "0"))
        wanted = {name: filters[name] for name in ("status", "outcome", "id") if name in filters}
        found = [
            call
            for call in self.calls
            if call.seq > since
            and method.search(call.method)
            and path.search(call.path)
            and ("status" not in wanted or str(call.status) == wanted["status"])
            and ("outcome" not in wanted or call.outcome == wanted["outcome"])
            and ("id" not in wanted or wanted["id"] in call.ids.values())
        ]
        limit = int(filters.get("limit", "1000"))
        return {
            "total": sum(self.counts.values()),
            "total_writes": sum(self.writes.values()),
            "counts": dict(self.counts),
            "writes": dict(self.writes),
            "matching": len(found),
            "calls": [asdict(call) for call in found[-limit:]],
        }
