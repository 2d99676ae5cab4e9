"""Tryton 8.0 and 8.2: JSON-RPC at ``<base_url>/<database>/rpc/``, a session got by user name and password.

Sign-in: ``common.db.login`` gives user id and token, sent as ``Authorization: Session base64(login:id:token)``; sessions end
(30 days by default), which is a 401 before anything is done: one new sign-in, one repetition. An application's key
(``Bearer``) is taken by Tryton's REST routes only, which have neither batches nor the optimistic lock; it is not used here.
Calls: a POST each, reads too, so `Rpc.call` tells by the method's name which may be repeated. The last parameter is the
context: company, and ``language`` English, so that refusals come in the words that `refusals` knows.
Errors: 200 with ``error``: a class and a text, no code; the plain text of an exception where Tryton expected none.
Values: ``__class__`` objects (`wire`); fractions are Decimals, never floats.
Limits: none published; the stock server has one process, so few calls at once. A write has no time limit there either.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Generator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import Field, SecretStr

from plumbing.auth import SIGN_IN, SignInRefused, sign_in
from plumbing.errors import Misconfigured, Refused
from plumbing.http import Allowance, Client, Envelope, body_of_error, json_body, json_bytes
from plumbing.redaction import protect
from plumbing.vendor_options import VendorOptions, VendorSecrets, options_of, secrets_of
from plumbing.vendors.tryton.refusals import read_refusal
from plumbing.vendors.tryton.wire import decode, encode

if TYPE_CHECKING:
    from plumbing.settings import Connection

ALLOWANCE = Allowance(concurrency=4)
LANGUAGE = "en"
READS = frozenset(
    {
        "search",
        "search_read",
        "search_count",
        "read",
        "fields_get",
        "default_get",
        "get_preferences",
        "get_access",
        "history_revisions",
        "version",
    }
)


class Options(VendorOptions):
    """What a connection has to say.

    Attributes:
        database: as in Tryton's login window.
        company: id of the company, or the code of its party; by default the user's own.
        request_limit_seconds: how long the server, or what stands before it, lets a request run (a worker's time-out of
            gunicorn, a proxy's); the stock server sets no limit. A create whose answer was lost is sent again no sooner.
        accepted_warnings: names of warnings that may be accepted on our behalf; any other is a refusal.
    """

    database: str = Field(min_length=1, pattern=r"^[^/?#]+$")
    company: int | str | None = None
    request_limit_seconds: int = Field(default=300, ge=1)
    accepted_warnings: tuple[str, ...] = ()


class Secrets(VendorSecrets):
    """A user of Tryton, of its own and no administrator."""

    username: SecretStr
    password: SecretStr


class Rpc(Client):
    """A client that calls methods. Made by `client`.

    Attributes:
        options: the connection's.
    """

    def __init__(self, connection: Connection, options: Options, **settings: Any) -> None:
        super().__init__(connection, **settings)
        self.options = options

    def call(
        self, method: str, *params: Any, context: Mapping[str, Any] | None = None, is_read: bool | None = None
    ) -> Any:
        """Call a method with the standing context as last parameter; its result, decoded.

        A warning that the connection accepts is accepted once, and the call made again: a warning means that nothing was done.

        Args:
            method: ``model.timesheet.line.create``.
            params: typed as `encode` takes them.
            context: laid over the standing one (``_timestamp``).
            is_read: it changes nothing there; default by its name.
        """
        whole = {**self.context, **(context or {})}
        reads = method.rpartition(".")[2] in READS if is_read is None else is_read
        try:
            return self._post(method, [*params, whole], reads)
        except Refused as refusal:
            if refusal.category != "warning" or not self._accepts(refusal.code):
                raise
            self._post("model.res.user.warning.skip", [refusal.code, False, whole], reads=False)
            return self._post(method, [*params, whole], reads)

    @property
    def context(self) -> Mapping[str, Any]:
        """What every call says of itself; the company bounds what is seen and what is written."""
        return {"company": self.company, "companies": [self.company], "language": LANGUAGE}

    @cached_property
    def company(self) -> int:
        """The company's id; looked up once where the connection doesn't give it.

        Raises:
            Misconfigured: no company has that code, or several, or the user works for none.
        """
        given = self.options.company
        if isinstance(given, int):
            return given
        if given is None:
            return self._company_of_user()
        found = self._post("model.company.company.search", [[["party.code", "=", given]], 0, 2, None, {}], reads=True)
        if len(found) != 1:
            raise Misconfigured(
                f"Connection {self.connection.name}: {'no company has' if not found else 'several companies have'} the code {given}.",
                system=self.connection.system,
                connection=self.connection.name,
                remedy="Give the company's id, or the code of its party, as the option company.",
            )
        return int(found[0])

    def _company_of_user(self) -> int:
        own = self._post("model.res.user.get_preferences", [True, {}], reads=True).get("company")
        if own is None:
            raise Misconfigured(
                f"Connection {self.connection.name}: its user works for no company in Tryton.",
                system=self.connection.system,
                connection=self.connection.name,
                remedy="Give the user a company there, or set the option company.",
            )
        return int(own)

    @cached_property
    def series(self) -> str:
        """The server's series, ``8.0``; what a timesheet line lets us do depends on it."""
        return str(self._post("common.server.version", [], reads=True, path="rpc/"))

    def _post(self, method: str, params: list[Any], reads: bool, path: str | None = None) -> Any:
        body = {"id": 1, "method": method, "params": encode(params)}
        address = path or f"{self.options.database}/rpc/"
        answer = json_body(self.post(address, json=body, is_read=reads, label=method))
        return decode(answer["result"])

    def _accepts(self, name: str | None) -> bool:
        """A warning's name is a hash over the records and, after a dot, what it is about."""
        return (name or "").rpartition(".")[2] in self.options.accepted_warnings


def client(connection: Connection, **seams: Any) -> Rpc:
    """A client for one database. ``seams`` as in `plumbing.http.Client`."""
    options = options_of(connection, Options)
    secrets = secrets_of(connection, Secrets)
    return Rpc(
        connection,
        options,
        auth=Session(_address(connection, options), secrets.username, secrets.password),
        allowance=options.limits(ALLOWANCE),
        error_reader=lambda response: read_error(response, options.database),
        refusal_reader=read_refusal,
        headers={"Accept-Encoding": "gzip"},  # 8.2 says gzip on every long answer, asked for or not
        **seams,
    )


def _address(connection: Connection, options: Options) -> str:
    return f"{connection.base_url}/{options.database}/rpc/"


class Session(httpx.Auth):
    """A session shared by the threads of one client; a 401 leads to one new sign-in and one repetition."""

    requires_response_body = True

    def __init__(self, url: str, username: SecretStr, password: SecretStr) -> None:
        self._url = url
        self._username = username.get_secret_value()
        self._password = password
        self._lock = threading.Lock()
        self._header: str | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        used = yield from self._signed_in(request, refused=None)
        request.headers["Authorization"] = used
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            request.headers["Authorization"] = yield from self._signed_in(request, refused=used)
            yield request

    def _signed_in(self, call: httpx.Request, refused: str | None) -> Generator[httpx.Request, httpx.Response, str]:
        with self._lock:
            # Another thread may have signed in again while this one waited.
            if self._header is None or self._header == refused:
                self._header = None
                params = [self._username, {"password": self._password.get_secret_value()}, LANGUAGE]
                body = json_bytes({"id": 1, "method": "common.db.login", "params": params})
                headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
                response = yield sign_in(call, self._url, headers, content=body)
                self._header = self._authorization(response)
            return self._header

    def _authorization(self, response: httpx.Response) -> str:
        answer = body_of_error(response) if response.is_success else None
        result = answer.get("result") if isinstance(answer, dict) else None
        if not isinstance(result, list) or len(result) < 2 or not result[1]:
            raise SignInRefused(response)
        token = str(result[1])
        protect(token)
        packed = base64.b64encode(f"{self._username}:{result[0]}:{token}".encode()).decode("ascii")
        protect(packed)
        return f"Session {packed}"


def read_error(response: httpx.Response, database: str) -> Envelope:
    """What a status says that is no success, or a refusal of the sign-in; bodies are pages for people."""
    status = response.status_code
    if status == httpx.codes.NOT_FOUND:
        return Envelope(kind=Misconfigured, detail=f"there is no database {database}, or no Tryton at this address")
    if status == httpx.codes.FORBIDDEN:
        return Envelope(kind=Misconfigured, detail="Tryton does not offer this method; is the module installed?")
    if status == httpx.codes.TOO_MANY_REQUESTS and response.request.extensions.get(SIGN_IN):
        return Envelope(
            detail="too many wrong passwords were tried for this user; Tryton waits before it takes another"
        )
    if status == httpx.codes.UNAUTHORIZED:
        return Envelope(detail="user name, password or session are not accepted")
    return (read_refusal(response) if response.is_success else None) or Envelope()
