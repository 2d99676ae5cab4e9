"""The wire sends what httpx's own client would send, keeps its connections, and tells which request got no answer."""

import gzip
import ssl
from collections.abc import Iterator

import httpx
import pytest

from plumbing.wire import Wire
from tests.fixtures.http_server import Answer, ScriptedServer

TIMEOUT = httpx.Timeout(5.0)
HEADERS = {"Accept": "application/json", "User-Agent": "hourline"}


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire(HEADERS, TIMEOUT, ssl.create_default_context())
    yield wire
    wire.close()


def ask(wire: Wire, server: ScriptedServer, **body: object) -> httpx.Request:
    return wire.request("POST", httpx.URL(f"{server.url}/things?a=1"), {}, {}, **body)


@pytest.mark.parametrize(
    "body",
    [
        {"content": b'{"a":1}', "data": None},
        {"content": None, "data": {"grant": "x y", "scope": "ä"}},
        {"content": None, "data": None, "params": {"q": "name eq 'Müller & Co'", "n": 2}},
    ],
)
def test_a_request_is_the_one_that_httpx_would_send(
    wire: Wire, http_server: ScriptedServer, body: dict[str, object]
) -> None:
    wire.send(ask(wire, http_server, **body))
    with httpx.Client(headers={**HEADERS, "Accept-Encoding": "gzip, deflate"}, trust_env=False) as client:
        client.post(f"{http_server.url}/things?a=1", **body)  # type: ignore[arg-type]
    ours, theirs = http_server.calls
    assert (ours.method, ours.path, ours.headers, ours.body) == (
        theirs.method, theirs.path, theirs.headers, theirs.body
    )  # fmt: skip


def test_a_packed_answer_is_unpacked_and_a_redirect_is_an_answer(wire: Wire, http_server: ScriptedServer) -> None:
    http_server.answer_with(
        Answer(body=gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"}),
        Answer(status=302, headers={"Location": "http://127.0.0.1:1/elsewhere"}),
    )
    assert wire.send(ask(wire, http_server)).json() == {"a": 1}
    assert wire.send(ask(wire, http_server)).status_code == 302


def test_a_cookie_is_not_sent_back(wire: Wire, http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(json={}, headers={"Set-Cookie": "session=1"}))
    wire.send(ask(wire, http_server))
    wire.send(ask(wire, http_server))
    assert "cookie" not in http_server.calls[1].headers


def test_an_answer_that_breaks_off_gives_its_connection_back(wire: Wire, http_server: ScriptedServer) -> None:
    broken = Answer(cut=True, raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    http_server.answer_with(*[broken] * 3, Answer(json={}))
    for _ in range(3):
        asked = ask(wire, http_server)
        with pytest.raises(httpx.RemoteProtocolError) as raised:
            wire.send(asked)
        assert raised.value.request is asked
    assert wire.send(ask(wire, http_server)).status_code == 200


class SigningIn(httpx.Auth):
    """Sends another request before the call, as a sign-in does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_closed = False

    def auth_flow(self, request):  # type: ignore[no-untyped-def]
        try:
            token = yield httpx.Request("POST", self.url)
            request.headers["Authorization"] = token.json()["token"]
            answer = yield request
            if answer.status_code == 401:
                yield request
        finally:
            self.is_closed = True


def test_a_sign_in_goes_first_and_a_call_may_be_sent_again(http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(json={"token": "t"}), Answer(status=401), Answer(json={"a": 1}))
    wire = Wire(HEADERS, TIMEOUT, ssl.create_default_context(), SigningIn(f"{http_server.url}/token"))
    assert wire.send(ask(wire, http_server)).json() == {"a": 1}
    assert [call.path for call in http_server.calls] == ["/token", "/things?a=1", "/things?a=1"]
    assert http_server.calls[1].headers["authorization"] == "t"
    wire.close()


def test_a_sign_in_without_an_answer_is_named_and_the_flow_is_ended(http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(cut=True))
    auth = SigningIn(f"{http_server.url}/token")
    wire = Wire(HEADERS, TIMEOUT, ssl.create_default_context(), auth)
    with pytest.raises(httpx.RemoteProtocolError) as raised:
        wire.send(ask(wire, http_server))
    assert raised.value.request.url.path == "/token"
    assert auth.is_closed
    wire.close()
