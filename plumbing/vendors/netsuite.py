"""NetSuite SuiteTalk REST: token-based authentication (OAuth 1.0a, HMAC-SHA256), realm = account id.

Host: ``https://<account>.suitetalk.api.netsuite.com/services/rest``, a sandbox ``123_SB1`` written ``123-sb1`` there,
but with its underscore in the realm. A used nonce or an old timestamp is 401, so every try is signed anew.
Limits: calls at once, shared by everything that uses the account (5 on the smallest tier); over it 429 without a wait.
Errors: ``o:errorDetails``; ``USER_ERROR`` covers many causes, told apart by the vendor's words, unknown ones are final.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import Field, SecretStr

from plumbing.auth import OAuth1Signature
from plumbing.errors import Conflict, HourlineError, Misconfigured
from plumbing.http import Allowance, Client, Envelope, body_of_error
from plumbing.vendor_options import VendorOptions, VendorSecrets, options_of, require_path, secrets_of

if TYPE_CHECKING:
    from plumbing.settings import Connection

ALLOWANCE = Allowance(concurrency=4)  # one of the smallest tier's five is left to the account's other users

_HOST_SUFFIX = ".suitetalk.api.netsuite.com"
_CODES = {
    "NONEXISTENT_ID": "invalid_reference",
    "NONEXISTENT_FIELD": "validation",
    "INVALID_LOGIN": "permission",
    "INSUFFICIENT_PERMISSION": "permission",
    "CONCURRENCY_LIMIT_EXCEEDED": "rate_limit",
    "IDEMPOTENCY_ERROR": "duplicate",
}
# USER_ERROR and INVALID_CONTENT by the vendor's words; the first that is found counts. `billed` is our name for a time
# row that an invoice holds: the vendor refuses to delete it, its words are unconfirmed.
_WORDS = tuple(
    (re.compile(words, re.IGNORECASE), category)
    for words, category in (
        (r"date range of your accounting period", "closed_period"),
        (r"(closed|locked)\b.*\b(period|time ?sheet)|(period|time ?sheet)\b.*\b(closed|locked)", "closed_period"),
        (r"already exists", "duplicate"),
        (r"record has been changed", "stale_version"),
        (r"invalid field value|does not exist", "invalid_reference"),
        (r"\b(billed|invoiced)\b", "billed"),
        (r"\blocked\b", "locked"),
        (r"\bpermission\b", "permission"),
    )
)
_CONFLICTS = frozenset({"duplicate", "stale_version"})


class Options(VendorOptions):
    """``account_id``: as NetSuite shows it, a sandbox with its underscore (``123_SB1``); ``takes_negative_time``: this account was
    seen to take time rows of negative hours, which no document of the vendor confirms."""

    account_id: str = Field(pattern=r"^[A-Za-z0-9]+(_[A-Za-z0-9]+)*$")
    takes_negative_time: bool = False


class Secrets(VendorSecrets):
    """Consumer of the integration record, and token of its user and role."""

    consumer_key: SecretStr
    consumer_secret: SecretStr
    token_id: SecretStr
    token_secret: SecretStr


def client(connection: Connection, **seams: Any) -> Client:
    """A client whose paths are below ``/services/rest``. ``seams`` as in `plumbing.http.Client`.

    Unknown fields are refused there rather than dropped with a warning, which is the vendor's default.
    """
    options = options_of(connection, Options)
    secrets = secrets_of(connection, Secrets)
    require_path(connection, "/services/rest")
    realm = options.account_id.upper()
    _check_host(connection, realm)
    return Client(
        connection,
        auth=OAuth1Signature(
            secrets.consumer_key, secrets.consumer_secret, secrets.token_id, secrets.token_secret, realm
        ),
        allowance=options.limits(ALLOWANCE),
        error_reader=read_error,
        headers={"X-NetSuite-PropertyNameValidation": "error", "X-NetSuite-PropertyValueValidation": "error"},
        **seams,
    )


def read_error(response: httpx.Response) -> Envelope:
    """The first of ``o:errorDetails``."""
    body = body_of_error(response)
    if not isinstance(body, dict):
        return Envelope()
    details = body.get("o:errorDetails")
    first = details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}
    code = str(first.get("o:errorCode") or "") or None
    detail = str(first.get("detail") or body.get("title") or "") or None
    category = _category(code, detail or "")
    return Envelope(
        kind=_kind(response.status_code, category),
        code=code,
        detail=detail,
        field=next(
            (str(first[key]) for key in ("o:errorPath", "o:errorQueryParam", "o:errorHeader") if first.get(key)), None
        ),
        category=category,
    )


def _category(code: str | None, detail: str) -> str:
    if code in _CODES:
        return _CODES[code]
    return next((category for words, category in _WORDS if words.search(detail)), "validation")


def _kind(status: int, category: str) -> type[HourlineError] | None:
    return Conflict if status == httpx.codes.BAD_REQUEST and category in _CONFLICTS else None


def _check_host(connection: Connection, realm: str) -> None:
    host = httpx.URL(connection.base_url).host
    expected = realm.lower().replace("_", "-")
    if host.endswith(_HOST_SUFFIX) and host.removesuffix(_HOST_SUFFIX) != expected:
        raise Misconfigured(
            f"Connection {connection.name} speaks to {host} but signs as account {realm}.",
            system=connection.system,
            connection=connection.name,
            remedy=f"The host of {realm} is {expected}{_HOST_SUFFIX}.",
        )
