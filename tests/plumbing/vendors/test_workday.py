"""Workday: basic sign-in, the report's address, and faults by their code."""

import base64
from pathlib import Path

import pytest

from plumbing.errors import Forbidden, HourlineError, Misconfigured, NotFound, Refused, Unauthorized, Unavailable
from plumbing.http import Client
from plumbing.settings import Connection
from plumbing.vendors import workday
from tests.fixtures.http_server import Answer, ScriptedServer
from tests.plumbing.connections import connection

OPTIONS = {"tenant": "hartwell", "report_owner": "isu_hourline", "report": "Workers for Billing"}
SECRETS = {"username": "isu_hourline", "password": "pässword-1"}


@pytest.fixture
def configured(tmp_path: Path, http_server: ScriptedServer) -> Connection:
    return connection(tmp_path, "workday", http_server.url, OPTIONS, SECRETS)


@pytest.fixture
def client(configured: Connection) -> Client:
    return workday.client(configured)


def fault(code: str, words: str, detail: str = "") -> Answer:
    text = (
        f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="x"><SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>{code}</faultcode>'
        f"<faultstring>{words}</faultstring>{detail}</SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )
    return Answer(500, body=text.encode(), headers={"Content-Type": "text/xml"})


def test_report_is_asked_with_user_and_password(
    client: Client, configured: Connection, http_server: ScriptedServer
) -> None:
    client.get(workday.report_path(configured), params={"format": "json"})
    (call,) = http_server.calls
    expected = "/ccx/service/customreport2/hartwell/isu_hourline/Workers%20for%20Billing?format=json"
    assert call.path == expected
    assert call.headers["authorization"] == "Basic " + base64.b64encode("isu_hourline:pässword-1".encode()).decode()


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        ("SOAP-ENV:Client.validationError", "Invalid ID value", Refused),
        ("SOAP-ENV:Client.authenticationError", "invalid username or password", Unauthorized),
        ("SOAP-ENV:Client", "The task submitted is not authorized.", Forbidden),
    ],
)
def test_fault_code_decides_although_the_status_is_500(
    client: Client, http_server: ScriptedServer, code: str, words: str, kind: type[HourlineError]
) -> None:
    http_server.answer_with(fault(code, words))
    with pytest.raises(kind) as caught:
        client.get("ccx/service/x")
    assert type(caught.value) is kind
    assert caught.value.code == code.split(":")[1]
    assert len(http_server.calls) == 1


def test_validation_fault_names_its_place(client: Client, http_server: ScriptedServer) -> None:
    error = "<wd:Validation_Error><wd:Xpath>/a/b[1]</wd:Xpath></wd:Validation_Error>"
    place = f"<detail><wd:Validation_Fault>{error}</wd:Validation_Fault></detail>"
    http_server.answer_with(fault("SOAP-ENV:Client.validationError", "Invalid ID value", place))
    with pytest.raises(Refused) as caught:
        client.get("ccx/service/x")
    assert (caught.value.category, caught.value.field) == ("invalid_reference", "/a/b[1]")


def test_plain_server_error_of_a_report_is_unavailable(client: Client, http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(500, {"error": "temporarily out of order"}))
    with pytest.raises(Unavailable, match=r"temporarily out of order"):
        client.get("ccx/service/x", retries=0)


def test_unknown_report_is_not_found(client: Client, http_server: ScriptedServer) -> None:
    http_server.answer_with(Answer(404))
    with pytest.raises(NotFound):
        client.get("ccx/service/x")


def test_base_url_with_a_path_is_said(tmp_path: Path) -> None:
    wrong = connection(tmp_path, "workday", "https://wd2.example.com/ccx", OPTIONS, SECRETS)
    with pytest.raises(Misconfigured, match=r"has a path"):
        workday.client(wrong)
