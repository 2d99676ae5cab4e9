"""Journal, limits, sign-in, clock and control path."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx

from simulators.kit.journal import KEPT_CALLS, Journal

if TYPE_CHECKING:
    from tests.simulators.kit.conftest import Acme


def test_journal_tells_calls_apart_by_filters(acme: Acme) -> None:
    acme.put("a")
    acme.put("b")
    acme.client.get("/notes", params={"page": 2})
    assert [call["ids"] for call in acme.journal(method="PUT")["calls"]] == [{"note": "a"}, {"note": "b"}]
    assert acme.journal(id="b")["matching"] == 1
    assert acme.journal(path="^/notes$")["calls"][0]["query"] == "page=2"
    assert acme.journal(since=2)["matching"] == 1
    assert acme.journal(status=204)["matching"] == 2


def test_journal_counts_writes_apart_from_reads_by_post(acme: Acme) -> None:
    acme.put("a")
    acme.client.post("/search", json={})
    journal = acme.journal()
    assert journal["total_writes"] == 1
    assert journal["counts"] == {"PUT /notes/{id} 204": 1, "POST /search 200": 1}


def test_cleared_journal_starts_from_nothing(acme: Acme) -> None:
    acme.put("a")
    acme.client.delete("/_control/journal")
    assert acme.journal()["total"] == 0


def test_journal_forgets_calls_but_never_counts(acme: Acme) -> None:
    journal = Journal()
    for number in range(KEPT_CALLS + 5):
        journal.record(
            method="PUT", path=f"/notes/{number}", query="", route="/notes/{id}", is_write=True, status=204,
            outcome="answered", ids={}, body=b"", now=acme.world.clock.now(), seconds=0,
        )  # fmt: skip
    read = journal.read({})
    assert (len(journal.calls), read["total_writes"], read["total"]) == (KEPT_CALLS, KEPT_CALLS + 5, KEPT_CALLS + 5)


def test_call_without_token_is_refused_save_on_open_routes(acme: Acme) -> None:
    assert httpx.get(f"{acme.client.base_url}/notes").status_code == 401
    assert httpx.get(f"{acme.client.base_url}/ping").status_code == 200


def test_window_refuses_past_its_allowance_and_can_be_raised(acme: Acme) -> None:
    assert [acme.client.get("/notes").status_code for _ in range(31)] == [200] * 30 + [429]
    assert acme.client.get("/notes").json() == {"error": "window"}
    acme.client.post("/_control/allowance", json={"factor": 2})
    got = acme.client.get("/notes")
    assert (got.status_code, got.headers["x-left"]) == (200, "29")


def test_concurrency_refuses_the_third_call_at_once(acme: Acme) -> None:
    acme.fault("delay", seconds=0.5, times=2, path="^/notes$")
    with ThreadPoolExecutor(3) as pool:
        slow = [pool.submit(acme.client.get, "/notes") for _ in range(2)]
        while not all(fault["hit"] == 2 for fault in acme.client.get("/_control/faults").json()):
            pass
        assert acme.client.get("/notes").json() == {"error": "at once"}
        assert [call.result().status_code for call in slow] == [200, 200]
    assert acme.client.get("/notes").status_code == 200


def test_clock_freezes_advances_and_runs(acme: Acme) -> None:
    frozen = acme.client.post("/_control/clock", json={"frozen": True}).json()
    assert acme.client.get("/_control/clock").json() == frozen
    acme.client.post("/_control/clock", json={"now": "2026-12-01T08:00:00+00:00"})
    later = acme.client.post("/_control/clock", json={"advance_seconds": 60}).json()
    assert later == {"now": "2026-12-01T08:01:00+00:00", "frozen": True}
    assert acme.client.post("/_control/clock", json={"frozen": False}).json()["frozen"] is False
    assert acme.world.clock.now().isoformat() >= "2026-12-01T08:01"


def test_unknown_path_method_and_control_are_told_apart(acme: Acme) -> None:
    assert acme.client.get("/nowhere").status_code == 404
    assert acme.client.delete("/notes").status_code == 405
    assert acme.client.get("/_control/nowhere").status_code == 404


def test_mistake_in_a_handler_is_a_500_that_the_test_can_see(acme: Acme) -> None:
    assert acme.client.get("/fail").status_code == 500
    assert acme.client.get("/_control/health").json()["errors"] == ["GET /fail: RuntimeError: the simulator is broken"]


def test_change_reaches_a_verb_and_refuses_unknown_ones(acme: Acme) -> None:
    acme.put("a")
    assert acme.client.post("/_control/change", json={"verb": "forget"}).json() == {"forgotten": ["a"]}
    for body, says in (
        ({"verb": "explode"}, "no change is called 'explode'"),
        ({"verb": "forget", "all": 1}, "unexpected keyword argument"),
        ({}, "an object with a verb"),
    ):
        got = acme.client.post("/_control/change", json=body)
        assert (got.status_code, says in got.json()["error"]) == (400, True)


def test_holdings_are_the_vendors_own_account(acme: Acme) -> None:
    acme.put("a")
    assert acme.client.get("/_control/holdings").json() == {"notes": 1}
