"""Query cursors: pages of a result, and the locator of the next one, which goes stale (sheet A.3, A.11)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class LocatorGone(Exception):  # noqa: N818 - the vendor's word for it is the error code
    """The locator is unknown or has expired."""


@dataclass
class Cursors:
    """Results kept for reading on. A result is what it was when the query ran; later changes do not show in it."""

    wall: Callable[[], float]
    page_size: int = 2_000
    locator_seconds: float = 900.0
    _results: dict[str, tuple[float, list[dict[str, Any]]]] = field(default_factory=dict)
    _serial: count[int] = field(default_factory=lambda: count(1))

    def first_page(self, records: list[dict[str, Any]], path: str) -> dict[str, Any]:
        """The first `page_size` records; the rest is kept for `locator_seconds`."""
        name = f"01gHl{next(self._serial):010d}"
        now = self.wall()
        self._results = {key: kept for key, kept in self._results.items() if kept[0] > now}
        if len(records) > self.page_size:
            self._results[name] = (now + self.locator_seconds, records)
        return self._envelope(name, records, 0, path)

    def page(self, locator: str, path: str) -> dict[str, Any]:
        """The page a locator `<name>-<offset>` stands for.

        Raises:
            LocatorGone: no such result, or it was kept long enough.
        """
        found = re.fullmatch(r"(\w+)-(\d+)", locator)
        expires, records = self._results.get(found[1], (0.0, [])) if found else (0.0, [])
        if found is None or expires <= self.wall() or int(found[2]) >= len(records):
            raise LocatorGone(locator)
        return self._envelope(found[1], records, int(found[2]), path)

    def expire(self) -> int:
        """Every open locator goes stale now."""
        gone = len(self._results)
        self._results.clear()
        return gone

    def _envelope(self, name: str, records: list[dict[str, Any]], start: int, path: str) -> dict[str, Any]:
        end = start + self.page_size
        body: dict[str, Any] = {"totalSize": len(records), "done": end >= len(records)}
        if end < len(records):
            body["nextRecordsUrl"] = f"{path}{name}-{end}"
        return body | {"records": records[start:end]}
