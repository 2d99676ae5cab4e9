"""The three keys of a delivery, and its fingerprint: always derived, never random.

* chain key: one per source entry (or aggregate) and sync; the sync view gives it. Revisions count on it.
* record key = chain key + generation: the vendor's external id. A new one opens after a delete has taken effect, for a reversing or
  adjusting row, and for what is posted again.
* request key = record key + revision + direction: one write that we mean to make, however often it is tried.

The plan computes them in SQL (``delivery.fingerprint``, ``delivery.correlation``); these are the same functions, and the
tests hold the two together. Characters are letters, digits, ``_`` and ``-``, which every vendor's external id takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any
from uuid import UUID

DIRECTION = {"create": "c", "amend": "a", "delete": "d", "reverse": "v", "adjust": "j"}


def record_key(chain_key: str, generation: int) -> str:
    """The vendor's external id: ``kantata-91-g1``."""
    return f"{chain_key}-g{generation}"


def request_key(chain_key: str, generation: int, revision: int, operation: str) -> str:
    """One intended write: ``kantata-91-g1-r2-a``."""
    return f"{record_key(chain_key, generation)}-r{revision}-{DIRECTION[operation]}"


def correlation_id(sync: str, key: str) -> UUID:
    """The id under which a request is known in every log; the same for the same request key."""
    return UUID(bytes=hashlib.sha256(f"{sync}:{key}".encode()).digest()[:16])


def fingerprint(contract_version: int, fields: Mapping[str, Any]) -> str:
    """SHA-256 over the contract version and the fields' canonical text, 64 hex digits."""
    return hashlib.sha256(f"{contract_version}\n{canonical_text(fields)}".encode()).hexdigest()


def canonical_text(value: Any) -> str:
    """JSON as PostgreSQL prints a jsonb: keys by length then bytes, one space after ``:`` and ``,``.

    Raises:
        TypeError: a number. Numbers in material fields are strings, so that no printing of them can change a fingerprint.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return "{" + ", ".join(f"{encode_basestring(key)}: {canonical_text(value[key])}" for key in keys) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(canonical_text(item) for item in value) + "]"
    raise TypeError(f"a material field holds no {type(value).__name__}: write it as text")
