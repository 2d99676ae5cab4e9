"""Sign-in: token-based authentication (OAuth 1.0a, HMAC-SHA256) and OAuth 2.0 client credentials (sheet A2).

The signature covers the method, the URL without its query, the query's parameters and every `oauth_*` parameter of the
header, known or not (`oauth_body_hash` is one that a published client adds); `realm` is left out and must be the account
id. A body hash is signed over but not compared with the body. Whatever fails, the caller sees INVALID_LOGIN alone and
the reason stands in `audit`, as in NetSuite's login audit trail.

Timestamps are compared with real time (the client lives in it): five minutes either way. The sheet gives no number.
"""

import base64
import hashlib
import hmac
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import jwt
from starlette.responses import Response

from simulators.kit import Call, answer
from simulators.netsuite.errors import invalid_login

TIMESTAMP_WINDOW_SECONDS = 300
ACCESS_TOKEN_SECONDS = 3600
ASSERTION_MOST_SECONDS = 3600
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_ALGORITHMS = ["PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"
_KEPT_AUDIT_LINES = 1_000
_SIGNED_ONCE = ("oauth_consumer_key", "oauth_token", "oauth_signature_method", "oauth_timestamp", "oauth_nonce")


@dataclass(frozen=True)
class TokenSet:
    """What an integration record and an access token give: the four secrets of TBA."""

    consumer_key: str
    consumer_secret: str
    token_id: str
    token_secret: str


@dataclass(frozen=True)
class Certificate:
    """A certificate uploaded for client credentials: `kid` is the id that the setup page shows."""

    kid: str
    client_id: str
    public_key: str


@dataclass
class SignIn:
    """The account's sign-in desk. `wall` gives real seconds since the epoch."""

    account_id: str
    tokens: TokenSet
    token_url: str
    wall: Callable[[], float]
    is_revoked: Callable[[str], bool] = lambda _token: False
    audit: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_AUDIT_LINES))
    certificates: dict[str, Certificate] = field(default_factory=dict)
    _nonces: dict[str, float] = field(default_factory=dict)
    _bearers: dict[str, float] = field(default_factory=dict)
    _issued: int = 0

    def check(self, call: Call) -> Response | None:
        """The refusal, or None when the caller may pass."""
        header = call.headers.get("authorization", "")
        reason = self._bearer(call.bearer) if call.bearer is not None else self._signature(call, header)
        if reason is None:
            return None
        self.audit.append(reason)
        return invalid_login().response()

    # -- OAuth 1.0a ---------------------------------------------------------------------------------------------

    def _signature(self, call: Call, header: str) -> str | None:
        given = _header_parameters(header)
        if given is None:
            return "MalformedAuthorizationHeader"
        reason = self._parameters(given) or self._credentials(given)
        if reason is not None:
            return reason
        if not hmac.compare_digest(self._expected(call, given), given["oauth_signature"]):
            return "InvalidSignature"
        return self._spend(given["oauth_nonce"])

    def _parameters(self, given: dict[str, str]) -> str | None:
        for name in (*_SIGNED_ONCE, "oauth_signature"):
            if not given.get(name):
                return f"parameter_absent {name}"
        if given.get("oauth_version", "1.0") != "1.0":
            return "version_rejected"
        if given["oauth_signature_method"] != "HMAC-SHA256":
            return "signature_method_rejected"
        stamp = given["oauth_timestamp"]
        if not stamp.isdigit() or abs(self.wall() - int(stamp)) > TIMESTAMP_WINDOW_SECONDS:
            return "timestamp_refused"
        return None

    def _credentials(self, given: dict[str, str]) -> str | None:
        if given.get("realm", "") != self.account_id:
            return "InvalidRealm"
        if given["oauth_consumer_key"] != self.tokens.consumer_key:
            return "consumer_key_unknown"
        if given["oauth_token"] != self.tokens.token_id or self.is_revoked(self.tokens.token_id):
            return "TokenRejected"
        return None

    def _expected(self, call: Call, given: dict[str, str]) -> str:
        parts = urlsplit(call.url)
        default_port = {"http": 80, "https": 443}.get(parts.scheme)
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port not in (None, default_port) else "")
        parameters = parse_qsl(parts.query, keep_blank_values=True)
        parameters += [(k, v) for k, v in given.items() if k not in ("realm", "oauth_signature")]
        encoded = sorted((_encode(k), _encode(v)) for k, v in parameters)
        base = "&".join(
            (
                call.method.upper(),
                _encode(f"{parts.scheme}://{host}{parts.path}"),
                _encode("&".join(f"{k}={v}" for k, v in encoded)),
            )
        )
        key = f"{_encode(self.tokens.consumer_secret)}&{_encode(self.tokens.token_secret)}"
        return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()).decode()

    def _spend(self, nonce: str) -> str | None:
        horizon = self.wall() - 2 * TIMESTAMP_WINDOW_SECONDS
        while self._nonces and next(iter(self._nonces.values())) < horizon:
            del self._nonces[next(iter(self._nonces))]
        if nonce in self._nonces:
            return "nonce_used"
        self._nonces[nonce] = self.wall()
        return None

    # -- OAuth 2.0 client credentials ----------------------------------------------------------------------------

    def _bearer(self, token: str) -> str | None:
        if self.is_revoked(token) or self._bearers.get(token, 0.0) < self.wall():
            return "TokenRejected"
        return None

    def issue(self, call: Call) -> Response:
        """The token endpoint: an access token for a signed assertion, or an OAuth error object."""
        form = call.form()
        if form.get("grant_type") != "client_credentials" or form.get("client_assertion_type") != ASSERTION_TYPE:
            return answer({"error": "invalid_request"}, 400)
        reason = self._assertion(form.get("client_assertion", ""))
        if reason is not None:
            self.audit.append(reason)
            return answer({"error": "invalid_client" if reason == "certificate_unknown" else "invalid_grant"}, 400)
        self._issued += 1
        seed = f"{self._issued}:{self.tokens.token_secret}:{self.wall()}"
        token = "eyJ" + hashlib.sha256(seed.encode()).hexdigest()
        self._bearers[token] = self.wall() + ACCESS_TOKEN_SECONDS
        return answer({"access_token": token, "expires_in": str(ACCESS_TOKEN_SECONDS), "token_type": "bearer"})

    def _assertion(self, assertion: str) -> str | None:
        try:
            certificate = self.certificates.get(str(jwt.get_unverified_header(assertion).get("kid")))
            if certificate is None:
                return "certificate_unknown"
            claims: dict[str, Any] = jwt.decode(
                assertion,
                certificate.public_key,
                algorithms=ASSERTION_ALGORITHMS,
                audience=self.token_url,
                options={"require": ["iss", "aud", "iat", "exp"]},
            )
        except jwt.PyJWTError as error:
            return type(error).__name__
        scopes = claims.get("scope")
        wanted = scopes if isinstance(scopes, list) else str(scopes).replace(",", " ").split()
        if claims["iss"] != certificate.client_id or "rest_webservices" not in wanted:
            return "scope_or_issuer_refused"
        if claims["exp"] - claims["iat"] > ASSERTION_MOST_SECONDS:
            return "assertion_too_long"
        return None

    def erp_certificate(self, kid: str, client_id: str, public_key: str) -> dict[str, Any]:
        """Upload a certificate for client credentials, as an administrator does on the setup page."""
        self.certificates[kid] = Certificate(kid, client_id, public_key)
        return {"kid": kid}


def _encode(text: str) -> str:
    return quote(text, safe="-._~")


def _header_parameters(header: str) -> dict[str, str] | None:
    """The parameters of an `OAuth …` header; None when it is none, is malformed, or names one twice."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "oauth":
        return None
    found: dict[str, str] = {}
    for part in rest.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or len(value) < 2 or value[0] != '"' or value[-1] != '"' or unquote(name) in found:
            return None
        found[unquote(name)] = unquote(value[1:-1])
    return found
