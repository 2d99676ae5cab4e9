"""What every kind of record offers to the list and show routes: where to find ids, how to render them, what to include."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulators.kantata.query import ListQuery

Document = dict[str, Any]
STAMPS = ("created_after", "created_before", "updated_after", "updated_before")


@dataclass(frozen=True)
class Include:
    """An association: the id field it adds to the record, and the resource its records come from. `always`: the field
    stands in the record whether or not the association is included."""

    field: str
    target: str
    many: bool = False
    always: bool = False


class Resource(Protocol):
    """One kind of record. `key` is its name in URLs and envelopes. Documents hold every association's field; the
    service leaves out those that were not included."""

    key: str
    filters: frozenset[str]
    orders: frozenset[str]
    includes: Mapping[str, Include]
    optional: frozenset[str]

    def find(self, asked: ListQuery) -> tuple[list[str], int]:
        """The ids of the wanted page, in order, and the count of all."""

    def documents(self, ids: Iterable[str]) -> dict[str, Document]:
        """Those of the ids that exist, rendered."""


def stamp_text(moment: datetime | int | None) -> str | None:
    """A timestamp as Kantata writes it: ISO-8601, UTC, whole seconds."""
    if moment is None:
        return None
    if isinstance(moment, int):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
