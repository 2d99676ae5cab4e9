"""NetSuite: a signature that verifies, a nonce for each try, and causes told apart behind USER_ERROR."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from oauthlib.oauth1 import Client as Signer

from plumbing import vendors
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
)
from plumbing.http import Client
from plumbing.vendors import netsuite
from tests.fixtures.http_server import Answer, Call, ScriptedServer
from tests.plumbing.connections import connection

SECRETS = {
    "consumer_key": "ck-123456",
    "consumer_secret": "cs-123456",
    "token_id": "ti-123456",
    "token_secret": "ts-123456",
}


@pytest.fixture
def client(tmp_path: Path, http_server: ScriptedServer) -> Client:
    url = f"{http_server.url}/services/rest"
    return netsuite.client(connection(tmp_path, "netsuite", url, {"account_id": "123_sb1"}, SECRETS))


def refusal(status: int, code: str, detail: str, **more: str) -> Answer:
    told = {"detail": detail, "o:errorCode": code, **more}
    body = {"type": "about:blank", "title": "Bad Request", "status": status, "o:errorDetails": [told]}
    return Answer(status, body, headers={"Content-Type": "application/vnd.oracle.resource+json; type=error"})


def oauth(call: Call) -> dict[str, str]:
    return {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', call.headers["authorization"])}


def test_signature_is_the_one_the_standard_gives(client: Client, http_server: ScriptedServer) -> None:
    client.get("record/v1/timeBill", params={"q": "a b", "limit": "5"})
    (call,) = http_server.calls
    sent = oauth(call)
    assert sent["realm"] == "123_SB1"
    assert sent["oauth_signature_method"] == "HMAC-SHA256"
    again = Signer(
        "ck-123456",
        client_secret="cs-123456",
        resource_owner_key="ti-123456",
        resource_owner_secret="ts-123456",
        signature_method="HMAC-SHA256",
        realm="123_SB1",
        nonce=sent["oauth_nonce"],
        timestamp=sent["oauth_timestamp"],
    )
    _, headers, _ = again.sign(http_server.url + call.path, http_method="GET")
    assert call.headers["authorization"] == headers["Authorization"]


def test_each_try_has_a_nonce_of_its_own(client: Client, http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(503), Answer(503), Answer(json={}))
    client.get("record/v1/timeBill/1")
    assert len({oauth(call)["oauth_nonce"] for call in http_server.calls}) == 3


def test_refused_login_is_signed_anew_once(client: Client, http_server: ScriptedServer) -> None:
    http_server.answer_with(refusal(401, "INVALID_LOGIN", "Invalid login attempt."))
    with pytest.raises(Unauthorized, match=r"INVALID_LOGIN"):
        client.put("record/v1/timeBill/eid:k-1", json={})
    assert len({oauth(call)["oauth_nonce"] for call in http_server.calls}) == len(http_server.calls) == 2


def test_unknown_field_names_are_asked_to_be_refused(client: Client, http_server: ScriptedServer) -> None:
    client.put("record/v1/timeBill/eid:k-1", json={"hours": "7:30"})
    (call,) = http_server.calls
    assert call.path == "/services/rest/record/v1/timeBill/eid:k-1"
    assert call.headers["x-netsuite-propertynamevalidation"] == "error"
    assert call.body == b'{"hours":"7:30"}'


@pytest.mark.parametrize(
    ("status", "code", "detail", "kind", "category"),
    [
        (400, "INVALID_CONTENT", "You have entered an Invalid Field Value 9999 for the following field: item.",
         Refused, "invalid_reference"),
        (400, "USER_ERROR", "The transaction date is not within the date range of your accounting period.",
         Refused, "closed_period"),
        (400, "USER_ERROR", "Error while accessing a resource. This record already exists.", Conflict, "duplicate"),
        (400, "USER_ERROR", "Record has been changed", Conflict, "stale_version"),
        (400, "USER_ERROR", "Something nobody listed", Refused, "validation"),
        (400, "NONEXISTENT_FIELD", "Unknown field hors.", Refused, "validation"),
        (400, "IDEMPOTENCY_ERROR", "A request with this key was already submitted.", Conflict, "duplicate"),
    ],
)  # fmt: skip
def test_refusal_becomes_error_and_category(
    client: Client, http_server: ScriptedServer, status: int, code: str, detail: str, kind: type[Any], category: str
) -> None:
    http_server.answer_with(refusal(status, code, detail, **{"o:errorPath": "item"}))
    with pytest.raises(kind) as caught:
        client.put("record/v1/timeBill/eid:k-1", json={})
    error = caught.value
    assert type(error) is kind
    assert (error.code, error.detail, error.field, error.category) == (code, detail, "item", category)
    assert error.path == "PUT /services/rest/record/v1/timeBill/eid:k-1"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(404, "NONEXISTENT_ID", "Record does not exist."), NotFound),
        (refusal(403, "INSUFFICIENT_PERMISSION", "No permission."), Forbidden),
        (refusal(429, "CONCURRENCY_LIMIT_EXCEEDED", "Request blocked."), RateLimited),
        (refusal(500, "UNEXPECTED_ERROR", "Error ID: x"), OutcomeUnknown),
    ],
)
def test_status_decides_where_the_code_says_no_more(
    client: Client, http_server: ScriptedServer, answer: Answer, kind: type[HourlineError]
) -> None:
    http_server.answer_with(answer)
    with pytest.raises(kind) as caught:
        client.delete("record/v1/timeBill/7")
    assert type(caught.value) is kind


def test_concurrency_limit_of_a_read_is_waited_out(client: Client, http_server: ScriptedServer) -> None:
    http_server.answer_with(refusal(429, "CONCURRENCY_LIMIT_EXCEEDED", "Request blocked."), Answer(json={"items": []}))
    client.post("query/v1/suiteql", json={"q": "select 1"}, is_read=True)
    assert len(http_server.calls) == 2


def test_calls_at_once_are_the_account_s_own_number_where_it_is_given(tmp_path: Path) -> None:
    url = "https://123-sb1.suitetalk.api.netsuite.com/services/rest"
    options = {"account_id": "123_SB1", "allowance": 2, "concurrency": 15}
    tuned = connection(tmp_path, "netsuite", url, options, SECRETS)
    with netsuite.client(tuned) as client:
        assert client.allowance.concurrency == 15
    assert vendors.allowance(tuned) == client.allowance  # a forecast goes by what is kept


def test_no_calls_at_once_is_refused_with_the_option_s_name(tmp_path: Path) -> None:
    url = "https://123-sb1.suitetalk.api.netsuite.com/services/rest"
    with pytest.raises(Misconfigured, match="has a wrong option concurrency"):
        netsuite.client(connection(tmp_path, "netsuite", url, {"account_id": "123_SB1", "concurrency": 0}, SECRETS))


def test_host_of_another_account_is_said(tmp_path: Path) -> None:
    url = "https://999.suitetalk.api.netsuite.com/services/rest"
    with pytest.raises(Misconfigured, match=r"signs as account 123_SB1\. The host of 123_SB1 is 123-sb1\.suitetalk"):
        netsuite.client(connection(tmp_path, "netsuite", url, {"account_id": "123_SB1"}, SECRETS))


def test_host_of_a_sandbox_is_taken(tmp_path: Path) -> None:
    url = "https://123-sb1.suitetalk.api.netsuite.com/services/rest"
    netsuite.client(connection(tmp_path, "netsuite", url, {"account_id": "123_SB1"}, SECRETS)).close()
