"""Kantata: bearer token, and the envelope of its errors."""

from pathlib import Path

import pytest

from plumbing.errors import Misconfigured, OutcomeUnknown, RateLimited, Refused, Unauthorized
from plumbing.http import Client
from plumbing.vendors import kantata
from tests.fixtures.http_server import Answer, ScriptedServer
from tests.plumbing.connections import connection


@pytest.fixture
def client(tmp_path: Path, http_server: ScriptedServer) -> Client:
    url = f"{http_server.url}/api/v1"
    return kantata.client(connection(tmp_path, "kantata", url, {"account_id": "9"}, {"token": "tok-abcdef"}))


def test_token_is_sent_as_bearer(client: Client, http_server: ScriptedServer) -> None:
    client.get("time_entries")
    assert http_server.calls[0].headers["authorization"] == "Bearer tok-abcdef"
    assert http_server.calls[0].path == "/api/v1/time_entries"


def test_revoked_token_is_unauthorized_and_not_tried_again(client: Client, http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(401, {"errors": [{"type": "oauth", "message": "Invalid OAuth 2 Request"}]}))
    with pytest.raises(
        Unauthorized, match=r"401 oauth: Invalid OAuth 2 Request\. Check the secrets of connection kantata"
    ):
        client.get("users")
    assert len(http_server.calls) == 1


@pytest.mark.parametrize(
    ("field", "message", "category"),
    [
        ("workspace_id", "is invalid", "invalid_reference"),
        ("date_performed", "is locked", "closed_period"),
        ("time_in_minutes", "must be positive", "validation"),
    ],
)
def test_validation_error_names_field_and_category(
    client: Client, http_server: ScriptedServer, field: str, message: str, category: str
) -> None:
    http_server.answer_with(Answer(422, {"errors": [{"type": "validation", "message": message, "field": field}]}))
    with pytest.raises(Refused) as caught:
        client.post("time_entries", json={})
    error = caught.value
    assert (error.code, error.field, error.category, error.detail) == ("validation", field, category, message)


def test_too_many_calls_is_rate_limited_without_a_wait(client: Client, http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(429, {"errors": [{"type": "system", "message": "slow down"}]}))
    with pytest.raises(RateLimited) as caught:
        client.post("external_references/create_or_update", json={})
    assert caught.value.retry_after is None


def test_gateway_timeout_after_a_write_is_unknown(client: Client, http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(504))
    with pytest.raises(OutcomeUnknown):
        client.post("external_references/create_or_update", json={})


def test_base_url_without_api_path_is_said(tmp_path: Path) -> None:
    wrong = connection(tmp_path, "kantata", "https://api.mavenlink.com", {"account_id": "9"}, {"token": "tok-abcdef"})
    with pytest.raises(Misconfigured, match=r"base_url of connection kantata does not end in /api/v1"):
        kantata.client(wrong)


def test_missing_option_unknown_option_and_missing_secret_are_said(tmp_path: Path) -> None:
    url = "https://api.mavenlink.com/api/v1"
    with pytest.raises(Misconfigured, match=r"Connection kantata \(kantata\) lacks the option account_id"):
        kantata.client(connection(tmp_path, "kantata", url, {}, {"token": "tok-abcdef"}))
    with pytest.raises(Misconfigured, match=r"has an unknown option acount"):
        kantata.client(connection(tmp_path, "kantata", url, {"account_id": "9", "acount": 1}, {}))
    with pytest.raises(Misconfigured, match=r"has a wrong option allowance"):
        kantata.client(connection(tmp_path, "kantata", url, {"account_id": "9", "allowance": 0}, {}))
    bare = connection(tmp_path / "empty", "kantata", url, {"account_id": "9"}, {})
    with pytest.raises(Misconfigured, match=r"has no secret token\. Set HOURLINE_SECRET__KANTATA__TOKEN"):
        kantata.client(bare)
