"""The simulated firm, by address only: started as a process, spoken to over HTTP, and never imported.

`<home>/simulators/` holds what it writes: `simulators.json` (addresses, secrets, control paths), `rules/*.csv` and
`truth.jsonl`.
"""

from __future__ import annotations

import contextlib
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from flows import supervision
from flows.configuration import Chosen
from plumbing.errors import HourlineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

START_SECONDS = 240.0


@dataclass(frozen=True)
class Firm:
    """A running simulated firm."""

    folder: Path
    systems: dict[str, dict[str, Any]]

    def connections(self) -> dict[str, Chosen]:
        """One connection per system, named after it."""
        return {
            name: Chosen(name, one["base_url"], one["options"], one["secrets"], one.get("ca_file"))
            for name, one in self.systems.items()
        }

    @property
    def rules(self) -> Path:
        """The firm's own rule files."""
        return self.folder / "rules"

    def control(self, system: str, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """One call on a system's control path; raises with its own words when it refuses."""
        one = self.systems[system]
        verify = ssl.create_default_context(cafile=one["ca_file"]) if one.get("ca_file") else True
        with httpx.Client(verify=verify, trust_env=False, timeout=120) as client:
            answer = client.request(method, f"{one['control_url'].rstrip('/')}/{path}", json=body, params=query)
        if answer.is_error:
            raise HourlineError(f"The simulated {system} refused {method} {path}: {answer.text[:300]}.", system=system)
        media = answer.headers.get("content-type", "")
        if "ndjson" in media or "jsonl" in media:
            return [json.loads(line) for line in answer.text.splitlines()]
        return answer.json()

    def change(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Changes the firm by one of its verbs; the answer names what changed."""
        return dict(self.control(next(iter(self.systems)), "POST", "change", {"verb": verb, **arguments}))

    def set_clock(self, instant: datetime) -> None:
        """The firm's clock; all its systems share it."""
        self.control(next(iter(self.systems)), "POST", "clock", {"now": instant.isoformat()})

    def writes(self, system: str) -> int:
        """How many writing calls the system has had since it was started."""
        return int(self.control(system, "GET", "journal", limit=1)["total_writes"])

    def truth(self) -> list[dict[str, Any]]:
        """Where each hour ought to be now, and why not: the generator's own account, for tests."""
        return list(self.control(next(iter(self.systems)), "GET", "truth"))


@contextlib.contextmanager
def simulators(home: Path, *arguments: str) -> Iterator[Firm]:
    """The simulated firm for as long as the block lasts; `arguments` are those of `python -m simulators`."""
    folder = home / "simulators"
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "simulators.json"
    supervision.end_left_behind(home, "simulators")
    ready.unlink(missing_ok=True)
    child = supervision.start("simulators", ["simulators", "--out", str(folder), *arguments], home=home)
    try:
        supervision.wait_until(child, ready.exists, seconds=START_SECONDS, what="The simulated firm")
        yield Firm(folder, json.loads(ready.read_text(encoding="utf-8")))
    finally:
        child.stop()
        ready.unlink(missing_ok=True)
