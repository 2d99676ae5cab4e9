"""The engine's SQL, kept in ``sql/*.sql``: one file a topic, statements named by ``-- name:`` lines."""

from __future__ import annotations

import functools
import re
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@functools.cache
def script(topic: str) -> str:
    """The whole text of ``sql/<topic>.sql``."""
    return (resources.files("reverse_etl") / "sql" / f"{topic}.sql").read_text(encoding="utf-8")


@functools.cache
def named(topic: str) -> dict[str, str]:
    """The statements of ``sql/<topic>.sql`` by name, in the file's order."""
    parts = _NAME.split(script(topic))
    return {name: body.strip().rstrip(";") for name, body in zip(parts[1::2], parts[2::2], strict=True)}
