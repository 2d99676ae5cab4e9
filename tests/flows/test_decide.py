"""What people decide on the command line: the words they read and the words they give."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from flows.cli import cli
from flows.cli.frame import Desk as Frame
from plumbing.settings import Connection
from reverse_etl import plan
from tests.reverse_etl.loopback.pusher import with_destination

pytestmark = pytest.mark.warehouse

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def say(desk, monkeypatch):
    """Runs a verb against the ledger of the test; its exit code and what it said."""
    with_destination(desk.settings, "doubtful", NOWHERE)
    configured = Connection(name="erp", system="doubtful", base_url=NOWHERE)
    settings = replace(desk.settings, connections={"erp": configured})
    monkeypatch.setattr(Frame, "settings", settings)
    desk.want("91", minutes=480)
    plan(settings, "erp_labor")
    desk.deliver()
    desk.want("91", minutes=360, context={"destination_state": "billed"})
    plan(settings, "erp_labor")

    def run(*words):
        result = CliRunner().invoke(cli, list(words))
        return result.exit_code, result.output

    return run


def test_a_proposal_is_listed_approved_by_two_and_gone_from_the_list(say):
    code, said = say("proposals")
    assert code == 0
    number = said.split()[0]
    assert "kantata-91 at erp: reverse and create, needs reversal" in said
    assert say("approve", number, "--why", "client agreed", "--who", "ann") == (
        0,
        "1 approved; 1 wait for another person.\n",
    )
    code, said = say("approve", number, "--why", "me too", "--who", "Ann")
    assert (code, "Ann approved this before" in said) == (2, True)
    code, said = say("approve", "--reason", "needs reversal", "--why", "seen it", "--who", "bob")
    assert (code, "1 planned" in said) == (0, True)
    assert say("proposals") == (0, "No proposal is open.\n")


def test_a_rejection_says_that_nothing_happens_there(say):
    assert say("reject", "--sync", "erp_labor", "--why", "disputed", "--who", "ann") == (
        0,
        "1 rejected. The destination stays as it is.\n",
    )


@pytest.mark.parametrize("words", [("approve", "--why", "all"), ("reject", "--why", "all")])
def test_nothing_chosen_is_a_usage_error(say, words):
    code, said = say(*words)
    assert (code, "Say which" in said) == (2, True)


def test_a_question_shows_where_to_look_and_that_nobody_could(say, desk):
    code, said = say("decide", str(desk.open_intent("91")["intent_id"]))
    assert code == 0
    assert "key kantata-91-g2" in said
    assert "could not be asked" in said
    assert "it waits for no person" in said


def test_an_answer_needs_a_reason(say):
    code, said = say("decide", "1", "leave")
    assert (code, "needs --why" in said) == (2, True)


def test_an_intent_that_does_not_exist_is_one_sentence(say):
    code, said = say("decide", "999", "leave", "--why", "x", "--who", "ann")
    assert (code, "There is no intent 999." in said) == (2, True)
