"""Paging, bodies, headers and result rows as they go over the wire (sheet A3 to A5)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from simulators.netsuite.errors import Refusal, invalid_parameter
from simulators.netsuite.timebill import Validation

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

    from simulators.kit import Call
    from simulators.netsuite.suiteql import Query

MOST_ROWS_A_PAGE = 1000
MOST_PAGES = 1000
_JSON_TYPES = ("application/json", "application/vnd.oracle.resource+json")
_VALIDATION = ("error", "warning", "ignore")


def paged(origin: str, call: Call, items: list[Any], limit: int, offset: int, total: int) -> dict[str, Any]:
    """A page with its links."""
    has_more = offset + len(items) < total
    own = f"{origin}{call.path}"

    def link(rel: str, at: int) -> dict[str, str]:
        kept = {k: v for k, v in call.query.items() if k not in ("limit", "offset")}
        return {"rel": rel, "href": f"{own}?{urlencode(kept | {'limit': limit, 'offset': at})}"}

    links = [link("self", offset)]
    if has_more:
        links += [link("next", offset + limit), link("last", (total - 1) // limit * limit)]
    if offset:
        links += [link("first", 0), link("previous", max(0, offset - limit))]
    return {
        "links": links,
        "count": len(items),
        "hasMore": has_more,
        "items": items,
        "offset": offset,
        "totalResults": total,
    }


def page(query: QueryParams) -> tuple[int, int]:
    """Limit and offset, or the refusal of sheet A4's paging rules."""
    numbers = {}
    for name, default in (("limit", MOST_ROWS_A_PAGE), ("offset", 0)):
        text = query.get(name, str(default))
        if not text.isdigit():
            raise invalid_parameter(f"Invalid value {text!r} of the query parameter {name}.", query_param=name)
        numbers[name] = int(text)
    limit, offset = numbers["limit"], numbers["offset"]
    if not 1 <= limit <= MOST_ROWS_A_PAGE:
        raise invalid_parameter(f"The limit must be between 1 and {MOST_ROWS_A_PAGE}.", query_param="limit")
    if offset % limit:
        raise invalid_parameter("The offset must be divisible by the limit.", query_param="offset")
    if offset // limit >= MOST_PAGES:
        raise invalid_parameter(f"No more than {MOST_PAGES} pages can be read.", query_param="offset")
    return limit, offset


def json_body(call: Call) -> Any:
    """The body, or the refusal of what is no single JSON record."""
    kind = call.headers.get("content-type", "").split(";")
    if kind[0].strip() not in _JSON_TYPES or any("collection" in part for part in kind[1:]):
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", f"The content type must be one of {', '.join(_JSON_TYPES)}.")
    try:
        return call.json()
    except ValueError:
        raise Refusal(400, "INVALID_CONTENT", "The request body is no valid JSON.") from None


def validation(call: Call) -> Validation:
    """The two validation headers of sheet A5."""
    values = []
    for name, default in (
        ("X-NetSuite-PropertyNameValidation", "warning"),
        ("X-NetSuite-PropertyValueValidation", "error"),
    ):
        value = call.headers.get(name, default).lower()
        if value not in _VALIDATION:
            raise Refusal(400, "INVALID_HEADER", f"Invalid value {value!r}.", header=name)
        values.append(value)
    return Validation(*values)


def result_row(row: Any, query: Query) -> dict[str, Any]:
    """A result row as SuiteQL gives it: every value text, nulls left out."""
    out = {}
    for (name, kind), value in zip(query.columns, row, strict=True):
        if value is None:
            continue
        if kind == "date":
            year, month, day = value[:10].split("-")
            out[name] = f"{int(month)}/{int(day)}/{year}"
        elif isinstance(value, float):
            out[name] = format(Decimal(repr(round(value, 10))).normalize(), "f")
        else:
            out[name] = str(value)
    return out
