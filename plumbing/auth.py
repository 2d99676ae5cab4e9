"""Grants, not vendors: how a request proves who sent it.

Each is an `httpx.Auth` flow. Where the grant allows it, a 401 leads to one new sign-in and one repetition: a 401 is
documented by every vendor here as *not carried out*, so repeating it is safe for writes too. Requests of the sign-in
itself are marked, so that a sign-in that fails is never mistaken for a write whose answer was lost.
"""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

import httpx

from plumbing.redaction import protect

if TYPE_CHECKING:
    from pydantic import SecretStr

    from plumbing.settings import Connection

Flow = Generator[httpx.Request, httpx.Response, None]
SIGN_IN = "hourline.sign_in"  # request extension


class SignInRefused(Exception):  # noqa: N818  a message between auth and Client, never seen outside
    """The token endpoint answered, but not with a token."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__("the sign-in was refused")
        self.response = response


class BearerToken(httpx.Auth):
    """A token that was handed out once."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Flow:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request


class BasicAuth(httpx.Auth):
    """User name and password, UTF-8 (RFC 7617)."""

    def __init__(self, username: str, password: SecretStr) -> None:
        pair = f"{username}:{password.get_secret_value()}".encode()
        self._header = base64.b64encode(pair).decode("ascii")
        protect(self._header)

    def auth_flow(self, request: httpx.Request) -> Flow:
        request.headers["Authorization"] = f"Basic {self._header}"
        yield request


class ClientCredentials(httpx.Auth):
    """OAuth 2 client credentials; a token is fetched when needed, and once more when it is no longer accepted.

    Args:
        token_url: where tokens are given out.
        expired: tells from a 401 whether a new sign-in may help.
        host_of: takes the token answer and says at which host the requests go on (Salesforce's ``instance_url``).
    """

    requires_response_body = True

    def __init__(
        self,
        token_url: str,
        client_id: SecretStr,
        client_secret: SecretStr,
        *,
        expired: Callable[[httpx.Response], bool] = lambda _: True,
        host_of: Callable[[Mapping[str, Any]], str | None] = lambda _: None,
    ) -> None:
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._expired = expired
        self._host_of = host_of
        self._lock = threading.Lock()
        self._token: str | None = None
        self._host: httpx.URL | None = None

    def auth_flow(self, request: httpx.Request) -> Flow:
        used = yield from self._signed_in(request, refused=None)
        self._sign(request, used)
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED and self._expired(response):
            used = yield from self._signed_in(request, refused=used)
            self._sign(request, used)
            yield request

    def _signed_in(self, call: httpx.Request, refused: str | None) -> Generator[httpx.Request, httpx.Response, str]:
        with self._lock:
            # Another thread may have signed in again while this one waited.
            if self._token is None or self._token == refused:
                self._token = None
                response = yield self._token_request(call)
                answer = token_answer(response)
                token = str(answer["access_token"])
                protect(token)
                host = self._host_of(answer)
                self._host = httpx.URL(host) if host else None
                self._token = token
            return self._token

    def _token_request(self, call: httpx.Request) -> httpx.Request:
        pair = f"{self._client_id.get_secret_value()}:{self._client_secret.get_secret_value()}".encode()
        basic = base64.b64encode(pair).decode("ascii")
        protect(basic)
        return sign_in(
            call, self._token_url, {"Authorization": f"Basic {basic}"}, data={"grant_type": "client_credentials"}
        )

    def _sign(self, request: httpx.Request, token: str) -> None:
        request.headers["Authorization"] = f"Bearer {token}"
        if self._host is not None:
            request.url = request.url.copy_with(scheme=self._host.scheme, host=self._host.host, port=self._host.port)
            request.headers["Host"] = self._host.netloc.decode("ascii")


class TokenPair:
    """The access and refresh token of a connection, kept in its secret store, so a rotation outlives us."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._values = {
            name: connection.secrets[name].get_secret_value()
            for name in ("access_token", "refresh_token")
            if name in connection.secrets
        }

    def access_token(self) -> str:
        return self._values.get("access_token", "")

    def refresh_token(self) -> str:
        return self._values.get("refresh_token", "")

    def reload(self) -> str:
        """The access token as the store holds it now."""
        if self._connection.store is not None:
            stored = self._connection.store.section(self._connection.name)
            self._values.update({name: stored[name] for name in ("access_token", "refresh_token") if name in stored})
        return self.access_token()

    def save(self, access_token: str, refresh_token: str) -> None:
        """Durable when this returns."""
        values = {"access_token": access_token, "refresh_token": refresh_token}
        for value in values.values():
            protect(value)
        self._values.update(values)
        if self._connection.store is not None:
            self._connection.store.save(self._connection.name, values)

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Only one process at a time renews."""
        return self._connection.store.locked() if self._connection.store is not None else contextlib.nullcontext()


class RefreshToken(httpx.Auth):
    """OAuth 2 refresh grant whose refresh token rotates: each one works once, and the new one comes with the answer.

    The new pair is kept durably before it is used, since losing it would lock us out. Threads and processes that meet
    the same refused token renew it once: the second one finds the new pair in the store.

    Args:
        token_url: where tokens are renewed.
        pair: the tokens to begin with, and where to keep the new ones.
        headers: what the vendor wants with every call, this one too.
    """

    requires_response_body = True

    def __init__(
        self,
        token_url: str,
        client_id: SecretStr,
        client_secret: SecretStr,
        pair: TokenPair,
        headers: Mapping[str, str],
    ) -> None:
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._pair = pair
        self._headers = headers
        self._lock = threading.Lock()

    def auth_flow(self, request: httpx.Request) -> Flow:
        used = self._pair.access_token()
        request.headers["Authorization"] = f"Bearer {used}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED and self._pair.refresh_token():
            renewed = yield from self._renew(request, refused=used)
            request.headers["Authorization"] = f"Bearer {renewed}"
            yield request

    def _renew(self, call: httpx.Request, refused: str) -> Generator[httpx.Request, httpx.Response, str]:
        with self._lock, self._pair.locked():
            current = self._pair.reload()
            if current != refused:  # renewed meanwhile, here or by another process
                return current
            response = yield self._renewal(call)
            answer = token_answer(response)
            self._pair.save(str(answer["access_token"]), str(answer.get("refresh_token") or self._pair.refresh_token()))
            return self._pair.access_token()

    def _renewal(self, call: httpx.Request) -> httpx.Request:
        grant = {
            "grant_type": "refresh_token",
            "client_id": self._client_id.get_secret_value(),
            "client_secret": self._client_secret.get_secret_value(),
            "refresh_token": self._pair.refresh_token(),
        }
        return sign_in(call, self._token_url, self._headers, data=grant)


class OAuth1Signature(httpx.Auth):
    """OAuth 1.0a with HMAC-SHA256 and a realm; each try, a repetition too, gets its own nonce and timestamp."""

    def __init__(
        self, consumer_key: SecretStr, consumer_secret: SecretStr, token: SecretStr, token_secret: SecretStr, realm: str
    ) -> None:
        self._secrets = (consumer_key, consumer_secret, token, token_secret)
        self._realm = realm

    def auth_flow(self, request: httpx.Request) -> Flow:
        self._sign(request)
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:  # a nonce seen before, or a clock that was off
            self._sign(request)
            yield request

    def _sign(self, request: httpx.Request) -> None:
        from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, SIGNATURE_TYPE_AUTH_HEADER, Client

        consumer_key, consumer_secret, token, token_secret = (one.get_secret_value() for one in self._secrets)
        signer = Client(
            consumer_key,
            client_secret=consumer_secret,
            resource_owner_key=token,
            resource_owner_secret=token_secret,
            signature_method=SIGNATURE_HMAC_SHA256,
            signature_type=SIGNATURE_TYPE_AUTH_HEADER,
            realm=self._realm,
        )
        # A JSON body is no part of the signature (RFC 5849 section 3.4.1.3.1); the query is.
        _, headers, _ = signer.sign(str(request.url), http_method=request.method)  # type: ignore[arg-type]
        request.headers["Authorization"] = headers["Authorization"]


def sign_in(call: httpx.Request, url: str, headers: Mapping[str, str], **body: Any) -> httpx.Request:
    """A request of the sign-in, with the time-outs and standing headers of the call that needs it."""
    return httpx.Request(
        "POST",
        url,
        headers={"User-Agent": call.headers.get("User-Agent", ""), "Accept": "application/json", **headers},
        extensions={**call.extensions, SIGN_IN: True},
        **body,
    )


def token_answer(response: httpx.Response) -> Mapping[str, Any]:
    """The body of a token endpoint's answer.

    Raises:
        SignInRefused: it is no success, or holds no access token.
    """
    try:
        answer = response.json() if response.is_success else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str) or not answer["access_token"]:
        raise SignInRefused(response)
    return answer
