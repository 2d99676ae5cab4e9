"""Faults a test switches on: the ways a real vendor, or the wire to it, misbehaves."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = {
    "drop": "closes the connection before the handler runs: nothing happened there",
    "drop_after": "the handler runs and what it did stays; the connection closes without an answer",
    "delay": "waits `seconds` inside the vendor's limits before the handler runs",
    "status": "answers `status` with `body` and `headers`; the handler does not run",
    "truncate": "a complete head, then half of the body, then the connection closes",
    "malformed": "status and length as usual, a body that is no JSON",
    "empty_page": "the page's rows are taken out, as if there were none",
    "missing_column": "`field` is taken out of every row of the page",
    "wrong_type": "`field` of every row becomes `value`",
    "drop_rows": "`rows` rows are taken off the end of the page, and nothing says so",
    "revoke": "`token` (default: every token) is refused from now on, until the faults are cleared",
}


@dataclass
class Fault:
    """One switch. `method`, `path` and `query` are regular expressions (empty: any) searched in the call; the first
    `after` matches pass unharmed, the next `times` are hit (null: all)."""

    kind: str
    method: str = ""
    path: str = ""
    query: str = ""
    times: int | None = 1
    after: int = 0
    seconds: float = 0.0
    status: int = 503
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    field: str = ""
    value: Any = None
    rows: int = 1
    token: str = "*"
    seen: int = 0
    hit: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault is called {self.kind!r}; there are {', '.join(KINDS)}")
        if self.kind in {"missing_column", "wrong_type"} and not self.field:
            raise ValueError(f"the fault {self.kind} needs the name of a field")
        for pattern in (self.method, self.path, self.query):
            re.compile(pattern)

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Fault:
        known = {f.name for f in fields(cls)} - {"seen", "hit"}
        if unknown := set(given) - known:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}")
        if "kind" not in given:
            raise ValueError("a fault needs its kind")
        return cls(**given)

    def strikes(self, method: str, path: str, query: str) -> bool:
        """Whether this call is hit; counts it."""
        if not (
            re.search(self.method, method, re.IGNORECASE)
            and re.search(self.path, path)
            and re.search(self.query, query)
        ):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.hit >= self.times):
            return False
        self.hit += 1
        return True


class PageShape:
    """Where a vendor's answer keeps its rows. The default knows bare lists and an object with one list of objects;
    a vendor with another envelope overrides both methods."""

    def rows(self, payload: Any) -> list[dict[str, Any]]:
        """The page's records themselves, to be changed in place."""
        return [row for row in self._list(payload) if isinstance(row, dict)]

    def keep(self, payload: Any, most: int) -> None:
        """Leaves the first `most` rows in place, takes the others out, and leaves every other part as it was."""
        del self._list(payload)[most:]

    @staticmethod
    def _list(payload: Any) -> list[Any]:
        if isinstance(payload, list):
            return payload
        if isinstance(payload, dict):
            for name in ("items", "records", "Report_Entry", "results"):
                if isinstance(payload.get(name), list):
                    found: list[Any] = payload[name]
                    return found
        return []


def spoil_page(fault: Fault, payload: Any, shape: PageShape) -> Any:
    """A copy of a page's payload with the fault's damage done to it."""
    spoiled = copy.deepcopy(payload)
    rows = shape.rows(spoiled)
    if fault.kind == "empty_page":
        shape.keep(spoiled, 0)
    elif fault.kind == "drop_rows":
        shape.keep(spoiled, max(0, len(rows) - fault.rows))
    elif fault.kind == "missing_column":
        for row in rows:
            row.pop(fault.field, None)
    elif fault.kind == "wrong_type":
        for row in rows:
            if fault.field in row:
                row[fault.field] = fault.value
    return spoiled
