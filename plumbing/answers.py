"""What an answer means: its JSON, a refusal in our words, and which error stands for what went wrong on the wire."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx

from plumbing.auth import SIGN_IN
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
from plumbing.redaction import redact

if TYPE_CHECKING:
    from datetime import datetime

    from plumbing.clock import Clock
    from plumbing.settings import Connection

LONGEST_DETAIL = 500  # characters of the vendor's words kept in an error
LOOK_FIRST = "Look there by its key before sending it again; `hourline push` does."
LABEL = "hourline.label"  # request extension
_PARSED = "hourline.json"  # response extension

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


ErrorReader = Callable[[httpx.Response], Envelope]
RefusalReader = Callable[[httpx.Response], Envelope | None]


def no_envelope(_response: httpx.Response) -> Envelope:
    """The reader of a vendor without an error envelope."""
    return Envelope()


def no_refusal(_response: httpx.Response) -> Envelope | None:
    """The reader of a vendor whose 2xx is always a yes."""
    return None


class Failures:
    """Turns what went wrong on one connection into the error that names it."""

    def __init__(
        self, connection: Connection, read_error: ErrorReader, request_id_headers: tuple[str, ...], clock: Clock
    ) -> None:
        self._connection = connection
        self._read_error = read_error
        self._request_id_headers = request_id_headers
        self._clock = clock
        self._name = f"Connection {connection.name}"

    def parse(self, response: httpx.Response, reads: bool) -> None:
        """Read a success's body as JSON, for `json_body`; raise where it is none."""
        try:
            response.extensions[_PARSED] = _loads(response)
        except ValueError as error:
            where = _where(response.request)
            what = (
                f"{self._name}: the answer to {where} is no whole JSON document "
                f"({_media_type(response)}, {len(response.content)} bytes: {error})."
            )
            who = {**self.who(response), "path": where}
            if reads:
                raise UnexpectedAnswer(what, remedy="Check the address, and any proxy on the way.", **who) from None
            raise OutcomeUnknown(f"{what} The write may have been carried out.", remedy=LOOK_FIRST, **who) from None

    def no_answer(self, error: httpx.HTTPError, request: httpx.Request, reads: bool) -> HourlineError:
        """No whole answer came. What matters: was anything sent, and may it have changed something there."""
        where = _where(request)
        who = {**self.who(), "path": where}
        host = f"{request.url.host}{f':{request.url.port}' if request.url.port else ''}"
        if _certificate_problem(error):
            return Misconfigured(
                f"{self._name}: the certificate of {host} is not trusted: {_certificate_problem(error)}.",
                remedy="Set ca_file of the connection to the PEM file of the authority that signed it.",
                **who,
            )
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            return Unavailable(
                f"{self._name}: {host} cannot be reached ({_words(error)}); nothing was sent.",
                remedy="Check the address and the network, then run again.",
                **who,
            )
        if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
            return Misconfigured(f"{self._name}: {where} cannot be sent ({_words(error)}).", **who)
        if _signing_in(error):
            return Unavailable(
                f"{self._name}: the sign-in at {host} got no answer ({_words(error)}); the call was not sent.", **who
            )
        if reads:
            return Unavailable(
                f"{self._name}: {where} got no whole answer ({_words(error)}).", remedy="Run again.", **who
            )
        return OutcomeUnknown(
            f"{self._name}: {where} was sent and its answer was lost ({_words(error)}).", remedy=LOOK_FIRST, **who
        )

    def bad_answer(self, response: httpx.Response, reads: bool) -> HourlineError:
        """An answer that is no success."""
        envelope = self._read_error(response)
        status = response.status_code
        return self._answered(response, envelope, envelope.kind or _kind(status, reads), f"answered with {status}")

    def refused(self, response: httpx.Response, envelope: Envelope, reads: bool) -> HourlineError:
        """A 2xx that says no; nobody can look for what a read would have done."""
        kind = envelope.kind or Refused
        if reads and issubclass(kind, OutcomeUnknown):
            kind = Unavailable
        return self._answered(response, envelope, kind, "refused")

    def _answered(
        self, response: httpx.Response, envelope: Envelope, kind: type[HourlineError], verb: str
    ) -> HourlineError:
        where = _where(response.request)
        detail = (envelope.detail or _plain_words(response))[:LONGEST_DETAIL]
        common: dict[str, Any] = {**self.who(response), "path": where, "code": envelope.code, "detail": detail or None}
        code = f" {envelope.code}" if envelope.code and not response.is_success else ""
        said = f": {detail}" if detail else ""
        message = f"{self._name}: {where} was {verb}{code}{said}"
        message = message if message.endswith((".", "!", "?")) else f"{message}."
        if issubclass(kind, RateLimited | Unavailable):
            wait = envelope.retry_after if envelope.retry_after is not None else retry_after(response, self._clock)
            return kind(message, retry_after=wait, remedy=_remedy(kind, self._connection), **common)
        if issubclass(kind, Refused | Conflict):
            extra = {"category": envelope.category} if envelope.category else {}
            return kind(message, field=envelope.field, **extra, **common)
        return kind(message, remedy=_remedy(kind, self._connection), **common)

    def sign_in_refused(self, response: httpx.Response) -> HourlineError:
        """The token endpoint answered without a token; the call itself was not sent."""
        common: dict[str, Any] = {
            **self.who(response),
            "path": _where(response.request),
        }
        envelope = self._read_error(response)
        said = f": {envelope.detail}" if envelope.detail else ""
        if envelope.kind is Misconfigured:
            return Misconfigured(f"{self._name}: the sign-in was refused{said}.", **common)
        if (
            response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
            or response.status_code == httpx.codes.TOO_MANY_REQUESTS
            or (envelope.kind is not None and issubclass(envelope.kind, Transient))
        ):
            return Unavailable(
                f"{self._name}: the sign-in was answered with {response.status_code}{said}; the call was not sent.",
                retry_after=retry_after(response, self._clock),
                **common,
            )
        detail = (envelope.detail or _plain_words(response))[:LONGEST_DETAIL]
        said = f": {detail}" if detail else ""
        return Unauthorized(
            f"{self._name}: the sign-in was refused with {response.status_code}{said}.",
            remedy=_remedy(Unauthorized, self._connection),
            detail=detail or None,
            **common,
        )

    def who(self, response: httpx.Response | None = None) -> dict[str, Any]:
        """The part of an error that says whom it is about."""
        who: dict[str, Any] = {"system": self._connection.system, "connection": self._connection.name}
        if response is not None:
            who |= {"status": response.status_code, "request_id": self.request_id(response)}
        return who

    def request_id(self, response: httpx.Response) -> str | None:
        """The id under which the vendor logged the call."""
        return next((response.headers[name] for name in self._request_id_headers if name in response.headers), None)


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


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_number)


def _loads(response: httpx.Response) -> Any:
    return _DECODER.decode(response.content.decode("utf-8-sig"))


def _kind(status: int, reads: bool) -> type[HourlineError]:
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.REQUEST_TIMEOUT:
        return Unavailable if reads else OutcomeUnknown
    if status < httpx.codes.BAD_REQUEST:
        return UnexpectedAnswer if reads else OutcomeUnknown
    return _BY_STATUS.get(status, Refused)


def _remedy(kind: type[HourlineError], connection: Connection) -> str | None:
    if issubclass(kind, OutcomeUnknown):
        return LOOK_FIRST
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


def _where(request: httpx.Request) -> str:
    label = request.extensions.get(LABEL)
    return f"{request.method} {request.url.path}{f' {label}' if label else ''}"


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
