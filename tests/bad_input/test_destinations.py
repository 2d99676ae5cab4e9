"""A destination that fails while it is written to: one sentence, the rest goes on, nothing is lost and nothing doubled."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bad_input.test_sources import WRONG, closed_port
from tests.fixtures.workplace import Office, Said

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("bad input")]

NOTHING_LOST = (
    "Nothing is lost: what was not sent stays planned, and what got no answer is looked up before it is sent again. "
    "Push again once that is mended."
)
SYNC_OF = {"netsuite": "erp_labor", "gusto": "payroll_hours"}
CREATE_AT = {
    "netsuite": {"method": "PUT", "path": "/timeBill/eid"},
    "gusto": {"method": "POST", "path": "/time_sheets$"},
}


def push(branch: Office) -> Said:
    """Both hour syncs, without waiting for what is due later."""
    return branch.run("push", "erp_labor", "payroll_hours", "--patience", "0", "--json")


def report(said: Said, system: str) -> dict[str, Any]:
    """What a push says of one destination."""
    [found] = [each for one in said.document for each in one["pushes"] if each["destination"] == system]
    return dict(found)


def states(branch: Office, system: str) -> dict[str, int]:
    """Intents for a destination by state; those that a rule holds left out."""
    return dict(
        branch.query(
            "select state, count(*)::int from delivery.intent where destination = %s and state <> 'held' group by 1",
            system,
        )
    )


def time_passes(branch: Office) -> None:
    """Every wait of the ledger is over: quiet periods and back-offs."""
    branch.query(
        "update delivery.intent set next_attempt_at = now(), doubt_since = doubt_since - interval '1 hour'"
        " where state in ('planned', 'in_doubt')"
    )


def keys_there(branch: Office, system: str) -> list[str]:
    """Our keys on what the vendor itself says it holds, one a row."""
    if system == "netsuite":
        rows = branch.firm["netsuite"].holdings(rows="true")["rows"]
        return sorted(row["externalid"] for row in rows if str(row["externalid"]).startswith("kantata-"))
    rows = branch.firm["gusto"].holdings()["rows"]
    return sorted(row["metadata"]["dw_key"] for row in rows if row["metadata"])


def assert_each_hour_is_there_once(branch: Office, system: str) -> None:
    """Pushed until nothing waits, the destination holds each posted key once, and no other of ours."""
    for _ in range(2):  # a doubt is looked at twice before it is sent again
        time_passes(branch)
        said = push(branch)
    assert said.exit_code == 0, said.everything
    assert set(states(branch, system)) == {"acknowledged"}
    posted = branch.query(
        "select record_key from delivery.intent where destination = %s and state = 'acknowledged' order by 1", system
    )
    assert keys_there(branch, system) == sorted(key for (key,) in posted)


def assert_the_other_went_on(branch: Office, said: Said, system: str) -> None:
    other = "gusto" if system == "netsuite" else "netsuite"
    assert report(said, other)["stopped"] is None
    assert set(states(branch, other)) == {"acknowledged"}


@pytest.mark.parametrize("system", ["netsuite", "gusto"])
def test_500s_half_way_leave_the_destination_alone_after_five_and_the_next_push_ends_the_work(
    branch: Office, system: str
) -> None:
    branch.firm[system].fault("status", status=500, times=None, after=3, **CREATE_AT[system])
    said = push(branch)
    assert said.exit_code == 4
    sentence = report(said, system)["stopped"]
    assert sentence.startswith(f"Connection {system}: ")
    assert "was answered with 500" in sentence
    assert f"5 running ended so: {system} is left alone for now. {NOTHING_LOST}" in sentence
    assert states(branch, system)["acknowledged"] == 3
    assert states(branch, system)["planned"] > 0
    assert_the_other_went_on(branch, said, system)
    branch.firm[system].clear_faults()
    assert_each_hour_is_there_once(branch, system)


@pytest.mark.parametrize("system", ["netsuite", "gusto"])
def test_an_unreachable_destination_is_named_and_nothing_of_it_was_sent(branch: Office, system: str) -> None:
    port = closed_port()
    address = branch.firm.addresses[system]["base_url"]
    branch.configure(system, {"base_url": address.replace(address.split("/")[2], f"127.0.0.1:{port}")})
    said = push(branch)
    assert said.exit_code == 4
    assert f"127.0.0.1:{port} cannot be reached" in report(said, system)["stopped"]
    assert "nothing was sent" in report(said, system)["stopped"]
    assert NOTHING_LOST in report(said, system)["stopped"]
    assert set(states(branch, system)) == {"planned"}
    assert_the_other_went_on(branch, said, system)
    branch.configure(system, {"base_url": address})
    assert_each_hour_is_there_once(branch, system)


def test_wrong_credentials_stop_the_destination_before_anything_is_sent(branch: Office) -> None:
    right = branch.firm.addresses["netsuite"]["secrets"]["token_secret"]
    branch.set_secret("netsuite", "token_secret", WRONG)
    said = push(branch)
    assert said.exit_code == 4
    assert "Check the secrets of connection netsuite, then `hourline doctor`." in report(said, "netsuite")["stopped"]
    assert NOTHING_LOST in report(said, "netsuite")["stopped"]
    assert set(states(branch, "netsuite")) == {"planned"}
    assert_the_other_went_on(branch, said, "netsuite")
    branch.set_secret("netsuite", "token_secret", right)
    assert_each_hour_is_there_once(branch, "netsuite")


@pytest.mark.parametrize("system", ["netsuite", "gusto"])
def test_credentials_revoked_half_way_stop_the_destination_and_keep_the_rest_planned(
    branch: Office, system: str
) -> None:
    branch.firm[system].fault("status", status=401, times=None, after=3, **CREATE_AT[system])
    said = push(branch)
    assert said.exit_code == 4
    assert f"Check the secrets of connection {system}, then `hourline doctor`." in report(said, system)["stopped"]
    assert states(branch, system).keys() == {"acknowledged", "planned"}
    assert states(branch, system)["acknowledged"] == 3
    assert_the_other_went_on(branch, said, system)
    branch.firm[system].clear_faults()
    assert_each_hour_is_there_once(branch, system)


@pytest.mark.parametrize("system", ["netsuite", "gusto"])
def test_a_right_taken_away_refuses_a_few_with_what_to_ask_for_and_they_can_be_replayed(
    branch: Office, system: str
) -> None:
    branch.firm[system].fault("status", status=403, times=None, after=3, **CREATE_AT[system])
    said = push(branch)
    assert said.exit_code == 4
    assert "was answered with 403" in report(said, system)["stopped"]
    assert f"Give the user of connection {system} the right it lacks there." in report(said, system)["stopped"]
    assert states(branch, system)["refused"] >= 5
    assert states(branch, system)["planned"] > 0
    assert_the_other_went_on(branch, said, system)
    rows = branch.run("exceptions", "--sync", SYNC_OF[system], "--cause", "permission", "--json").document
    assert len(rows) == states(branch, system)["refused"]
    branch.firm[system].clear_faults()
    replayed = branch.run("replay", "--sync", SYNC_OF[system], "--cause", "permission", "--why", "right given back")
    assert replayed.exit_code == 0
    assert_each_hour_is_there_once(branch, system)


@pytest.mark.parametrize("kind", ["drop_after", "malformed", "truncate"])
def test_a_write_whose_answer_broke_off_is_looked_up_and_not_sent_again(branch: Office, kind: str) -> None:
    # A time sheet is answered with a document, so that there is something to cut off.
    branch.firm["gusto"].fault(kind, times=4, **CREATE_AT["gusto"])
    branch.firm["gusto"].clear_journal()
    said = push(branch)
    assert said.exit_code == 0
    creates = branch.firm["gusto"].journal(method="POST", limit=5_000)
    assert_each_hour_is_there_once(branch, "gusto")
    after = branch.firm["gusto"].journal(method="POST", limit=5_000)
    of_sheets = [[one for one in each["calls"] if one["path"].endswith("/time_sheets")] for each in (creates, after)]
    assert len(of_sheets[0]) == len(of_sheets[1]) == len(keys_there(branch, "gusto"))


def put_off_the_last_create(branch: Office, seconds: int) -> None:
    """The ERP takes every create but the last, which it wants to see again later: nothing else is left to do meanwhile."""
    assert branch.run("plan", "erp_labor", "--keep", "--json").exit_code == 0
    before = states(branch, "netsuite")["planned"] - 1
    branch.firm["netsuite"].fault(
        "status", status=429, headers={"Retry-After": str(seconds)}, after=before, **CREATE_AT["netsuite"]
    )


def test_a_destination_that_asks_for_patience_is_waited_for_with_a_word(branch: Office) -> None:
    put_off_the_last_create(branch, 5)
    said = branch.run("push", "erp_labor", "--patience", "20")
    assert said.exit_code == 0, said.everything
    assert "1 waiting, next at" in said.everything
    assert set(states(branch, "netsuite")) == {"acknowledged"}


def test_without_patience_what_is_due_later_is_left_to_the_next_push(branch: Office) -> None:
    put_off_the_last_create(branch, 2)
    said = push(branch)
    assert said.exit_code == 0
    assert report(said, "netsuite")["waiting"] == 1
    assert report(said, "netsuite")["next_at"] is not None
    assert_each_hour_is_there_once(branch, "netsuite")
