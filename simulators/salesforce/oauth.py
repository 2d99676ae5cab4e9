"""Sessions: the token endpoint's grants, and whether a bearer token is still good (sheet A.2).

Client credentials (HTTP Basic or form fields), JWT bearer (RS256) and refresh. A refusal is HTTP 400 and an object.
A token's lifetime is a setting of the org and not told to the client; it is counted in real time.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt

if TYPE_CHECKING:
    from collections.abc import Callable

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
LOGIN_HOSTS = ("login.salesforce.com", "test.salesforce.com")


class GrantRefused(Exception):  # noqa: N818 - the protocol's own word
    """HTTP 400 `{"error", "error_description"}`: permanent until an administrator acts."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


def derived(seed: int, name: str) -> str:
    """A secret of the demo org, made from the firm's seed."""
    return hashlib.blake2b(f"{seed} salesforce {name}".encode(), digest_size=24).hexdigest()


@dataclass
class Sessions:
    """The connected app's keys, and the sessions given out."""

    seed: int
    wall: Callable[[], float]
    session_seconds: float = 7200.0
    public_key: str = ""
    approved_users: set[str] = field(default_factory=lambda: {"integration@hartwell.example"})
    _expires: dict[str, float] = field(default_factory=dict)

    @property
    def client_id(self) -> str:
        return "3MVG9." + derived(self.seed, "client_id")

    @property
    def client_secret(self) -> str:
        return derived(self.seed, "client_secret").upper()

    @property
    def refresh_token(self) -> str:
        return "5Aep861" + derived(self.seed, "refresh_token")

    def is_good(self, token: str | None) -> bool:
        return token is not None and self._expires.get(token, 0.0) > self.wall()

    def end_all(self) -> int:
        """Every session ends now, as when an administrator revokes them."""
        ended = len(self._expires)
        self._expires.clear()
        return ended

    def grant(self, form: dict[str, str], authorization: str, host: str) -> str:
        """A new session for a token request.

        Raises:
            GrantRefused: the grant, the client or the assertion is not accepted.
        """
        kind = form.get("grant_type", "")
        if kind == "client_credentials":
            if host.split(":", maxsplit=1)[0] in LOGIN_HOSTS:
                raise GrantRefused("invalid_grant", "request not supported on this domain")
            self._check_client(form, authorization)
        elif kind == "refresh_token":
            if form.get("client_id") != self.client_id:
                raise GrantRefused("invalid_client_id", "client identifier invalid")
            if form.get("client_secret", self.client_secret) != self.client_secret:
                raise GrantRefused("invalid_client", "invalid client credentials")
            if form.get("refresh_token") != self.refresh_token:
                raise GrantRefused("invalid_grant", "expired access/refresh token")
        elif kind == JWT_GRANT:
            self._check_assertion(form.get("assertion", ""))
        else:
            raise GrantRefused("unsupported_grant_type", "grant type not supported")
        token = f"00DHl0000000001!{derived(self.seed, f'session {len(self._expires)} {self.wall()}')}"
        self._expires[token] = self.wall() + self.session_seconds
        return token

    def _check_client(self, form: dict[str, str], authorization: str) -> None:
        key, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() == "basic":
            try:
                key, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
            except ValueError:
                raise GrantRefused("invalid_client", "invalid client credentials") from None
        if key != self.client_id:
            raise GrantRefused("invalid_client_id", "client identifier invalid")
        if secret != self.client_secret:
            raise GrantRefused("invalid_client", "invalid client credentials")

    def _check_assertion(self, assertion: str) -> None:
        if not self.public_key:
            raise GrantRefused("invalid_grant", "no certificate uploaded for this consumer")
        try:
            claims: dict[str, Any] = jwt.decode(
                assertion,
                self.public_key,
                algorithms=["RS256"],
                audience=AUDIENCES,
                options={"require": ["exp", "aud", "iss", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise GrantRefused("invalid_grant", "expired authorization code") from None
        except jwt.InvalidAudienceError:
            raise GrantRefused("invalid_grant", "audience is invalid") from None
        except jwt.PyJWTError:
            raise GrantRefused("invalid_grant", "invalid assertion") from None
        if claims["iss"] != self.client_id:
            raise GrantRefused("invalid_client_id", "client identifier invalid")
        if claims["sub"] not in self.approved_users:
            raise GrantRefused("invalid_grant", "user hasn't approved this consumer")
