"""No secret in any line or error: by its value, by its shape, under its name."""

import io
import logging
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from plumbing import log
from plumbing.errors import Forbidden, HourlineError, RateLimited, Refused
from plumbing.redaction import protect, redact, redact_value
from plumbing.vendors import gusto, netsuite
from tests.fixtures.http_server import Answer, ScriptedServer
from tests.plumbing.connections import connection


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Everything that is logged, at the most talkative level, as entry points configure it."""
    import structlog

    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    log.configure("DEBUG")
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer S3cr3tV4lue",
        "authorization=Basic S3cr3tV4lue",
        "{'Authorization': 'Bearer S3cr3tV4lue'}",
        "sent Bearer S3cr3tV4lue",
        'OAuth realm="1", oauth_token="S3cr3tV4lue"',
        "https://x/?access_token=S3cr3tV4lue&page=2",
        '{"refresh_token": "S3cr3tV4lue"}',
        "client_secret=S3cr3tV4lue",
        "password: S3cr3tV4lue",
        "postgresql://me:S3cr3tV4lue@host/db",
    ],
)
def test_what_is_shaped_like_a_secret_is_masked(text: str) -> None:
    assert "S3cr3tV4lue" not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "the bearer of bad news",
        "https://x/?page=2&q=a:b",
        "Basic rules apply",
        "a basic entitlement",
        "the token was refused",
        "postgresql://me@h/db",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_known_value_is_masked_wherever_it_stands_also_percent_encoded() -> None:
    protect("p@ss/w0rd!x")
    assert redact("said p@ss/w0rd!x there") == "said [redacted] there"
    assert "p%40ss" not in redact("url?x=p%40ss%2Fw0rd%21x")


def test_values_under_secret_names_are_masked_whole() -> None:
    told = redact_value({"token": "abc", "rows": [{"password": "abc", "name": "Ann"}], "n": 3, "path": Path("/x")})
    assert told == {"token": "[redacted]", "rows": [{"password": "[redacted]", "name": "Ann"}], "n": 3, "path": "/x"}


def test_error_texts_are_masked_and_survive_pickling() -> None:
    protect("n0t-for-logs")
    error = Refused("said n0t-for-logs", remedy="unset n0t-for-logs", detail="n0t-for-logs", field="item", code="E1",
                    category="locked", connection="acme", status=400)  # fmt: skip
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert type(again) is Refused
    assert (again.message, again.field, again.category, again.status) == ("said [redacted]", "item", "locked", 400)
    assert "n0t-for-logs" not in f"{again} {again.detail} {again!r}"
    limited = pickle.loads(pickle.dumps(RateLimited("wait", retry_after=3.0)))  # noqa: S301  our own bytes
    assert limited.retry_after == 3.0


def test_error_reads_as_sentence_and_remedy() -> None:
    assert str(Forbidden("You may not.", remedy="Ask.")) == "You may not. Ask."
    assert str(HourlineError("It broke.")) == "It broke."


def test_no_secret_in_any_log_line_or_error_of_a_whole_exchange(
    lines: io.StringIO, tmp_path: Path, http_server: ScriptedServer
) -> None:
    secrets = {
        "access_token": "acc-S3cret",
        "refresh_token": "ref-S3cret",
        "client_id": "app-S3cret",
        "client_secret": "sec-S3cret",
    }
    keys = {
        "consumer_key": "ck-S3cret",
        "consumer_secret": "cs-S3cret",
        "token_id": "ti-S3cret",
        "token_secret": "ts-S3cret",
    }
    echo = {"errors": [{"error_key": "x", "category": "y", "message": "you sent acc-S3cret and new-S3cret"}]}
    payroll = gusto.client(connection(tmp_path, "gusto", http_server.url, {"company_uuid": "c"}, secrets))
    erp = netsuite.client(
        connection(tmp_path, "netsuite", f"{http_server.url}/services/rest", {"account_id": "1"}, keys)
    )
    told: list[str] = []
    for answers in (
        [Answer(401), Answer(json={"access_token": "new-S3cret", "refresh_token": "ref2-S3cret"}), Answer(422, echo)],
        [Answer(401), Answer(400, {"error": "invalid_grant", "error_description": "ref2-S3cret is used"})],
        [Answer(cut=True)],
        [Answer(500, body=b"Authorization: Bearer new-S3cret", headers={"Content-Type": "text/plain"})],
    ):
        http_server.answer_with(*answers)
        for call in (payroll.post, erp.post):
            with pytest.raises(HourlineError) as caught:
                call("things?access_token=acc-S3cret", json={})
            told.append(f"{caught.value} {caught.value.detail} {caught.value!r} {caught.value.__dict__}")
    logger = log.get("test")
    try:
        pickle.loads(b"Bearer new-S3cret")  # noqa: S301  no pickle; fails
    except pickle.UnpicklingError:
        logger.exception(
            "it broke", header="Bearer abcdef-S3cret", token="tok-S3cret", nested={"password": "pw-S3cret"}
        )
    logging.getLogger("some.library").warning("sent ts-S3cret with %s", {"Authorization": "Bearer new-S3cret"})
    written = lines.getvalue()
    assert "it broke" in written
    assert "some.library" in written
    assert "POST" in written
    assert "S3cret" not in written + " ".join(told)


def test_json_lines_are_json(monkeypatch: pytest.MonkeyPatch, lines: io.StringIO) -> None:
    import json

    monkeypatch.setattr(sys, "stderr", lines)  # the runner puts its own back between set-up and test
    log.configure("INFO", json=True)
    log.get("push").bind(sync="erp_labor").info("pushed", rows=3)
    (line,) = lines.getvalue().strip().splitlines()
    told = json.loads(line)
    assert (told["event"], told["rows"], told["sync"], told["logger"]) == ("pushed", 3, "erp_labor", "push")


def test_without_an_entry_point_lines_go_to_standard_logging_and_are_masked(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    structlog.reset_defaults()  # another test of this process may have been an entry point
    log.get("library").warning("odd answer", token="tok-S3cret", rows=3)
    assert caplog.messages == ["odd answer token=[redacted] rows=3"]
    assert capsys.readouterr().out == ""
