"""Each fault of the proxy, seen from both sides by raw HTTP."""

import http.client
import json
import subprocess
import sys

import httpx
import pytest

from simulators.faultproxy import KINDS, Mix
from tests.faults.street import Street

BODY = {"key": "kantata-1-g1", "item": "77", "minutes": "60", "rate": "100", "date": "2026-10-05"}


@pytest.fixture
def street():
    street = Street("looks_only")
    yield street
    street.close()


def post(street: Street, kind: str, seed: int = 1, **mix):
    """One write that is sure to meet a fault; its answer, or the error that the client saw."""
    street.reset("looks_only", seed, Mix(share=1.0, weights={kind: 1.0}, **mix))
    with httpx.Client(base_url=street.url, timeout=0.3) as client:
        try:
            return client.post("/records", json=BODY)
        except httpx.TransportError as error:
            return error


def look(street: Street) -> list:
    with httpx.Client(base_url=street.url, timeout=5) as client:
        return client.get("/records", params={"key": BODY["key"]}).json()["items"]


@pytest.mark.parametrize("kind", ["drop_before", "reset_before", "time_out_before"])
def test_a_call_lost_before_it_arrived_is_not_there(street, kind):
    assert isinstance(post(street, kind), httpx.TransportError)
    assert street.holdings.records == {}


@pytest.mark.parametrize("kind", ["drop_after", "reset_after", "time_out_after", "truncated"])
def test_a_call_whose_answer_is_lost_is_there(street, kind):
    assert isinstance(post(street, kind), httpx.TransportError)
    assert len(street.holdings.records) == 1


@pytest.mark.parametrize(("kind", "records"), [("error_before", 0), ("error_after", 1)])
def test_a_5xx_comes_before_or_after_the_call_was_carried_out(street, kind, records):
    assert post(street, kind).status_code >= 500
    assert len(street.holdings.records) == records


def test_busy_may_say_for_how_long(street):
    assert "retry-after" not in post(street, "busy").headers
    said = post(street, "busy_wait", retry_after=7)
    assert (said.status_code, said.headers["retry-after"]) == (429, "7")
    assert street.holdings.records == {}


def test_a_slow_answer_comes_whole(street):
    assert post(street, "slow").json()["minutes"] == "60"


def test_a_late_call_arrives_after_our_look(street):
    assert isinstance(post(street, "late"), httpx.TransportError)
    assert look(street) == []
    assert len(look(street)) == 1


def test_a_reordered_call_arrives_at_the_second_look(street):
    assert isinstance(post(street, "reorder"), httpx.TransportError)
    assert look(street) == []
    assert len(street.holdings.records) == 0
    assert len(look(street)) == 1


def test_a_reordered_call_arrives_after_a_newer_write(street):
    post(street, "reorder")
    street.proxy.draw.mix = Mix()
    with httpx.Client(base_url=street.url, timeout=5) as client:
        client.post("/records", json={**BODY, "minutes": "90"})
    assert [record["minutes"] for record in street.holdings.records.values()] == ["90", "60"]


def test_connections_are_kept_alive_and_long_bodies_pass_through(street):
    street.reset("looks_only")
    connection = http.client.HTTPConnection(street.url.removeprefix("http://"), timeout=10)
    for number in range(3):
        body = json.dumps({**BODY, "key": f"kantata-{number}-g1", "note": "x" * 300_000})
        connection.request("POST", "/records", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert len(answer.read()) > 300_000
    local = connection.sock.getsockname()
    connection.request("GET", "/records?key=kantata-1-g1")
    assert len(json.loads(connection.getresponse().read())["items"]) == 1
    assert connection.sock.getsockname() == local


def test_chunked_bodies_pass_through(street):
    street.reset("looks_only")
    with httpx.Client(base_url=street.url, timeout=5) as client:
        said = client.post("/records", content=iter([json.dumps(BODY)[:20].encode(), json.dumps(BODY)[20:].encode()]))
    assert said.json()["minutes"] == "60"


def test_the_same_seed_strikes_the_same_calls_in_whatever_order_they_come(street):
    def struck(order) -> dict:
        street.reset("looks_only", 9, Mix(share=0.5))
        for number in order:
            with httpx.Client(base_url=street.url, timeout=0.2) as client:
                try:
                    client.post("/records", json={**BODY, "key": f"kantata-{number}-g1"})
                except httpx.TransportError:
                    continue
        return {tuple(call.subjects): call.fault for call in street.proxy.journal}

    forward = struck(range(30))
    assert forward == struck(reversed(range(30)))
    assert len(set(forward.values())) > 3


def test_a_kind_that_is_none_is_named():
    with pytest.raises(ValueError, match="no fault is called hail; there are drop_before"):
        Mix(weights={"hail": 1.0})
    assert set(Mix().weights) == set(KINDS)


def test_a_proxy_of_its_own_process_tells_what_it_did(street):
    upstream = street.direct_url.removeprefix("http://")
    command = [
        sys.executable,
        "-m",
        "simulators.faultproxy",
        "--upstream",
        upstream,
        "--share",
        "0",
        "--read-share",
        "0",
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        told = json.loads(process.stdout.readline())
        control = told["control_url"]
        httpx.get(f"{told['url']}/records?key=a-g1", timeout=10)
        said = httpx.post(f"{control}/mix", json={"share": 1.0, "weights": {"hail": 1}}, timeout=10)
        assert (said.status_code, said.json()["error"][:26]) == (422, "no fault is called hail; t")
        assert httpx.get(f"{control}/counts", timeout=10).json() == {"passed": 1, "held_back": 0}
        (call,) = httpx.get(f"{control}/journal", timeout=10).json()
        assert (call["method"], call["status"], call["fault"]) == ("GET", 200, None)
    finally:
        process.stdin.close()
        assert process.wait(timeout=30) == 0
