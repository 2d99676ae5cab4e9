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
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx

from plumbing import log, quota, traffic
from plumbing.answers import (
    LABEL,
    Envelope,
    ErrorReader,
    Failures,
    RefusalReader,
    body_of_error,
    json_body,
    json_bytes,
    no_envelope,
    no_refusal,
    retry_after,
)
from plumbing.auth import SignInRefused
from plumbing.clock import Clock, SystemClock
from plumbing.errors import (
    Misconfigured,
    RateLimited,
    Transient,
    UnexpectedAnswer,
)
from plumbing.limits import Allowance, Resting
from plumbing.redaction import redact
from plumbing.wire import Wire

if TYPE_CHECKING:
    from types import ModuleType

    from plumbing.settings import Connection

_log = log.get(__name__)

READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
READ_RETRIES = 4  # repetitions of a read after its first try
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0  # a longer wait that the other side asks for is the caller's to schedule


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
class Exchange:
    """What the hook sees of one try; the address without credentials, nothing of headers or bodies.

    ``status`` is None when no answer came; ``elapsed`` is in seconds; ``label`` names the call where one address serves all;
    ``is_done``: a write that the other side says it carried out.
    """

    method: str
    url: str
    status: int | None
    elapsed: float
    request_id: str | None
    label: str | None = None
    is_done: bool = False

    @property
    def path(self) -> str:
        """The address without its host and its query, which may carry what people typed."""
        _, _, after = self.url.partition("://")
        return "/" + after.partition("/")[2].partition("?")[0].partition("#")[0]


Hook = Callable[[Exchange], None]


class Client:
    """An HTTP client for one connection that raises `plumbing.errors` and nothing else.

    Args:
        connection: whom we speak to; named in every error.
        base_url: default ``connection.base_url``; paths are joined to it, absolute addresses must be of the same host.
        auth: a flow of `plumbing.auth`.
        allowance: the vendor's limits, shared by all clients of the connection in this process, and by every process on one
            warehouse within `plumbing.traffic.shared`.
        error_reader: the vendor's error envelope.
        refusal_reader: for a vendor that says no with a 2xx: the envelope of such an answer, None for a good one.
        headers: sent with every request.
        request_id_headers: answer headers in which the vendor names its own record of the call.
        transport: the seam for tests.
        on_request: called after every try.

    Attributes:
        allowance: as given.
        wire: the connections it sends over.
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
        refusal_reader: RefusalReader = no_refusal,
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
        clock = clock or SystemClock()
        self._refusal = refusal_reader
        self._failures = Failures(connection, error_reader, tuple(request_id_headers), clock)
        self._base = httpx.URL((base_url or connection.base_url).rstrip("/") + "/")
        self._below = str(self._base)
        self._origin = redact(f"{self._base.scheme}://{self._base.netloc.decode('ascii')}")
        self.allowance = allowance or Allowance()
        self._clock = clock
        self._gate = traffic.gate_of(connection, str(self._base), self.allowance, clock)
        limits = self.timeout
        self.wire = Wire(
            {"Accept": "application/json", "User-Agent": "hourline", **(headers or {})},
            httpx.Timeout(
                connect=limits.connect_seconds,
                read=limits.read_seconds,
                write=limits.write_seconds,
                pool=limits.pool_seconds,
            ),
            _tls(connection),
            auth,
            transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and give back what is held of the allowance."""
        self.wire.close()
        self._gate.close()

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
        label: str | None = None,
    ) -> httpx.Response:
        """Send one call and give its successful (2xx) answer.

        Args:
            path: below the base address, or an absolute address of the same host (a next-page link).
            json: body; Decimals are sent as plain numbers.
            is_read: it changes nothing there and may be repeated; default by method (a SuiteQL query is a POST).
            retries: repetitions of a read; a write has none whatever is asked.
            expect_json: a body that is there must be JSON; get it by `json_body`.
            label: what errors and hooks call it where one address serves all (a method of an RPC).
        """
        reads = method.upper() in READ_METHODS if is_read is None else is_read
        body: dict[str, Any] = {"content": content, "data": data}
        all_headers = headers or {}
        if json is not None:
            body = {"content": json_bytes(json)}
            all_headers = {"Content-Type": "application/json", **all_headers}
        address = self._address(path)
        labelled = {} if label is None else {LABEL: label}

        def send() -> httpx.Response:
            request = self.wire.request(method, address, all_headers, labelled, params=params, **body)
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
        try:
            url = httpx.URL(path if absolute else self._below + path.lstrip("/"))
        except httpx.InvalidURL:
            raise UnexpectedAnswer(
                f"Connection {self.connection.name} was given an address that is none: {path}.", **self._failures.who()
            ) from None
        if not absolute:
            return url
        if (url.scheme, url.host, url.port) != (self._base.scheme, self._base.host, self._base.port):
            raise UnexpectedAnswer(
                f"Connection {self.connection.name} was pointed at another host, {url.host}; nothing was sent there.",
                **self._failures.who(),
            )
        return url

    def _try(self, request: httpx.Request, reads: bool, expect_json: bool) -> httpx.Response:
        began = time.monotonic()
        response: httpx.Response | None = None
        is_done = False
        try:
            with self._gate.slot():
                if self.before_send is not None:
                    self.before_send()
                began = time.monotonic()
                response = self.wire.send(request)
            self._check(response, reads, expect_json)
            is_done = not reads
        except Resting as rest:
            raise self._left_alone(rest) from None
        except SignInRefused as refused:
            raise self._failures.sign_in_refused(refused.response) from None
        except httpx.HTTPError as error:
            raise self._failures.no_answer(error, request, reads) from error
        finally:
            self._tell(request, response, time.monotonic() - began, is_done)
        return response

    def _check(self, response: httpx.Response, reads: bool, expect_json: bool) -> None:
        left = quota.read(response.headers.raw, self._clock.now())
        if not response.is_success:
            error = self._failures.bad_answer(response, reads)
            self._gate.hear(response.status_code, getattr(error, "retry_after", None), left)
            raise error
        if left is not None:
            self._gate.hear(response.status_code, None, left)
        if expect_json and response.content:
            self._failures.parse(response, reads)
        refusal = self._refusal(response)
        if refusal is not None:
            raise self._failures.refused(response, refusal, reads)

    def _left_alone(self, rest: Resting) -> RateLimited:
        return RateLimited(
            f"Connection {self.connection.name} asked to be left alone for {rest.seconds:.0f} s more; nothing was sent.",
            retry_after=rest.seconds,
            remedy="Nothing to do: what waits is sent when the time is over.",
            **self._failures.who(),
        )

    def _tell(self, request: httpx.Request, response: httpx.Response | None, elapsed: float, is_done: bool) -> None:
        exchange = Exchange(
            method=request.method,
            url=self._origin + redact(request.url.raw_path.decode("ascii")),
            status=response.status_code if response is not None else None,
            elapsed=elapsed,
            request_id=self._failures.request_id(response) if response is not None else None,
            label=request.extensions.get(LABEL),
            is_done=is_done,
        )
        _log.debug(
            "http",
            connection=self.connection.name,
            method=exchange.method,
            url=exchange.url,
            call=exchange.label,
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


def _tls(connection: Connection) -> ssl.SSLContext:
    try:
        return (
            _context(str(connection.ca_file), connection.ca_file.stat().st_mtime_ns)
            if connection.ca_file
            else _default_tls()
        )
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(
            f"The ca_file {connection.ca_file} of connection {connection.name} cannot be used: {error}.",
            system=connection.system,
            connection=connection.name,
            remedy="Give a PEM file with the authority's certificate.",
        ) from None


@functools.lru_cache(maxsize=16)
def _context(ca_file: str, _changed: int) -> ssl.SSLContext:
    """Read once for all clients of the process, until the file changes."""
    return ssl.create_default_context(cafile=ca_file)


@functools.cache
def _default_tls() -> ssl.SSLContext:
    """The public authorities: some tens of milliseconds of parsing, so once for all clients of the process."""
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


__all__ = [
    "Allowance",
    "Client",
    "Envelope",
    "ErrorReader",
    "Exchange",
    "Hook",
    "RefusalReader",
    "Timeouts",
    "body_of_error",
    "json_body",
    "json_bytes",
    "retry_after",
]
