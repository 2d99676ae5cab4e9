"""Request bodies: JSON, or forms in the Rails manner (`time_entry[workspace_id]=7`, `ids[]=1`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from simulators.kantata.errors import Refusal, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulators.kit import Call

_KEYS = re.compile(r"\[([^\]]*)\]")
_NUMBERS = frozenset({"time_in_minutes", "rate_in_cents", "amount_in_cents", "user_invoice_number"})
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def attributes(call: Call, root: str) -> dict[str, Any]:
    """The object below `root`. Raises Refusal(400 or 422)."""
    kind = call.headers.get("content-type", "").split(";")[0].strip()
    if kind == "application/x-www-form-urlencoded":
        body: Any = _form(call.body.decode("utf-8", "replace"))
    elif kind == "application/json":
        try:
            body = call.json()
        except ValueError:
            raise Refusal(400, "system", "The request body is no valid JSON") from None
    else:
        raise Refusal(415, "system", "The content type must be application/json or a form")
    given = body.get(root) if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise invalid(root, f"{root} is missing")
    return given


def only(given: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    """Refuses attributes that the record does not have."""
    if unknown := set(given) - known:
        name = min(unknown)
        raise invalid(name, f"{name} is not an attribute of {what}")


def _form(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        keys = [name.partition("[")[0], *_KEYS.findall(name)]
        place = found
        is_list = keys[-1] == ""
        path = keys[:-1] if is_list else keys
        for key in path[:-1]:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise invalid(name, f"{name} is malformed")
        if is_list:
            place.setdefault(path[-1], []).append(value)
        else:
            place[path[-1]] = _typed(path[-1], value)
    return found


def _typed(name: str, value: str) -> Any:
    """A form knows text alone; numbers and flags are told by the attribute."""
    if name in _NUMBERS and value.lstrip("-").isdigit():
        return int(value)
    if name in {"billable", "locked", "draft", "suppress_emails"} and value in _FLAGS:
        return _FLAGS[value]
    return value
