"""Gusto: a rotating refresh token that is never lost, the version header, limits, and nested errors."""

import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

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
)
from plumbing.http import Client
from plumbing.secret_store import SecretStore
from plumbing.vendors import gusto
from tests.fixtures.http_server import Answer, Call, ScriptedServer
from tests.plumbing.connections import connection

SECRETS = {
    "access_token": "access-0",
    "refresh_token": "refresh-0",
    "client_id": "app-123",
    "client_secret": "appsecret-123",
}
OPTIONS = {"company_uuid": "c-1"}


class Grants:
    """A token endpoint whose refresh tokens work once, and calls that take the newest access token only."""

    def __init__(self, server: ScriptedServer) -> None:
        self.generation = 1  # access-0 has expired
        self.refreshed: list[str] = []
        self.headers: dict[str, str] = {}
        server.script = self.answer

    def answer(self, call: Call) -> Answer:
        if call.path == "/oauth/token":
            self.headers = call.headers
            form = parse_qs(call.body.decode())
            used = form["refresh_token"][0]
            self.refreshed.append(used)
            if used != f"refresh-{self.generation - 1}":
                return Answer(400, {"error": "invalid_grant", "error_description": "the refresh token was used"})
            granted = {"access_token": f"access-{self.generation}", "refresh_token": f"refresh-{self.generation}"}
            self.generation += 1
            return Answer(json=granted)
        if call.headers["authorization"] != f"Bearer access-{self.generation - 1}" or self.generation == 1:
            return Answer(
                401, {"errors": [{"error_key": "request", "category": "invalid_token", "message": "expired"}]}
            )
        return Answer(json=[])


def client_of(home: Path, server: ScriptedServer) -> Client:
    return gusto.client(connection(home, "gusto", server.url, OPTIONS, {}))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    SecretStore(tmp_path / "secrets.toml").save("gusto", SECRETS)
    return tmp_path


@pytest.fixture
def client(home: Path, http_server: ScriptedServer) -> Client:
    return client_of(home, http_server)


def refusal(status: int, key: str, category: str, message: str = "words") -> Answer:
    return Answer(status, {"errors": [{"error_key": key, "category": category, "message": message}]})


def test_version_and_token_are_sent(client: Client, http_server: ScriptedServer) -> None:
    client.get("v1/companies/c-1/employees")
    (call,) = http_server.calls
    assert call.headers["x-gusto-api-version"] == "2025-06-15"
    assert call.headers["authorization"] == "Bearer access-0"


def test_expired_token_is_renewed_kept_and_the_call_repeated(
    client: Client, home: Path, http_server: ScriptedServer
) -> None:
    grants = Grants(http_server)
    client.post("v1/companies/c-1/time_tracking/time_sheets", json={})
    assert grants.refreshed == ["refresh-0"]
    assert grants.headers["x-gusto-api-version"] == "2025-06-15"
    kept = SecretStore(home / "secrets.toml").section("gusto")
    assert (kept["access_token"], kept["refresh_token"]) == ("access-1", "refresh-1")


def test_restart_goes_on_with_the_rotated_pair(home: Path, http_server: ScriptedServer) -> None:
    grants = Grants(http_server)
    client_of(home, http_server).get("v1/companies/c-1/employees")
    http_server.calls.clear()
    client_of(home, http_server).get("v1/companies/c-1/employees")
    assert [call.headers["authorization"] for call in http_server.calls] == ["Bearer access-1"]
    assert grants.refreshed == ["refresh-0"]


def test_second_process_takes_the_pair_that_the_first_renewed(home: Path, http_server: ScriptedServer) -> None:
    grants = Grants(http_server)
    first, second = client_of(home, http_server), client_of(home, http_server)
    first.get("v1/companies/c-1/employees")
    second.get("v1/companies/c-1/employees")
    assert grants.refreshed == ["refresh-0"]


def test_many_threads_renew_once(home: Path, http_server: ScriptedServer) -> None:
    grants = Grants(http_server)
    clients = [client_of(home, http_server) for _ in range(2)]
    failures: list[Exception] = []

    def call(number: int) -> None:
        try:
            clients[number % 2].get("v1/companies/c-1/employees")
        except HourlineError as error:
            failures.append(error)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert failures == []
    assert grants.refreshed == ["refresh-0"]


def test_refused_refresh_token_is_unauthorized(client: Client, http_server: ScriptedServer) -> None:
    Grants(http_server).generation = 5
    with pytest.raises(Unauthorized, match=r"sign-in was refused with 400: the refresh token was used") as caught:
        client.get("v1/companies/c-1/employees")
    assert "refresh-0" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "key", "category", "message", "kind", "ours"),
    [
        (422, "employee_uuids", "invalid_attribute_value", "bad id", Refused, "invalid_reference"),
        (422, "base", "invalid_operation", "payroll already processed", Refused, "closed_period"),
        (422, "version", "invalid_attribute_value", "stale", Conflict, "stale_version"),
        (409, "base", "invalid_resource_version", "stale", Conflict, "stale_version"),
        (422, "request", "duplicate_operation", "twice", Conflict, "duplicate"),
        (422, "base", "invalid_operation", "There are no hours to sync", Refused, "nothing_to_do"),
        (422, "base", "payroll_blocker", "needs onboarding", Refused, "blocked"),
        (422, "entries", "invalid_attribute_value", "bad hours", Refused, "validation"),
    ],
)
def test_refusal_becomes_error_and_category(
    client: Client, http_server: ScriptedServer, status: int, key: str, category: str, message: str, kind: type[Any],
    ours: str,
) -> None:  # fmt: skip
    http_server.answer_with(refusal(status, key, category, message))
    with pytest.raises(kind) as caught:
        client.put("v1/time_tracking/time_sheets/t-1", json={})
    error = caught.value
    assert type(error) is kind
    assert (error.code, error.field, error.detail, error.category) == (category, key, message, ours)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(404, "request", "not_found"), NotFound),
        (refusal(403, "request", "missing_permissions"), Forbidden),
        (refusal(406, "request", "invalid_api_version"), Misconfigured),
        (refusal(422, "base", "invalid_operation", "The payroll is being processed"), Unavailable),
        (refusal(409, "base", "locked_by_other_writer"), Unavailable),
        (refusal(500, "request", "internal_error"), OutcomeUnknown),
    ],
)
def test_other_refusals_by_their_name(
    client: Client, http_server: ScriptedServer, answer: Answer, kind: type[HourlineError]
) -> None:
    http_server.answer_with(answer)
    with pytest.raises(kind) as caught:
        client.post("v1/companies/c-1/time_tracking/payroll_syncs", json={})
    assert type(caught.value) is kind


def test_nested_errors_are_walked(client: Client, http_server: ScriptedServer) -> None:
    inner = [
        {"error_key": "hours_worked", "category": "invalid_attribute_value", "message": "is too precise"},
        {"error_key": "pay_classification", "category": "invalid_attribute_value", "message": "is unknown"},
    ]
    outer = {"error_key": "entries", "category": "nested_errors", "errors": [{"error_key": "0", "errors": inner}]}
    http_server.answer_with(Answer(422, {"errors": [outer]}))
    with pytest.raises(Refused) as caught:
        client.post("v1/companies/c-1/time_tracking/time_sheets", json={})
    assert caught.value.field == "hours_worked"
    assert caught.value.detail == "is too precise; is unknown"


def test_rate_limit_waits_until_the_reset_it_names(client: Client, http_server: ScriptedServer) -> None:
    until = datetime.now(timezone(-timedelta(hours=7))) + timedelta(seconds=45)
    http_server.answer_with(Answer(429, headers={"X-RateLimit-Reset": until.strftime("%Y-%m-%d %H:%M:%S %z")}))
    with pytest.raises(RateLimited) as caught:
        client.post("v1/companies/c-1/time_tracking/time_sheets", json={})
    assert caught.value.retry_after is not None
    assert 40 <= caught.value.retry_after <= 46


def test_retry_after_stands_before_the_reset(client: Client, http_server: ScriptedServer) -> None:
    headers = {"X-RateLimit-Reset": "2099-07-08 15:35:40 -0700", "Retry-After": "12"}
    http_server.answer_with(Answer(429, headers=headers))
    with pytest.raises(RateLimited) as caught:
        client.post("v1/companies/c-1/time_tracking/time_sheets", json={})
    assert caught.value.retry_after == 12


def test_token_from_the_environment_rotates_into_the_store_and_wins_until_a_new_one_is_set(tmp_path: Path) -> None:
    path = tmp_path / "secrets.toml"
    outside = {"gusto": {"refresh_token": "given-by-environment"}}
    SecretStore(path, outside).save("gusto", {"refresh_token": "rotated-once"})
    SecretStore(path, outside).save("gusto", {"refresh_token": "rotated-twice"})
    assert SecretStore(path, outside).section("gusto")["refresh_token"] == "rotated-twice"
    renewed = {"gusto": {"refresh_token": "set-anew-by-a-person"}}
    assert SecretStore(path, renewed).section("gusto")["refresh_token"] == "set-anew-by-a-person"
