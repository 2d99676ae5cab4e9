"""Gusto: OAuth 2 bearer with a rotating refresh token, an API version in a header, 200 calls in any 60 seconds.

Sign-in: a 401 leads to one renewal at ``POST /oauth/token``; the refresh token works once, so the new pair is kept
durably before it is used (`plumbing.auth.RefreshToken`).
Limits: 429 with ``Retry-After`` and ``X-RateLimit-Reset``, a time stamp with its offset.
Errors: ``{"errors": [{"error_key", "category", "message", "metadata", "errors"}]}``, nested where a list of things
failed; status, category and key decide together. A 422 may be a stale version or a closed payroll.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import Field, SecretStr

from plumbing.auth import RefreshToken, TokenPair
from plumbing.errors import Conflict, HourlineError, Misconfigured, Unavailable
from plumbing.http import Allowance, Client, Envelope, body_of_error
from plumbing.vendor_options import VendorOptions, VendorSecrets, options_of, secrets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plumbing.settings import Connection

# A second longer than the vendor's window: its clock sees our calls a little later than ours.
ALLOWANCE = Allowance(concurrency=4, requests=200, window_seconds=61.0)
DEFAULT_API_VERSION = "2025-06-15"
BUSY_WORDS = "being processed"  # the only mark that tells a payroll that is running from one that is done

_CATEGORIES = {
    "invalid_resource_version": "stale_version",
    "duplicate_operation": "duplicate",
    "not_found": "invalid_reference",
    "missing_permissions": "permission",
    "missing_oauth_scopes": "permission",
    "invalid_token": "permission",
    "compensation_already_processed": "closed_period",
    "payroll_blocker": "blocked",
    "invalid_api_version": "api_version",
    "deprecated_endpoint": "api_version",
}
_CLOSED_WORDS = re.compile(r"\bprocessed\b", re.IGNORECASE)
_EMPTY_WORDS = re.compile(r"\bno (hours|employees|time ?sheets)\b|\bnothing to\b|\bempty\b", re.IGNORECASE)
_REFERENCE_SUFFIXES = ("_uuid", "_uuids")


class Options(VendorOptions):
    """``company_uuid``; ``api_version`` of every call; ``shift_start_hour``: local hour at which a sheet begins."""

    company_uuid: str = Field(min_length=1)
    api_version: str = Field(default=DEFAULT_API_VERSION, pattern=r"^\d{4}-\d{2}-\d{2}$")
    shift_start_hour: int = Field(default=9, ge=0, le=23)


class Secrets(VendorSecrets):
    """The token pair of one company's grant, and the application that it was given to."""

    access_token: SecretStr
    refresh_token: SecretStr
    client_id: SecretStr
    client_secret: SecretStr


def client(connection: Connection, **seams: Any) -> Client:
    """A client whose paths begin at the host (``v1/companies/…``). ``seams`` as in `plumbing.http.Client`."""
    options = options_of(connection, Options)
    secrets = secrets_of(connection, Secrets)
    headers = {"X-Gusto-API-Version": options.api_version}
    token_url = f"{connection.base_url}/oauth/token"
    return Client(
        connection,
        auth=RefreshToken(token_url, secrets.client_id, secrets.client_secret, TokenPair(connection), headers),
        allowance=options.limits(ALLOWANCE),
        error_reader=read_error,
        headers=headers,
        **seams,
    )


def read_error(response: httpx.Response) -> Envelope:
    """The first error that says something of its own, nested ones first."""
    body = body_of_error(response)
    wait = _wait(response)
    if isinstance(body, dict) and isinstance(body.get("error"), str):  # the token endpoint's envelope
        return Envelope(
            code=body["error"], detail=str(body.get("error_description") or body["error"]), retry_after=wait
        )
    errors = list(_walk(body.get("errors") if isinstance(body, dict) else None))
    if not errors:
        return Envelope(retry_after=wait)
    first = errors[0]
    key, category = str(first.get("error_key") or ""), str(first.get("category") or "")
    detail = "; ".join(str(one["message"]) for one in errors if one.get("message"))
    ours = _category(key, category, detail)
    return Envelope(
        kind=_kind(response.status_code, ours),
        code=category or None,
        detail=detail or None,
        field=key or None,
        category=ours,
        retry_after=wait,
    )


def _walk(errors: object) -> Iterator[dict[str, Any]]:
    for error in errors if isinstance(errors, list) else []:
        if not isinstance(error, dict):
            continue
        nested = list(_walk(error.get("errors")))
        yield from nested or [error]


def _category(key: str, category: str, detail: str) -> str:
    if category in _CATEGORIES:
        return _CATEGORIES[category]
    if key == "version":
        return "stale_version"
    if category == "invalid_operation":
        return _operation(detail)
    return "invalid_reference" if key.endswith(_REFERENCE_SUFFIXES) else "validation"


def _operation(detail: str) -> str:
    """One category stands for a payroll that is done, one that is running, and nothing to do: words tell them apart."""
    if BUSY_WORDS in detail.lower():
        return "busy"
    if _CLOSED_WORDS.search(detail):
        return "closed_period"
    return "nothing_to_do" if _EMPTY_WORDS.search(detail) else "locked"


def _kind(status: int, category: str) -> type[HourlineError] | None:
    if category == "api_version":
        return Misconfigured
    if category == "busy":
        return Unavailable
    if status in {httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY} and category in {
        "stale_version",
        "duplicate",
    }:
        return Conflict
    # A 409 for parallel writers is a lock that passes.
    if status == httpx.codes.CONFLICT and category != "stale_version":
        return Unavailable
    return None


def _wait(response: httpx.Response) -> float | None:
    """Seconds until the window has room, by ``X-RateLimit-Reset``; ``Retry-After`` stands first."""
    reset = response.headers.get("x-ratelimit-reset")
    if reset is None or "retry-after" in response.headers or response.status_code != httpx.codes.TOO_MANY_REQUESTS:
        return None
    try:
        until = datetime.strptime(reset.strip(), "%Y-%m-%d %H:%M:%S %z")
        served = response.headers.get("date")
        now = parsedate_to_datetime(served) if served else datetime.now(UTC)
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):
        return None
