"""Tryton's sign-in, refusals and typed values, against answers written down word for word."""

import base64
import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from plumbing.errors import (
    Conflict,
    Forbidden,
    HourlineError,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    Refused,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
)
from plumbing.settings import Connection
from plumbing.vendors import tryton
from plumbing.vendors.tryton.refusals import envelope_of
from plumbing.vendors.tryton.wire import decode, encode

CREATE = "model.timesheet.line.create"
SIGN_IN = "common.db.login"


class Server:
    """Answers as told and keeps what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self.sessions: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if body["method"] == SIGN_IN:
            self.sessions.append(f"token-{len(self.sessions) + 1}")
            return httpx.Response(200, json={"id": 1, "result": [4, self.sessions[-1], None]})
        self.asked.append({**body, "headers": dict(request.headers), "path": request.url.path})
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json={"id": 1, **answer})


def client(serve: Callable[[httpx.Request], httpx.Response], **options: Any) -> tryton.Rpc:
    connection = Connection(
        name="erp",
        system="tryton",
        base_url="http://127.0.0.1:1",
        options={"database": "firm", "company": 3, **options},
        secrets={"username": SecretStr("integration"), "password": SecretStr("pa55-word")},
    )
    return tryton.client(connection, transport=httpx.MockTransport(serve))


def test_a_call_carries_session_company_and_language() -> None:
    server = Server({"result": [7]})
    assert client(server).call(CREATE, [{"date": date(2026, 11, 9)}], context={"_timestamp": {"a,1": "2"}}) == [7]
    (asked,) = server.asked
    assert (asked["path"], set(asked) - {"headers", "path"}) == ("/firm/rpc/", {"id", "method", "params"})
    assert asked["params"] == [
        [{"date": {"__class__": "date", "year": 2026, "month": 11, "day": 9}}],
        {"company": 3, "companies": [3], "language": "en", "_timestamp": {"a,1": "2"}},
    ]
    packed = base64.b64encode(b"integration:4:token-1").decode()
    assert asked["headers"]["authorization"] == f"Session {packed}"
    assert asked["headers"]["accept-encoding"] == "gzip"


def test_an_ended_session_is_signed_in_once_and_the_write_repeated() -> None:
    server = Server(httpx.Response(401), {"result": [7]})
    assert client(server).call(CREATE, [{}]) == [7]
    assert server.sessions == ["token-1", "token-2"]
    assert len(server.asked) == 2


def test_a_session_refused_twice_is_unauthorized() -> None:
    server = Server(httpx.Response(401), httpx.Response(401))
    with pytest.raises(Unauthorized, match="Check the secrets of connection erp"):
        client(server).call(CREATE, [{}])


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (httpx.Response(401), Unauthorized, "not accepted"),
        (httpx.Response(404), Misconfigured, "no database firm"),
        (httpx.Response(429), Unavailable, "too many wrong passwords"),
        (httpx.Response(502), Unavailable, "the call was not sent"),
        (httpx.Response(200, json={"error": ["LoginException", ["password", "Password for x", "password"]]}), Unauthorized, "Password"),
        (httpx.Response(200, json={"error": ["'res.user'", ""]}), Unavailable, "has not loaded this database"),
    ],
)  # fmt: skip
def test_a_refused_sign_in_is_named(answer: httpx.Response, kind: type[HourlineError], words: str) -> None:
    with pytest.raises(kind, match=words) as raised:
        client(lambda _: answer).call(CREATE, [{}])
    assert "pa55-word" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.ReadTimeout("late"), OutcomeUnknown),
        (httpx.Response(504), OutcomeUnknown),
        (httpx.Response(200, content=b'{"id": 1, "resu'), OutcomeUnknown),
        (httpx.Response(200, json={"hello": 1}), OutcomeUnknown),
        ({"error": ["server closed the connection unexpectedly", ""]}, OutcomeUnknown),
        ({"error": ["deadlock detected", ""]}, Unavailable),
    ],
)
def test_a_write_is_never_repeated_whatever_is_lost(answer: Any, kind: type[HourlineError]) -> None:
    server = Server(answer)
    with pytest.raises(kind):
        client(server).call(CREATE, [{}])
    assert len(server.asked) == 1


def test_a_read_is_repeated() -> None:
    server = Server(httpx.Response(502), {"error": ["server closed the connection unexpectedly", ""]}, {"result": [1]})
    assert client(server).call("model.timesheet.line.search", []) == [1]


def test_a_warning_is_a_refusal_unless_it_was_declared() -> None:
    warning = {"error": ["UserWarning", ["0123abcd.invoice_date_future", "The date is in the future.", ""]]}
    server = Server(warning)
    with pytest.raises(Refused, match="in the future") as raised:
        client(server).call("model.account.invoice.post", [1])
    assert (raised.value.category, len(server.asked)) == ("warning", 1)


def test_a_declared_warning_is_accepted_once() -> None:
    warning = {"error": ["UserWarning", ["0123abcd.invoice_date_future", "The date is in the future.", ""]]}
    server = Server(warning, {"result": None}, {"result": [5]})
    rpc = client(server, accepted_warnings=["invoice_date_future"])
    assert rpc.call("model.account.invoice.post", [1]) == [5]
    assert [(asked["method"], asked["params"][:2]) for asked in server.asked][1] == (
        "model.res.user.warning.skip",
        ["0123abcd.invoice_date_future", False],
    )


def test_a_company_is_found_by_its_code() -> None:
    server = Server({"result": [9]}, {"result": []})
    assert client(server, company="US").call("model.timesheet.line.search", []) == []
    assert server.asked[0]["params"][0] == [["party.code", "=", "US"]]
    assert server.asked[1]["params"][-1]["company"] == 9


def test_an_unknown_company_is_misconfigured() -> None:
    with pytest.raises(Misconfigured, match="no company has the code FR"):
        client(Server({"result": []}), company="FR").call("model.timesheet.line.search", [])


@pytest.mark.parametrize(
    ("text", "kind", "category", "field"),
    [
        ("The UUID of timesheet line must be unique.", Conflict, "duplicate", None),
        ('You cannot modify the duration of timesheet line "2" because it has been invoiced.', Refused, "billed", None),
        ('You cannot delete timesheet line "2" because it has been invoiced.', Refused, "billed", None),
        ('You are trying to read records "10" of "Timesheet Line" that don\'t exist.', NotFound, "invalid_reference", None),
        ('The value "9" for field "Work" in "Timesheet Line" does not exist.', Refused, "invalid_reference", "Work"),
        ('The value "E" for field "Employee" in record "(6)" of "Timesheet Line" is not valid according to its domain.', Refused, "invalid_reference", "Employee"),
        ('The value "-1:00" for field "Duration" in record "(6)" of "Timesheet Line" is not valid according to its domain.', Refused, "validation", "Duration"),
        ('A value is required for field "Work" in "Timesheet Line".', Refused, "validation", "Work"),
        ('You are not allowed to access "Timesheet Line".', Forbidden, "permission", None),
        ('You are not allowed to modify the field "UUID" of "Timesheet Line".', Forbidden, "permission", "UUID"),
        ('You are not allowed to write to records "3" of "Timesheet Line" because of at least one of these rules:\nOwn', Refused, "permission", None),
        ('You are not allowed to delete records "3" of "X" because of at lease one of those rules:\nOwn', Refused, "permission", None),
        ('You can not call "invoice" on "project.work".', Forbidden, "permission", None),
        ('The period "2026-10" is closed.', Refused, "closed_period", None),
        ("Something nobody has seen yet.", Refused, "validation", None),
    ],
)  # fmt: skip
def test_words_stand_for_an_error_and_a_category(
    text: str, kind: type[HourlineError], category: str, field: str | None
) -> None:
    read = envelope_of(["UserError", [text, "", None]])
    assert (read.kind, read.category, read.field, read.detail) == (kind, category, field, text)


@pytest.mark.parametrize(
    ("error", "kind", "category"),
    [
        (["ConcurrencyException", "Records were modified in the meanwhile"], Conflict, "stale_version"),
        (["LoginException", ["password", "Password", "password"]], Unauthorized, None),
        (["not enough values to unpack (expected 3, got 2)", ""], Refused, "server_error"),
        (["could not serialize access due to concurrent update", ""], Unavailable, "server_error"),
        (["'timesheet.line'", ""], Refused, "server_error"),
        ("nothing of a list", Refused, "server_error"),
        ([], Refused, "server_error"),
    ],
)
def test_classes_and_plain_exceptions(error: Any, kind: type[HourlineError], category: str | None) -> None:
    read = envelope_of(error)
    assert (read.kind, read.category) == (kind, category)
    assert read.detail


VALUES = [
    (date(2026, 2, 28), {"__class__": "date", "year": 2026, "month": 2, "day": 28}),
    (
        datetime(2026, 2, 28, 23, 59, 1, 7),  # noqa: DTZ001  Tryton's are naive
        {"__class__": "datetime", "year": 2026, "month": 2, "day": 28, "hour": 23, "minute": 59, "second": 1, "microsecond": 7},
    ),
    (time(1, 2, 3, 4), {"__class__": "time", "hour": 1, "minute": 2, "second": 3, "microsecond": 4}),
    (timedelta(hours=7, minutes=30), {"__class__": "timedelta", "seconds": 27000}),
    (timedelta(microseconds=-1), {"__class__": "timedelta", "seconds": Decimal("-0.000001")}),
    (Decimal("180.00"), {"__class__": "Decimal", "decimal": "180.00"}),
    (b"\x00\xff", {"__class__": "bytes", "base64": "AP8="}),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs"), VALUES)
def test_a_typed_value_goes_there_and_comes_back(ours: Any, theirs: Any) -> None:
    assert encode({"x": [ours]}) == {"x": [theirs]}
    assert encode(theirs) == theirs
    assert decode([{"x": theirs}]) == [{"x": ours}]


def test_a_float_never_leaves() -> None:
    with pytest.raises(TypeError, match="no float"):
        encode({"hours": 7.5})


def test_a_typed_value_that_lacks_a_part_is_unexpected() -> None:
    with pytest.raises(UnexpectedAnswer, match="no date"):
        decode({"__class__": "date", "year": 2026})


def test_only_a_write_that_was_carried_out_is_told_as_done() -> None:
    """What the engine asks when a later call of the same delivery fails: may something stand there already?"""
    server = Server({"result": [1]}, {"error": ["UserError", ["No.", "", None]]}, {"result": [2]}, httpx.Response(504))
    rpc = client(server)
    seen: list[tuple[str | None, int | None, bool]] = []
    rpc.on_request = lambda exchange: seen.append((exchange.label, exchange.status, exchange.is_done))
    rpc.call("model.timesheet.line.search", [])
    with pytest.raises(Refused, match=r"model\.timesheet\.line\.create was refused: No\."):
        rpc.call(CREATE, [{}])
    rpc.call(CREATE, [{}])
    with pytest.raises(OutcomeUnknown):
        rpc.call(CREATE, [{}])
    assert seen == [
        ("model.timesheet.line.search", 200, False),
        (CREATE, 200, False),
        (CREATE, 200, True),
        (CREATE, 504, False),
    ]
