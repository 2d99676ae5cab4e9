"""Salesforce: OAuth 2 client credentials at the My Domain host, then the ``instance_url`` that the token answer names.

Sign-in: ``POST /services/oauth2/token``, key and secret as HTTP Basic. A token's life is not told: a 401 with
``INVALID_SESSION_ID`` leads to one new sign-in and one repetition.
Limits: calls in a rolling day; used up, the answer is 403 ``REQUEST_LIMIT_EXCEEDED`` without a wait, so the code
decides, never the status alone. At most 25 long calls at once.
Errors: a JSON array of ``{"message", "errorCode", "fields"}``; the token endpoint's are an object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import httpx
from pydantic import Field, SecretStr

from plumbing.auth import ClientCredentials
from plumbing.errors import (
    Conflict,
    Forbidden,
    HourlineError,
    Misconfigured,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from plumbing.http import Allowance, Client, Envelope, body_of_error
from plumbing.vendor_options import VendorOptions, VendorSecrets, options_of, secrets_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plumbing.settings import Connection

ALLOWANCE = Allowance(concurrency=5)  # a developer organisation's limit of long calls; production has 25
USED_UP_SECONDS = 900.0  # ours: the day's allowance frees slowly, and the vendor names no wait
MULTIPLE_CHOICES = 300  # an external id that is not unique
# These hosts give no client-credentials tokens, only the My Domain host does.
_SHARED_HOSTS = frozenset({"login.salesforce.com", "test.salesforce.com"})

# code -> (error, category); None leaves the error to the status.
_CODES: dict[str, tuple[type[HourlineError] | None, str]] = {
    "INVALID_SESSION_ID": (Unauthorized, "permission"),
    "REQUEST_LIMIT_EXCEEDED": (RateLimited, "rate_limit"),
    "UNABLE_TO_LOCK_ROW": (Unavailable, "locked"),
    "ENTITY_IS_LOCKED": (None, "locked"),
    "ENTITY_IS_DELETED": (NotFound, "invalid_reference"),
    "INVALID_CROSS_REFERENCE_KEY": (None, "invalid_reference"),
    "FIELD_INTEGRITY_EXCEPTION": (None, "invalid_reference"),
    "MALFORMED_ID": (None, "invalid_reference"),
    "DUPLICATE_VALUE": (Conflict, "duplicate"),
    "DUPLICATES_DETECTED": (Conflict, "duplicate"),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": (None, "validation"),
    "MALFORMED_QUERY": (None, "invalid_query"),
    "INVALID_FIELD": (None, "invalid_query"),
    "INVALID_TYPE": (None, "invalid_query"),
    "INVALID_QUERY_LOCATOR": (None, "expired_page"),
}
_BUSY_STATUSES = frozenset({406, 420})  # seen as passing by published clients


class Options(VendorOptions):
    """``api_version``: as in the address, without the ``v``. ``grant``: how to sign in."""

    api_version: str = Field(default="67.0", pattern=r"^\d{2,3}\.0$")
    grant: Literal["client_credentials"] = "client_credentials"


class Secrets(VendorSecrets):
    """Consumer key and secret of a connected app whose run-as user may read the objects."""

    client_id: SecretStr
    client_secret: SecretStr


def client(connection: Connection, **seams: Any) -> Client:
    """A client whose paths begin at the host (``services/data/v67.0/query``); ``seams`` as in `Client`."""
    options = options_of(connection, Options)
    secrets = secrets_of(connection, Secrets)
    _check_host(connection)
    auth = ClientCredentials(
        f"{connection.base_url}/services/oauth2/token",
        secrets.client_id,
        secrets.client_secret,
        expired=_session_expired,
        host_of=_instance_url,
    )
    return Client(connection, auth=auth, allowance=options.limits(ALLOWANCE), error_reader=read_error, **seams)


def read_error(response: httpx.Response) -> Envelope:
    """The first error of the array, or the token endpoint's object."""
    body = body_of_error(response)
    if isinstance(body, dict) and isinstance(body.get("error"), str):
        return Envelope(code=body["error"], detail=str(body.get("error_description") or body["error"]))
    first = body[0] if isinstance(body, list) and body and isinstance(body[0], dict) else {}
    code = str(first.get("errorCode") or "")
    kind, category = _CODES.get(code, (None, "validation"))
    if code.startswith("INSUFFICIENT_ACCESS"):
        kind, category = Forbidden, "permission"
    if response.status_code == MULTIPLE_CHOICES:
        kind, category = Conflict, "duplicate"
    if not code and response.status_code in _BUSY_STATUSES:
        kind = Unavailable
    fields = first.get("fields")
    return Envelope(
        kind=kind,
        code=code or None,
        detail=str(first["message"]) if first.get("message") else None,
        field=str(fields[0]) if isinstance(fields, list) and fields else None,
        category=category,
        retry_after=USED_UP_SECONDS if code == "REQUEST_LIMIT_EXCEEDED" else None,
    )


def _session_expired(response: httpx.Response) -> bool:
    return read_error(response).code == "INVALID_SESSION_ID"


def _instance_url(answer: Mapping[str, Any]) -> str | None:
    """Where the calls go on. Anything but https is not followed: the token would travel in the open."""
    url = answer.get("instance_url")
    return url if isinstance(url, str) and url.startswith("https://") else None


def _check_host(connection: Connection) -> None:
    host = httpx.URL(connection.base_url)
    remedy = "Write the My Domain host, https://<your domain>.my.salesforce.com, without a path."
    if host.host in _SHARED_HOSTS:
        what = f"names {host.host}, which gives no client-credentials tokens"
    elif host.path not in {"", "/"}:
        what = f"has a path: {connection.base_url}"
    elif host.scheme != "https":
        what = f"is not https: {connection.base_url}"
    else:
        return
    raise Misconfigured(
        f"The base_url of connection {connection.name} {what}.",
        system=connection.system,
        connection=connection.name,
        remedy=remedy,
    )
