"""Reading what a vendor answered without trusting its shape: what is not there is one clear sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from plumbing.errors import UnexpectedAnswer
from plumbing.http import json_body

if TYPE_CHECKING:
    import httpx

    from plumbing.settings import Connection

_REMEDY = "Run again; if it stays so, the vendor changed its answers and the source must be adapted."


def object_of(connection: Connection, response: httpx.Response) -> dict[str, Any]:
    """The body as a JSON object."""
    body = json_body(response)
    if not isinstance(body, dict):
        raise unexpected(connection, response, "it is no JSON object")
    return body


def list_of(connection: Connection, response: httpx.Response, name: str | None = None) -> list[Any]:
    """The body, or one member of it, as a JSON list."""
    body = json_body(response) if name is None else object_of(connection, response).get(name)
    if not isinstance(body, list):
        raise unexpected(connection, response, f"its {name} is no list" if name else "it is no JSON list")
    return body


def whole_number(connection: Connection, response: httpx.Response, value: Any, name: str) -> int:
    """A count that the answer states, as a number or as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isdigit():
        return int(value)
    raise unexpected(connection, response, f"its {name} is no count")


def unexpected(connection: Connection, response: httpx.Response, what: str) -> UnexpectedAnswer:
    """The error to raise when an answer is not what its address documents."""
    path = f"{response.request.method} {response.request.url.path}"
    return UnexpectedAnswer(
        f"Connection {connection.name}: the answer to {path} is not as documented: {what}.",
        system=connection.system,
        connection=connection.name,
        status=response.status_code,
        path=path,
        remedy=_REMEDY,
    )


def instant_of(value: Any) -> datetime | None:
    """An instant as vendors write it; None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def iso(instant: datetime) -> str:
    """An instant as ISO 8601 in UTC, to the microsecond when it has one."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
