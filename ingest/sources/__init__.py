"""What a source is: one folder a system, found by looking.

``decode.py`` declares the resources and reshapes answers (pure); ``source.py`` reads over HTTP and wires the dlt source.
The landing path (`ingest.landing`) asks nothing else of a source than what stands here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, cast

from plumbing import catalog
from plumbing.errors import Misconfigured

if TYPE_CHECKING:
    from ingest.declaration import Resource
    from plumbing.http import Client
    from plumbing.settings import Connection


@dataclass(frozen=True, slots=True)
class Page:
    """Records as one call gave them, reshaped to what the declaration says.

    Attributes:
        records: whatever came; they are checked later, one by one.
        cursor: where a later read may go on once everything up to here has landed; None: unchanged.
        deleted: ids of these records that the source itself marks as deleted.
    """

    records: Sequence[Any]
    cursor: str | None = None
    deleted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Total:
    """A source's own count. ``period`` is the first day of a work-date month, None for what isn't split by month."""

    period: date | None
    count: int
    minutes: Decimal | None = None


class Absence(Enum):
    """What a look-up by id says when it gives no record."""

    GONE = "gone"  # the system says that there is none of that id
    UNKNOWN = "unknown"  # it cannot be told: nothing follows


@dataclass(frozen=True, slots=True)
class Hints:
    """Ids that a change feed calls deleted, to be looked up; and where to read the feed on from."""

    source_ids: Sequence[str]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing `ingest.check` found out about a connection. ``remedy`` is empty when all is well."""

    connection: str
    subject: str
    is_well: bool
    message: str
    remedy: str = ""


class Landed(Protocol):
    """What a source may ask about what has landed, so that it needs no SQL."""

    def newest_version(self, resource: str) -> int:
        """Number of the newest version of a resource that landed; 0 if there is none."""

    def versions_after(self, resource: str, version: int) -> Iterable[tuple[int, Mapping[str, Any]]]:
        """Number and record of every version of a resource that landed after this one, oldest first."""

    def all_versions(self, resource: str, source_ids: Sequence[str]) -> Iterable[Mapping[str, Any]]:
        """Every version's record of these ids."""


class Source(Protocol):
    """One outside system, read only. Every method raises `plumbing.errors`."""

    resources: Sequence[Resource]

    def read(self, resource: Resource, cursor: str | None, landed: Landed) -> Iterator[Page]:
        """What changed since the cursor, with overlap; everything if it is None or the resource is complete."""

    def read_window(self, resource: Resource, period: date | None) -> Iterator[Page]:
        """Every record of a work-date month, or of the resource: what is missing here is suspect."""

    def find(self, resource: Resource, source_id: str) -> Any | Absence:
        """One record by its id, or what its absence means."""

    def totals(self, resource: Resource, periods: Sequence[date]) -> Sequence[Total]:
        """The system's own counts, asked apart; by month for a resource with a work date. Empty: it cannot say."""

    def hints(self, resource: Resource, cursor: str | None) -> Hints | None:
        """Deletes that a change feed tells of; None if there is no feed."""

    def check(self) -> list[Finding]:
        """Whether credentials and scopes suffice; read-only."""


@dataclass(frozen=True, slots=True)
class System:
    """The parts of one source folder."""

    name: str
    resources: Sequence[Resource]
    open: Callable[[Connection, Client], Source]
    dlt_source: Callable[..., Any] = field(repr=False)


def systems() -> list[str]:
    """Names of the systems that can be read."""
    return catalog.systems(__name__)


def resources(system: str) -> Sequence[Resource]:
    """What is read of a system; imports nothing heavy."""
    return cast("Sequence[Resource]", _module(system, "decode").RESOURCES)


def load(system: str) -> System:
    """A system's source, ready to be opened on a connection."""
    module = _module(system, "source")
    return System(name=system, resources=resources(system), open=module.open_source, dlt_source=module.source)


def _module(system: str, part: str) -> Any:
    if system not in systems():
        raise Misconfigured(
            f"Nothing is known of reading a system {system!r}.",
            remedy=f"Known are {', '.join(systems())}.",
            system=system,
        )
    return importlib.import_module(f"{__name__}.{system}.{part}")
