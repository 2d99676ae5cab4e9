"""What a list call asks for: filters, paging, order, includes; and typed reading of each (sheet B1.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from simulators.kantata.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.datastructures import QueryParams

DEFAULT_PAGE = 20
MOST_PER_PAGE = 200
_TRUE, _FALSE = frozenset({"true", "1", ""}), frozenset({"false", "0"})
_PAGING = frozenset({"page", "per_page", "limit", "offset", "include", "optional_fields", "order", "only"})


@dataclass(frozen=True)
class Window:
    """Which rows of the result: `size` rows from `start`."""

    start: int
    size: int
    number: int


@dataclass
class ListQuery:
    """A list call, read."""

    filters: dict[str, str]
    window: Window
    order: tuple[str, str] | None
    include: list[str] = field(default_factory=list)
    optional: list[str] = field(default_factory=list)
    only: list[str] | None = None

    def text(self, name: str) -> str | None:
        """A filter as it came."""
        return self.filters.get(name)

    def flag(self, name: str, *, default: bool | None = None) -> bool | None:
        """A boolean filter; its mere presence means true."""
        if name not in self.filters:
            return default
        value = self.filters[name].lower()
        if value not in _TRUE | _FALSE:
            raise invalid(name, f"{name} must be true or false")
        return value in _TRUE

    def ids(self, name: str, *, most: int = 10_000) -> list[int] | None:
        """A comma-separated list of ids."""
        if name not in self.filters:
            return None
        return whole_numbers(name, self.filters[name], most)

    def instant(self, name: str) -> datetime | None:
        """An ISO-8601 instant; without an offset it is UTC."""
        if name not in self.filters:
            return None
        return instant(name, self.filters[name])

    def dates(self, name: str) -> tuple[date, date] | None:
        """`YYYY-MM-DD:YYYY-MM-DD`, inclusive."""
        if name not in self.filters:
            return None
        first, colon, last = self.filters[name].partition(":")
        if not colon:
            raise invalid(name, f"{name} must look like 2026-01-01:2026-01-31")
        return day(name, first), day(name, last)


def instant(name: str, text: str) -> datetime:
    """An ISO-8601 instant, or a refusal."""
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise invalid(name, f"{name} is not an ISO-8601 time") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def day(name: str, text: object) -> date:
    """`YYYY-MM-DD`, or a refusal."""
    try:
        return date.fromisoformat(text if isinstance(text, str) and len(text) == 10 else "")
    except ValueError:
        raise invalid(name, f"{name} is not a date like 2026-01-31") from None


def whole_numbers(name: str, text: str, most: int) -> list[int]:
    """Comma-separated ids, or a refusal."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) > most:
        raise invalid(name, f"{name} takes at most {most} values")
    if not all(part.isdigit() for part in parts):
        raise invalid(name, f"{name} must be ids")
    return [int(part) for part in parts]


def read(
    query: QueryParams,
    *,
    filters: Iterable[str],
    orders: Iterable[str],
    includes: Iterable[str],
    optional: Iterable[str],
) -> ListQuery:
    """A list call, with everything the resource does not know refused."""
    known = set(filters)
    for name in query:
        if name not in known and name not in _PAGING:
            raise invalid(name, f"{name} is not a parameter here")
    asked = ListQuery({name: query[name] for name in query if name in known}, _window(query), None)
    asked.include = _words("include", query.get("include"), includes)
    asked.optional = _words("optional_fields", query.get("optional_fields"), optional)
    if "only" in query:
        asked.only = [str(number) for number in whole_numbers("only", query["only"], 10_000)]
    if "order" in query:
        name, _, direction = query["order"].partition(":")
        if name not in set(orders) or direction not in {"asc", "desc", ""}:
            raise invalid("order", f"order must be one of {', '.join(sorted(orders))} with :asc or :desc")
        asked.order = (name, direction or "asc")
    return asked


def _words(name: str, text: str | None, known: Iterable[str]) -> list[str]:
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    if unknown := set(words) - set(known):
        raise invalid(name, f"{name} knows no {', '.join(sorted(unknown))}")
    return words


def _window(query: QueryParams) -> Window:
    if "limit" in query or "offset" in query:
        size = min(_number(query, "limit", DEFAULT_PAGE, least=1), MOST_PER_PAGE)
        start = _number(query, "offset", 0, least=0)
        return Window(start, size, start // size + 1)
    size = min(_number(query, "per_page", DEFAULT_PAGE, least=1), MOST_PER_PAGE)
    number = _number(query, "page", 1, least=1)
    return Window((number - 1) * size, size, number)


def _number(query: QueryParams, name: str, default: int, *, least: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or int(text) < least:
        raise invalid(name, f"{name} must be a whole number of at least {least}")
    return int(text)
