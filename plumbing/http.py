"""One way to speak HTTP: limits, time-outs, sign-in, redaction, retries of reads, and every failure by its name.

The promise that delivery stands on: a write is sent at most once by this layer (but for one repetition after a 401,
which every vendor documents as not carried out). Whether it reached the other side is always told:

- nothing was sent (no connection, sign-in failed in transit): `Unavailable`, safe to send again;
- refused with an answer: `Refused`, `Conflict`, `RateLimited`, …: nothing was done there;
- sent, and the answer lost, unreadable or a 5xx: `OutcomeUnknown`.

Reads are repeated here, with growing waits or the wait that the other side asks for. Redirects are never followed: they
would carry credentials to another host.
"""

from __future__ import annotations

import functools
import json
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Self

import httpx

from plumbing import log
from plumbing.auth import SIGN_IN, SignInRefused
from plumbing.clock import Clock, SystemClock
from plumbing.errors import (
    Conflict,
    Forbidden,
    HourlineError,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Transient,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
)
from plumbing.limits import Allowance, gate_of
from plumbing.redaction import redact

if TYPE_CHECKING:
    from datetime import datetime
    from types import ModuleType

    from plumbing.settings import Connection

_log = log.get(__name__)

READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
READ_RETRIES = 4  # repetitions of a read after its first try
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0  # a longer wait that the other side asks for is the caller's to schedule
LONGEST_DETAIL = 500  # characters of the vendor's words kept in an error
_PARSED = "hourline.json"
_PATH = "hourline.path"

_BY_STATUS: dict[int, type[HourlineError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    412: Conflict,
    429: RateLimited,
}


@dataclass(frozen=True)
class Timeouts:
    """Seconds. ``read_seconds`` is how long one write may stay unanswered, which leases reckon with."""

    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    write_seconds: float = 30.0
    pool_seconds: float = 60.0

    @property
    def whole_call_seconds(self) -> float:
        """The longest a single try can take, waiting for a free slot left out."""
        return self.connect_seconds + self.write_seconds + self.read_seconds


@dataclass(frozen=True)
class Envelope:
    """What a vendor's error body says, in our words.

    Attributes:
        kind: the error to raise; None leaves it to the status.
        code: the vendor's code.
        detail: the vendor's words.
        field: the field or pointer it objects to.
        category: see `plumbing.errors.Refused`.
        retry_after: seconds to wait.
    """

    kind: type[HourlineError] | None = None
    code: str | None = None
    detail: str | None = None
    field: str | None = None
    category: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True)
class Exchange:
    """What the hook sees of one try; the address without credentials, nothing of headers or bodies.

    ``status`` is None when no answer came; ``elapsed`` is in seconds.
    """

    method: str
    url: str
    status: int | None
    elapsed: float
    request_id: str | None


ErrorReader = Callable[[httpx.Response], Envelope]
Hook = Callable[[Exchange], None]


def no_envelope(_response: httpx.Response) -> Envelope:
    """The reader of a vendor without an error envelope."""
    return Envelope()


class Client:
    """An `httpx.Client` for one connection that raises `plumbing.errors` and nothing else.

    Args:
        connection: whom we speak to; named in every error.
        base_url: default ``connection.base_url``; paths are joined to it, absolute addresses must be of the same host.
        auth: a flow of `plumbing.auth`.
        allowance: the vendor's limits, shared by all clients of the connection in this process.
        error_reader: the vendor's error envelope.
        headers: sent with every request.
        request_id_headers: answer headers in which the vendor names its own record of the call.
        transport: the seam for tests.
        on_request: called after every try.

    Attributes:
        allowance: as given.
        before_send: called when a call's turn has come, after any wait for the allowance; what it raises stops the call unsent.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        base_url: str | None = None,
        auth: httpx.Auth | None = None,
        allowance: Allowance | None = None,
        error_reader: ErrorReader = no_envelope,
        timeout: Timeouts | None = None,
        headers: Mapping[str, str] | None = None,
        request_id_headers: Iterable[str] = ("x-request-id",),
        transport: httpx.BaseTransport | None = None,
        on_request: Hook | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.connection = connection
        self.timeout = timeout or Timeouts()
        self.on_request = on_request
        self.before_send: Callable[[], None] | None = None
        self._auth = auth
        self._read_error = error_reader
        self._request_id_headers = tuple(request_id_headers)
        self._clock = clock or SystemClock()
        self._base = httpx.URL((base_url or connection.base_url).rstrip("/") + "/")
        self.allowance = allowance or Allowance()
        self._gate = gate_of(connection.name, str(self._base), self.allowance, self._clock)
        limits = self.timeout
        self._http = httpx.Client(
            headers={"Accept": "application/json", "User-Agent": "hourline", **(headers or {})},
            timeout=httpx.Timeout(
                connect=limits.connect_seconds,
                read=limits.read_seconds,
                write=limits.write_seconds,
                pool=limits.pool_seconds,
            ),
            verify=_tls(connection),
            transport=transport,
            follow_redirects=False,
            trust_env=False,  # the environment is read by plumbing.settings alone
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **options: Any) -> httpx.Response:
        """`request` with GET."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        """`request` with POST."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> httpx.Response:
        """`request` with PUT."""
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> httpx.Response:
        """`request` with PATCH."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        """`request` with DELETE."""
        return self.request("DELETE", path, **options)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Any = None,
        json: Any = None,
        content: bytes | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        is_read: bool | None = None,
        retries: int | None = None,
        expect_json: bool = True,
    ) -> httpx.Response:
        """Send one call and give its successful (2xx) answer.

        Args:
            path: below the base address, or an absolute address of the same host (a next-page link).
            json: body; Decimals are sent as plain numbers.
            is_read: it changes nothing there and may be repeated; default by method (a SuiteQL query is a POST).
            retries: repetitions of a read; a write has none whatever is asked.
            expect_json: a body that is there must be JSON; get it by `json_body`.
        """
        reads = method.upper() in READ_METHODS if is_read is None else is_read
        body: dict[str, Any] = {"content": content, "data": data}
        all_headers = dict(headers or {})
        if json is not None:
            body = {"content": json_bytes(json)}
            all_headers.setdefault("Content-Type", "application/json")
        address = self._address(path)

        def send() -> httpx.Response:
            request = self._http.build_request(method, address, params=params, headers=all_headers, **body)
            return self._try(request, reads, expect_json)

        if not reads:
            return send()
        return self._repeat(send, READ_RETRIES if retries is None else retries)

    def _repeat(self, send: Callable[[], httpx.Response], retries: int) -> httpx.Response:
        stamina = _stamina()

        def wait_or_not(error: Exception) -> bool | float:
            if not isinstance(error, Transient):
                return False
            asked = getattr(error, "retry_after", None)
            if asked is None:
                return True
            return float(asked) if asked <= LONGEST_WAIT_SECONDS else False

        attempts = stamina.retry_context(
            on=wait_or_not,
            attempts=retries + 1,
            timeout=None,
            wait_initial=FIRST_WAIT_SECONDS,
            wait_max=LONGEST_WAIT_SECONDS,
        )
        for attempt in attempts:
            with attempt:
                return send()
        raise AssertionError("a retry loop ends by an answer or an error")

    def _address(self, path: str) -> httpx.URL:
        absolute = path.startswith(("http://", "https://"))
        url = httpx.URL(path) if absolute else self._base.join(path.lstrip("/"))
        if (url.scheme, url.host, url.port) != (self._base.scheme, self._base.host, self._base.port):
            raise UnexpectedAnswer(
                f"Connection {self.connection.name} was pointed at another host, {url.host}; nothing was sent there.",
                **self._who(),
            )
        return url

    def _try(self, request: httpx.Request, reads: bool, expect_json: bool) -> httpx.Response:
        began = time.monotonic()
        response: httpx.Response | None = None
        try:
            with self._gate.slot():
                if self.before_send is not None:
                    self.before_send()
                began = time.monotonic()
                response = self._http.send(
                    request, auth=self._auth if self._auth is not None else httpx.USE_CLIENT_DEFAULT
                )
        except SignInRefused as refusal:
            raise self._sign_in_refused(refusal.response) from None
        except httpx.HTTPError as error:
            raise self._no_answer(error, request, reads) from error
        finally:
            self._tell(request, response, time.monotonic() - began)
        if not response.is_success:
            raise self._bad_answer(response, reads)
        response.extensions[_PATH] = f"{request.method} {request.url.path}"
        if expect_json and response.content:
            self._parse(response, reads)
        return response

    def _parse(self, response: httpx.Response, reads: bool) -> None:
        try:
            response.extensions[_PARSED] = _loads(response)
        except ValueError as error:
            where = response.extensions[_PATH]
            what = (
                f"Connection {self.connection.name}: the answer to {where} is no whole JSON document "
                f"({_media_type(response)}, {len(response.content)} bytes: {error})."
            )
            who = {**self._who(response), "path": where}
            if reads:
                raise UnexpectedAnswer(what, remedy="Check the address, and any proxy on the way.", **who) from None
            raise OutcomeUnknown(f"{what} The write may have been carried out.", remedy=_LOOK_FIRST, **who) from None

    def _no_answer(self, error: httpx.HTTPError, request: httpx.Request, reads: bool) -> HourlineError:
        where = f"{request.method} {request.url.path}"
        who = {**self._who(), "path": where}
        name = f"Connection {self.connection.name}"
        host = f"{request.url.host}{f':{request.url.port}' if request.url.port else ''}"
        if _certificate_problem(error):
            return Misconfigured(
                f"{name}: the certificate of {host} is not trusted: {_certificate_problem(error)}.",
                remedy="Set ca_file of the connection to the PEM file of the authority that signed it.",
                **who,
            )
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            return Unavailable(
                f"{name}: {host} cannot be reached ({_words(error)}); nothing was sent.",
                remedy="Check the address and the network, then run again.",
                **who,
            )
        if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
            return Misconfigured(f"{name}: {where} cannot be sent ({_words(error)}).", **who)
        if _signing_in(error):
            return Unavailable(
                f"{name}: the sign-in at {host} got no answer ({_words(error)}); the call was not sent.", **who
            )
        if reads:
            return Unavailable(f"{name}: {where} got no whole answer ({_words(error)}).", remedy="Run again.", **who)
        return OutcomeUnknown(
            f"{name}: {where} was sent and its answer was lost ({_words(error)}).", remedy=_LOOK_FIRST, **who
        )

    def _bad_answer(self, response: httpx.Response, reads: bool) -> HourlineError:
        where = f"{response.request.method} {response.request.url.path}"
        status = response.status_code
        envelope = self._read_error(response)
        kind = envelope.kind or _kind(status, reads)
        detail = (envelope.detail or _plain_words(response))[:LONGEST_DETAIL]
        common: dict[str, Any] = {**self._who(response), "path": where, "code": envelope.code, "detail": detail or None}
        code = f" {envelope.code}" if envelope.code else ""
        said = f": {detail}" if detail else ""
        message = f"Connection {self.connection.name}: {where} was answered with {status}{code}{said}"
        message = message if message.endswith((".", "!", "?")) else f"{message}."
        if issubclass(kind, RateLimited | Unavailable):
            wait = envelope.retry_after if envelope.retry_after is not None else retry_after(response, self._clock)
            return kind(message, retry_after=wait, remedy=_remedy(kind, self.connection), **common)
        if issubclass(kind, Refused | Conflict):
            extra = {"category": envelope.category} if envelope.category else {}
            return kind(message, field=envelope.field, **extra, **common)
        return kind(message, remedy=_remedy(kind, self.connection), **common)

    def _sign_in_refused(self, response: httpx.Response) -> HourlineError:
        common: dict[str, Any] = {
            **self._who(response),
            "path": f"{response.request.method} {response.request.url.path}",
        }
        name = self.connection.name
        if (
            response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
            or response.status_code == httpx.codes.TOO_MANY_REQUESTS
        ):
            return Unavailable(
                f"Connection {name}: the sign-in was answered with {response.status_code}; the call was not sent.",
                retry_after=retry_after(response, self._clock),
                **common,
            )
        detail = (self._read_error(response).detail or _plain_words(response))[:LONGEST_DETAIL]
        said = f": {detail}" if detail else ""
        return Unauthorized(
            f"Connection {name}: the sign-in was refused with {response.status_code}{said}.",
            remedy=_remedy(Unauthorized, self.connection),
            detail=detail or None,
            **common,
        )

    def _who(self, response: httpx.Response | None = None) -> dict[str, Any]:
        who: dict[str, Any] = {"system": self.connection.system, "connection": self.connection.name}
        if response is not None:
            who |= {"status": response.status_code, "request_id": self._request_id(response)}
        return who

    def _request_id(self, response: httpx.Response) -> str | None:
        return next((response.headers[name] for name in self._request_id_headers if name in response.headers), None)

    def _tell(self, request: httpx.Request, response: httpx.Response | None, elapsed: float) -> None:
        exchange = Exchange(
            method=request.method,
            url=redact(str(request.url)),
            status=response.status_code if response is not None else None,
            elapsed=elapsed,
            request_id=self._request_id(response) if response is not None else None,
        )
        _log.debug(
            "http",
            connection=self.connection.name,
            method=exchange.method,
            url=exchange.url,
            status=exchange.status,
            seconds=round(elapsed, 3),
            request_id=exchange.request_id,
        )
        if self.on_request is not None:
            self.on_request(exchange)


@functools.cache
def _stamina() -> ModuleType:
    """stamina, told to log its repetitions by our logger: by itself it writes to standard output."""
    import stamina
    from stamina.instrumentation import RetryDetails, set_on_retry_hooks

    def tell(details: RetryDetails) -> None:
        _log.info(
            "read repeated",
            after_seconds=round(details.wait_for, 2),
            attempt=details.retry_num,
            why=str(details.caused_by),
        )

    set_on_retry_hooks([tell])
    return stamina


_LOOK_FIRST = "Look there by its key before sending it again; `hourline push` does."


def json_body(response: httpx.Response) -> Any:
    """The JSON of an answer that `Client.request` gave; fractions are Decimals, an empty body is None."""
    if _PARSED in response.extensions:
        return response.extensions[_PARSED]
    return _loads(response) if response.content else None


def json_bytes(value: Any) -> bytes:
    """A JSON body; Decimals become plain numbers, floats are refused (money and hours must never have been one)."""
    from plumbing.canonical import dumps

    return dumps(value)


def body_of_error(response: httpx.Response) -> Any:
    """The JSON of a refusal, or None where it is none: an error page must not hide the error."""
    try:
        return _loads(response)
    except ValueError:
        return None


def retry_after(response: httpx.Response, clock: Clock) -> float | None:
    """Seconds that the ``Retry-After`` header asks for, given as seconds or as a date; None without one."""
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        until: datetime = parsedate_to_datetime(value)
        return max(0.0, (until - clock.now()).total_seconds())
    except (ValueError, TypeError):
        return None


def _loads(response: httpx.Response) -> Any:
    def no_number(text: str) -> None:
        raise ValueError(f"{text} is no JSON number")

    return json.loads(response.content.decode("utf-8-sig"), parse_float=Decimal, parse_constant=no_number)


def _kind(status: int, reads: bool) -> type[HourlineError]:
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.REQUEST_TIMEOUT:
        return Unavailable if reads else OutcomeUnknown
    if status < httpx.codes.BAD_REQUEST:
        return UnexpectedAnswer if reads else OutcomeUnknown
    return _BY_STATUS.get(status, Refused)


def _remedy(kind: type[HourlineError], connection: Connection) -> str | None:
    if issubclass(kind, OutcomeUnknown):
        return _LOOK_FIRST
    if issubclass(kind, Unauthorized):
        return f"Check the secrets of connection {connection.name}, then `hourline doctor`."
    if issubclass(kind, Forbidden):
        return f"Give the user of connection {connection.name} the right it lacks there."
    if issubclass(kind, Transient):
        return "Run again later."
    return None


def _plain_words(response: httpx.Response) -> str:
    """The body if it is a short text for people; a page or a document says nothing in one sentence."""
    if _media_type(response) != "text/plain":
        return ""
    return " ".join(response.text.split())


def _media_type(response: httpx.Response) -> str:
    return str(response.headers.get("content-type", "no content type")).partition(";")[0].strip().lower()


def _words(error: Exception) -> str:
    return redact(str(error)) or type(error).__name__


def _signing_in(error: httpx.HTTPError) -> bool:
    try:
        return bool(error.request.extensions.get(SIGN_IN))
    except RuntimeError:  # httpx's way to say that the error belongs to no request
        return False


def _certificate_problem(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return None


def _tls(connection: Connection) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(connection.ca_file)) if connection.ca_file else _default_tls()
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(
            f"The ca_file {connection.ca_file} of connection {connection.name} cannot be used: {error}.",
            system=connection.system,
            connection=connection.name,
            remedy="Give a PEM file with the authority's certificate.",
        ) from None


def _default_tls() -> ssl.SSLContext:
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


__all__ = [
    "Allowance",
    "Client",
    "Envelope",
    "ErrorReader",
    "Exchange",
    "Hook",
    "Timeouts",
    "body_of_error",
    "json_body",
    "json_bytes",
    "retry_after",
]
