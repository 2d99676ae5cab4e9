"""Each fault does on the wire what its name says, and nothing else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from tests.simulators.kit.conftest import Acme


def notes(acme: Acme) -> dict[str, str]:
    return {item["id"]: item["text"] for item in acme.client.get("/notes").json()["items"]}


def test_drop_closes_before_anything_happened(acme: Acme) -> None:
    acme.fault("drop", method="PUT")
    with pytest.raises(httpx.TransportError):
        acme.put("a")
    assert notes(acme) == {}
    assert acme.journal(outcome="dropped")["matching"] == 1


def test_drop_after_keeps_what_the_handler_did(acme: Acme) -> None:
    acme.fault("drop_after", method="PUT")
    with pytest.raises(httpx.TransportError):
        acme.put("a")
    assert notes(acme) == {"a": "hello"}
    call = acme.journal(outcome="dropped_after")["calls"][0]
    assert (call["status"], call["ids"]) == (204, {"note": "a"})


def test_delay_waits(acme: Acme) -> None:
    acme.fault("delay", seconds=0.3)
    started = time.monotonic()
    assert acme.client.get("/notes").status_code == 200
    assert time.monotonic() - started >= 0.3


def test_status_answers_so_many_times_without_running_the_handler(acme: Acme) -> None:
    acme.fault("status", status=503, body={"oops": 1}, headers={"retry-after": "2"}, times=2, method="PUT")
    first, second, third = acme.put("a"), acme.put("b"), acme.put("c")
    assert [first.status_code, second.status_code, third.status_code] == [503, 503, 204]
    assert (first.json(), first.headers["retry-after"]) == ({"oops": 1}, "2")
    assert set(notes(acme)) == {"c"}


def test_after_lets_the_first_calls_pass(acme: Acme) -> None:
    acme.fault("status", status=500, after=2, path="^/notes$")
    assert [acme.client.get("/notes").status_code for _ in range(4)] == [200, 200, 500, 200]


def test_truncate_promises_more_than_it_sends(acme: Acme) -> None:
    acme.put("a", "x" * 10_000)
    acme.fault("truncate", path="^/notes$", method="GET")
    with pytest.raises(httpx.RemoteProtocolError):
        acme.client.get("/notes")
    assert acme.journal(outcome="cut")["matching"] == 1


def test_malformed_is_complete_and_no_json(acme: Acme) -> None:
    acme.put("a")
    acme.fault("malformed", method="GET")
    got = acme.client.get("/notes")
    assert got.status_code == 200
    with pytest.raises(ValueError, match=r"."):
        got.json()


def test_empty_page_has_no_rows_and_says_nothing(acme: Acme) -> None:
    acme.put("a")
    acme.fault("empty_page")
    assert acme.client.get("/notes").json() == {"items": [], "count": 1}
    assert notes(acme) == {"a": "hello"}


def test_drop_rows_takes_some_off_the_end(acme: Acme) -> None:
    for key in "abc":
        acme.put(key)
    acme.fault("drop_rows", rows=2)
    assert set(notes(acme)) == {"a"}


def test_missing_column_and_wrong_type_touch_one_field(acme: Acme) -> None:
    acme.put("a")
    acme.fault("missing_column", field="text")
    assert acme.client.get("/notes").json()["items"] == [{"id": "a"}]
    acme.fault("wrong_type", field="text", value=[1])
    assert acme.client.get("/notes").json()["items"] == [{"id": "a", "text": [1]}]


def test_revoked_token_is_refused_until_faults_are_cleared(acme: Acme) -> None:
    acme.fault("revoke", token="good")
    assert acme.client.get("/notes").status_code == 401
    acme.client.delete("/_control/faults")
    assert acme.client.get("/notes").status_code == 200


@pytest.mark.parametrize(
    ("given", "says"),
    [({"kind": "meteor"}, "no fault is called"), ({"kind": "drop", "pth": "x"}, "a fault has no pth"),
     ({"kind": "missing_column"}, "needs the name of a field"), ({}, "needs its kind")],
)  # fmt: skip
def test_nonsense_fault_is_refused_in_a_sentence(acme: Acme, given: dict[str, str], says: str) -> None:
    got = acme.client.post("/_control/faults", json=given)
    assert got.status_code == 400
    assert says in got.json()["error"]
