"""The client's promise: every failure by its name, and a write's fate always told."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
import trustme

from plumbing.clock import ManualClock
from plumbing.errors import (
    Conflict,
    Forbidden,
    HourlineError,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
)
from plumbing.http import READ_RETRIES, Allowance, Client, Envelope, Exchange, Timeouts, json_body, retry_after
from plumbing.settings import Connection
from tests.fixtures.http_server import Answer, ScriptedServer

SHORT = Timeouts(connect_seconds=2, read_seconds=0.3, write_seconds=2)


@pytest.fixture
def client(http_server: ScriptedServer) -> Client:
    return client_for(http_server.url)


def client_for(url: str, **options: object) -> Client:
    connection = Connection("acme_us", "acme", f"{url}/api", ca_file=options.pop("ca_file", None))  # type: ignore[arg-type]
    return Client(connection, **options)  # type: ignore[arg-type]


def test_answer_is_read_without_floats(client: Client, http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(body=b'{"hours": 7.10}'))
    assert json_body(client.get("rows")) == {"hours": Decimal("7.10")}
    assert http_server.calls[0].path == "/api/rows"


def test_decimal_is_sent_as_plain_number_and_float_is_refused(client: Client, http_server: ScriptedServer) -> None:
    client.post("rows", json={"rate": Decimal("185.50")})
    assert http_server.calls[0].body == b'{"rate":185.5}'
    assert http_server.calls[0].headers["content-type"] == "application/json"
    with pytest.raises(TypeError):
        client.post("rows", json={"rate": 185.5})


def test_empty_success_is_taken(client: Client, http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(status=204))
    assert json_body(client.delete("rows/1")) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused), (401, Unauthorized), (403, Forbidden), (404, NotFound), (409, Conflict), (410, NotFound),
        (412, Conflict), (415, Refused), (422, Refused), (429, RateLimited), (302, UnexpectedAnswer),
    ],
)  # fmt: skip
def test_status_of_a_read_becomes_its_error(
    client: Client, http_server: ScriptedServer, status: int, kind: type[HourlineError]
) -> None:
    http_server.answer_with(Answer(status=status, headers={"Location": "https://elsewhere.example"}))
    with pytest.raises(kind) as caught:
        client.get("rows", retries=0)
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert (caught.value.system, caught.value.connection, caught.value.path) == ("acme", "acme_us", "GET /api/rows")
    assert "acme_us" in str(caught.value)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_server_error_after_a_write_leaves_its_outcome_unknown(
    client: Client, http_server: ScriptedServer, status: int
) -> None:
    http_server.answer_with(Answer(status=status))
    with pytest.raises(OutcomeUnknown):
        client.post("rows", json={})
    assert len(http_server.calls) == 1


def test_server_error_of_a_read_is_repeated_and_then_unavailable(client: Client, http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(status=503))
    with pytest.raises(Unavailable):
        client.get("rows")
    assert len(http_server.calls) == 1 + READ_RETRIES


def test_read_that_fails_once_is_repeated(client: Client, http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(cut=True), Answer(status=502), Answer(json=[1]))
    assert json_body(client.get("rows")) == [1]
    assert len(http_server.calls) == 3


def test_post_that_only_reads_is_repeated(client: Client, http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(status=500), Answer(json=[1]))
    assert json_body(client.post("query", json={"q": "select"}, is_read=True)) == [1]


def test_write_whose_connection_is_cut_has_unknown_outcome_and_is_not_repeated(
    client: Client, http_server: ScriptedServer
) -> None:
    http_server.answer_with(Answer(cut=True), Answer(json={}))
    with pytest.raises(OutcomeUnknown, match=r"POST /api/rows was sent and its answer was lost"):
        client.post("rows", json={}, retries=5)
    assert len(http_server.calls) == 1


def test_write_whose_answer_stops_in_the_middle_has_unknown_outcome(
    client: Client, http_server: ScriptedServer
) -> None:
    http_server.answer_with(Answer(cut=True, raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"))
    with pytest.raises(OutcomeUnknown):
        client.put("rows/1", json={})


def test_write_that_times_out_has_unknown_outcome(http_server: ScriptedServer) -> None:
    release = threading.Event()
    http_server.answer_with(Answer(json={}, hold=release))
    with pytest.raises(OutcomeUnknown):
        client_for(http_server.url, timeout=SHORT).patch("rows/1", json={})
    release.set()


def test_read_that_times_out_is_unavailable(http_server: ScriptedServer) -> None:
    release = threading.Event()
    http_server.answer_with(Answer(json={}, hold=release))
    with pytest.raises(Unavailable, match=r"GET /api/rows got no whole answer"):
        client_for(http_server.url, timeout=SHORT).get("rows", retries=0)
    release.set()


def test_unreachable_host_is_unavailable_for_a_write_too() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(Unavailable, match=rf"127.0.0.1:{port} cannot be reached .*nothing was sent"):
        client_for(f"http://127.0.0.1:{port}").post("rows", json={})


@pytest.mark.parametrize(
    ("body", "media"),
    [(b"<html><body>Sign in</body></html>", "text/html"), (b'{"rows": [1, 2', "application/json"),
     (b"\xff\xfe", "application/json"), (b'{"hours": NaN}', "application/json")],
)  # fmt: skip
def test_answer_that_is_not_json_names_connection_and_path(
    client: Client, http_server: ScriptedServer, body: bytes, media: str
) -> None:
    http_server.answer_with(Answer(body=body, headers={"Content-Type": media}))
    with pytest.raises(UnexpectedAnswer, match=r"Connection acme_us: the answer to GET /api/rows is no whole JSON"):
        client.get("rows")
    assert len(http_server.calls) == 1
    with pytest.raises(OutcomeUnknown, match=r"may have been carried out"):
        client.post("rows", json={})


def test_wait_that_the_other_side_asks_for_is_kept(client: Client, http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(status=429, headers={"Retry-After": "7"}))
    with pytest.raises(RateLimited) as caught:
        client.post("rows", json={})
    assert caught.value.retry_after == 7
    assert len(http_server.calls) == 1


def test_read_does_not_wait_longer_than_its_bound(client: Client, http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(RateLimited) as caught:
        client.get("rows")
    assert caught.value.retry_after == 3600
    assert len(http_server.calls) == 1


def test_retry_after_may_be_a_date() -> None:
    clock = ManualClock()
    response = httpx.Response(429, headers={"Retry-After": "Thu, 01 Jan 2026 00:00:30 GMT"})
    assert retry_after(response, clock) == 30
    assert retry_after(httpx.Response(429, headers={"Retry-After": "soon"}), clock) is None
    assert retry_after(httpx.Response(429), clock) is None


def test_vendor_envelope_gives_code_detail_field_and_category(http_server: ScriptedServer) -> None:
    def reader(_response: httpx.Response) -> Envelope:
        return Envelope(code="E7", detail="no such item", field="item", category="invalid_reference")

    http_server.answer_with(Answer(status=400, json={}, headers={"X-Request-Id": "r-1"}))
    with pytest.raises(Refused) as caught:
        client_for(http_server.url, error_reader=reader).post("rows", json={})
    error = caught.value
    assert (error.code, error.detail, error.field, error.category) == (
        "E7",
        "no such item",
        "item",
        "invalid_reference",
    )
    assert error.request_id == "r-1"
    assert str(error) == "Connection acme_us: POST /api/rows was answered with 400 E7: no such item."


def test_absolute_address_of_the_same_host_is_followed_and_another_is_not(
    client: Client, http_server: ScriptedServer
) -> None:
    client.get(f"{http_server.url}/api/rows?page=2")
    assert http_server.calls[0].path == "/api/rows?page=2"
    with pytest.raises(UnexpectedAnswer, match=r"another host, evil\.example"):
        client.get("https://evil.example/api/rows")


def test_query_may_hold_an_address(client: Client, http_server: ScriptedServer) -> None:
    client.get("rows?next=http://x.example/")
    assert http_server.calls[0].path == "/api/rows?next=http://x.example/"


def test_untrusted_certificate_says_to_set_ca_file_and_trusted_one_is_taken(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = ScriptedServer(context)
    try:
        with pytest.raises(Misconfigured, match=r"certificate of 127\.0\.0\.1.*ca_file"):
            client_for(server.url).get("rows")
        pem = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(str(pem))
        assert client_for(server.url, ca_file=pem).get("rows").status_code == 200
    finally:
        server.close()


def test_ca_file_that_is_no_certificate_is_said(tmp_path: Path) -> None:
    pem = tmp_path / "ca.pem"
    pem.write_text("nothing")
    with pytest.raises(Misconfigured, match=r"ca_file .* of connection acme_us cannot be used"):
        client_for("https://127.0.0.1:1", ca_file=pem)


def test_hook_sees_every_try_with_the_query_redacted(http_server: ScriptedServer) -> None:
    seen: list[Exchange] = []
    http_server.answer_with(Answer(status=500), Answer(json={}, headers={"X-Request-Id": "r-2"}))
    client_for(http_server.url, on_request=seen.append).get("rows?access_token=abcdef123")
    assert [one.status for one in seen] == [500, 200]
    assert seen[1].request_id == "r-2"
    assert "abcdef123" not in seen[0].url


def test_hook_sees_a_try_without_answer(http_server: ScriptedServer) -> None:
    seen: list[Exchange] = []
    http_server.answer_with(Answer(cut=True))
    with pytest.raises(OutcomeUnknown):
        client_for(http_server.url, on_request=seen.append).post("rows", json={})
    assert [one.status for one in seen] == [None]


def test_no_more_calls_at_once_than_allowed_over_all_clients_of_a_connection(http_server: ScriptedServer) -> None:
    release = threading.Event()
    http_server.answer_with(Answer(json={}, hold=release))
    allowance = Allowance(concurrency=2)
    clients = [client_for(http_server.url, allowance=allowance) for _ in range(2)]
    threads = [threading.Thread(target=clients[number % 2].get, args=("rows",)) for number in range(6)]
    for thread in threads:
        thread.start()
    _until(lambda: len(http_server.calls) == 2)
    release.set()
    for thread in threads:
        thread.join(timeout=10)
    assert len(http_server.calls) == 6
    assert http_server.most_at_once == 2


def test_window_makes_the_next_call_wait(http_server: ScriptedServer) -> None:
    clock = ManualClock()
    client = client_for(http_server.url, allowance=Allowance(requests=2, window_seconds=60), clock=clock)
    for _ in range(3):
        client.get("rows")
    assert clock.slept == [60.0]


def _until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        pause.wait(0.005)
