"""Kantata OX: bearer token that does not expire, JSON envelope of errors, no published rate.

Sign-in: ``Authorization: Bearer``; a 401 is final until somebody authorises anew (tokens are revoked, never refreshed).
Limits: the vendor publishes none but page size and a time-out of 3 minutes; a 429 carries no wait.
Errors: ``{"errors": [{"type", "message", "field"}]}``, type ``oauth``, ``system`` or ``validation``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from plumbing.auth import BearerToken
from plumbing.http import Allowance, Client, Envelope, Timeouts, body_of_error
from plumbing.vendor_options import VendorOptions, VendorSecrets, options_of, require_path, secrets_of

if TYPE_CHECKING:
    import httpx

    from plumbing.settings import Connection

ALLOWANCE = Allowance(concurrency=4)  # ours; the vendor's figures are not public
SERVER_TIMEOUT_SECONDS = 180.0  # the vendor answers 504 after that long, so a write may be undecided until then


class Options(VendorOptions):
    """``account_id``: the Kantata account, as its addresses name it."""

    account_id: str


class Secrets(VendorSecrets):
    """``token``: an OAuth 2 access token of an account administrator."""

    token: SecretStr


def client(connection: Connection, **seams: Any) -> Client:
    """A client whose paths are below ``/api/v1``. ``seams``: ``transport``, ``on_request``, ``clock``."""
    options = options_of(connection, Options)
    secrets = secrets_of(connection, Secrets)
    require_path(connection, "/api/v1")
    return Client(
        connection,
        auth=BearerToken(secrets.token),
        allowance=options.limits(ALLOWANCE),
        error_reader=read_error,
        timeout=Timeouts(read_seconds=SERVER_TIMEOUT_SECONDS + 5),
        **seams,
    )


def read_error(response: httpx.Response) -> Envelope:
    """The first error of the envelope. How a locked period is worded there is unconfirmed; any ``locked`` counts."""
    body = body_of_error(response)
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list) or not errors or not isinstance(errors[0], dict):
        return Envelope()
    first = errors[0]
    field = first.get("field")
    detail = "; ".join(str(one.get("message")) for one in errors if isinstance(one, dict) and one.get("message"))
    return Envelope(
        code=_text(first.get("type")),
        detail=detail or None,
        field=_text(field),
        category=_category(_text(field), detail),
    )


def _category(field: str | None, detail: str) -> str:
    words = detail.lower()
    if "locked" in words:
        return "closed_period"
    if field and field.endswith("_id"):
        return "invalid_reference"
    return "validation"


def _text(value: object) -> str | None:
    return None if value is None else str(value)
