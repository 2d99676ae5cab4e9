"""One request to a vendor, as its handlers see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

if TYPE_CHECKING:
    from starlette.datastructures import Headers, QueryParams


@dataclass
class Call:
    """One request, body read. A handler fills `ids` with what the journal should know (record ids, external keys);
    `authenticate` may set `principal`; `params` are the values of the route's template."""

    method: str
    path: str
    query: QueryParams
    headers: Headers
    body: bytes
    url: str
    params: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    principal: str = ""

    def json(self) -> Any:
        """The body as JSON; ValueError when it is none."""
        return orjson.loads(self.body)

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def bearer(self) -> str | None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token else None
