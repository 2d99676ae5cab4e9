"""Salesforce: sign-in over TLS, instance_url, one new sign-in, and codes that outrank the status."""

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import trustme

from plumbing.errors import (
    Conflict,
    Forbidden,
    HourlineError,
    Misconfigured,
    NotFound,
    RateLimited,
    Refused,
    Unauthorized,
    Unavailable,
)
from plumbing.http import Client
from plumbing.vendors import salesforce
from tests.fixtures.http_server import Answer, Call, ScriptedServer
from tests.plumbing.connections import connection

SECRETS = {"client_id": "key-123456", "client_secret": "sec-123456"}


class Org:
    """A token endpoint that counts its sign-ins, and whatever else is scripted."""

    def __init__(self, server: ScriptedServer, pem: Path) -> None:
        self.server = server
        self.pem = pem
        self.sign_ins = 0
        self.instance_url = server.url
        self.token_answer: Answer | None = None
        self.answers: list[Answer] = [Answer(json={"records": []})]
        server.script = self.answer

    def answer(self, call: Call) -> Answer:
        if call.path == "/services/oauth2/token":
            self.sign_ins += 1
            granted = {"access_token": f"session-{self.sign_ins}", "instance_url": self.instance_url}
            return self.token_answer or Answer(json=granted)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[ScriptedServer, ScriptedServer, Path]]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    pem = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(pem))
    pair = ScriptedServer(context), ScriptedServer(context)
    yield *pair, pem
    for server in pair:
        server.close()


@pytest.fixture
def org(servers: tuple[ScriptedServer, ScriptedServer, Path]) -> Org:
    return Org(servers[0], servers[2])


@pytest.fixture
def client(tmp_path: Path, org: Org) -> Client:
    return salesforce.client(connection(tmp_path, "salesforce", org.server.url, {}, SECRETS, org.pem))


def refusal(code: str, status: int = 400) -> Answer:
    return Answer(status, [{"message": "words", "errorCode": code, "fields": ["AccountId"]}])


def test_signs_in_once_with_key_and_secret_and_uses_the_token(client: Client, org: Org) -> None:
    client.get("services/data/v67.0/query", params={"q": "select Id from Account"})
    client.get("/services/data/v67.0/query/01g-2000")
    token_call, first, second = org.server.calls
    pair = base64.b64encode(b"key-123456:sec-123456").decode()
    assert token_call.headers["authorization"] == f"Basic {pair}"
    assert parse_qs(token_call.body.decode()) == {"grant_type": ["client_credentials"]}
    assert first.headers["authorization"] == second.headers["authorization"] == "Bearer session-1"
    assert second.path == "/services/data/v67.0/query/01g-2000"


def test_calls_go_on_at_the_instance_that_the_answer_names(
    client: Client, org: Org, servers: tuple[ScriptedServer, ScriptedServer, Path]
) -> None:
    org.instance_url = servers[1].url
    client.get("services/data/v67.0/limits")
    assert [call.path for call in org.server.calls] == ["/services/oauth2/token"]
    (call,) = servers[1].calls
    assert call.path == "/services/data/v67.0/limits"
    assert servers[1].url.endswith(call.headers["host"])


def test_lost_session_is_renewed_once_and_the_call_repeated_once(client: Client, org: Org) -> None:
    org.answers = [refusal("INVALID_SESSION_ID", 401), Answer(json={"done": True})]
    client.get("services/data/v67.0/limits")
    assert org.sign_ins == 2
    assert [call.headers["authorization"] for call in org.server.calls if "data" in call.path] == [
        "Bearer session-1",
        "Bearer session-2",
    ]


def test_session_that_is_refused_twice_is_unauthorized(client: Client, org: Org) -> None:
    org.answers = [refusal("INVALID_SESSION_ID", 401)]
    with pytest.raises(Unauthorized):
        client.get("services/data/v67.0/limits")
    assert org.sign_ins == 2


def test_other_401_is_not_signed_in_again(client: Client, org: Org) -> None:
    org.answers = [refusal("INVALID_AUTH_HEADER", 401)]
    with pytest.raises(Unauthorized):
        client.get("services/data/v67.0/limits")
    assert org.sign_ins == 1


def test_used_up_allowance_is_rate_limited_although_it_is_a_403(client: Client, org: Org) -> None:
    org.answers = [refusal("REQUEST_LIMIT_EXCEEDED", 403)]
    with pytest.raises(RateLimited) as caught:
        client.get("services/data/v67.0/limits")
    assert caught.value.retry_after == salesforce.USED_UP_SECONDS
    assert caught.value.code == "REQUEST_LIMIT_EXCEEDED"
    assert len([call for call in org.server.calls if "data" in call.path]) == 1


@pytest.mark.parametrize(
    ("code", "status", "kind", "category"),
    [
        ("INVALID_CROSS_REFERENCE_KEY", 400, Refused, "invalid_reference"),
        ("ENTITY_IS_LOCKED", 400, Refused, "locked"),
        ("DUPLICATE_VALUE", 400, Conflict, "duplicate"),
        ("MALFORMED_QUERY", 400, Refused, "invalid_query"),
        ("INVALID_FIELD", 400, Refused, "invalid_query"),
        ("NOT_FOUND", 404, NotFound, None),
        ("INSUFFICIENT_ACCESS_OR_READONLY", 403, Forbidden, None),
        ("SOMETHING_ELSE", 400, Refused, "validation"),
    ],
)
def test_code_becomes_error_and_category(
    client: Client, org: Org, code: str, status: int, kind: type[HourlineError], category: str | None
) -> None:
    org.answers = [refusal(code, status)]
    with pytest.raises(kind) as caught:
        client.get("services/data/v67.0/query")
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.detail) == (code, "words")
    if isinstance(caught.value, Refused | Conflict):
        assert (caught.value.category, caught.value.field) == (category, "AccountId")


def test_row_lock_contention_may_be_sent_again(client: Client, org: Org) -> None:
    org.answers = [refusal("UNABLE_TO_LOCK_ROW")]
    with pytest.raises(Unavailable):
        client.patch("services/data/v67.0/sobjects/Account/1", json={})


def test_external_id_that_is_not_unique_is_a_conflict(client: Client, org: Org) -> None:
    org.answers = [Answer(300, ["/services/data/v67.0/sobjects/A/1", "/services/data/v67.0/sobjects/A/2"])]
    with pytest.raises(Conflict) as caught:
        client.patch("services/data/v67.0/sobjects/A/Key__c/7", json={})
    assert caught.value.category == "duplicate"


def test_refused_sign_in_is_unauthorized_with_the_vendors_words(client: Client, org: Org) -> None:
    org.token_answer = Answer(400, {"error": "invalid_client", "error_description": "invalid client credentials"})
    with pytest.raises(Unauthorized, match=r"the sign-in was refused with 400: invalid client credentials") as caught:
        client.get("services/data/v67.0/limits")
    assert "sec-123456" not in str(caught.value)


@pytest.mark.parametrize("answer", [Answer(cut=True), Answer(503)])
def test_write_whose_sign_in_got_no_answer_was_not_sent(client: Client, org: Org, answer: Answer) -> None:
    org.token_answer = answer
    with pytest.raises(Unavailable, match=r"the call was not sent"):
        client.patch("services/data/v67.0/sobjects/A/1", json={})


def test_token_page_that_is_html_is_unauthorized(client: Client, org: Org) -> None:
    org.token_answer = Answer(200, body=b"<html>login</html>", headers={"Content-Type": "text/html"})
    with pytest.raises(Unauthorized, match=r"the sign-in was refused with 200"):
        client.get("services/data/v67.0/limits")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://login.salesforce.com", "gives no client-credentials tokens"),
        ("https://firm.my.salesforce.com/services", "has a path"),
        ("http://127.0.0.1:8102", "is not https"),
    ],
)
def test_host_that_cannot_work_is_said(tmp_path: Path, url: str, words: str) -> None:
    wrong = connection(tmp_path, "salesforce", url, {}, SECRETS)
    with pytest.raises(Misconfigured, match=words):
        salesforce.client(wrong)


def test_api_version_and_grant_are_checked(tmp_path: Path) -> None:
    url = "https://firm.my.salesforce.com"
    with pytest.raises(Misconfigured, match=r"wrong option api_version"):
        salesforce.client(connection(tmp_path, "salesforce", url, {"api_version": "v67"}, SECRETS))
    with pytest.raises(Misconfigured, match=r"wrong option grant"):
        salesforce.client(connection(tmp_path, "salesforce", url, {"grant": "password"}, SECRETS))
