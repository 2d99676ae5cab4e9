"""What errors and answers mean, and what a look-up leads to."""

import itertools
from typing import get_args

import pytest

from plumbing import errors
from reverse_etl.outcomes import of_error, transition
from reverse_etl.resolution import Seen, resolve
from reverse_etl.writer import Capabilities, Operation, Outcome, Result

CREATE, AMEND, DELETE = Operation.CREATE, Operation.AMEND, Operation.DELETE
KEYED = Capabilities(has_key=True, has_lookup=True)
BLIND = Capabilities(has_key=False, has_lookup=False)


@pytest.mark.parametrize(
    ("error", "operation", "result", "category"),
    [
        (errors.RateLimited("slow down", retry_after=3), CREATE, "busy", "rate_limited"),
        (errors.Unavailable("no answer"), CREATE, "failed", "unavailable"),
        (errors.OutcomeUnknown("cut"), CREATE, "in_doubt", "answer_lost"),
        (errors.UnexpectedAnswer("a page"), CREATE, "in_doubt", "answer_lost"),
        (errors.Unauthorized("no"), CREATE, "not_sent", "unauthorized"),
        (errors.Misconfigured("no"), CREATE, "not_sent", "misconfigured"),
        (errors.Forbidden("no"), CREATE, "refused", "permission"),
        (errors.NotFound("none"), CREATE, "refused", "invalid_reference"),
        (errors.NotFound("none"), AMEND, "gone", "gone_by_hand"),
        (errors.NotFound("none"), DELETE, "gone", "gone_by_hand"),
        (errors.Refused("no", category="closed_period"), AMEND, "refused", "closed_period"),
        (errors.Conflict("twice", category="duplicate"), CREATE, "duplicate", "duplicate"),
        (errors.Conflict("old", category="stale_version"), AMEND, "failed", "stale_version"),
        (errors.Conflict("else"), AMEND, "refused", "conflict"),
        (errors.HourlineError("unnamed"), CREATE, "in_doubt", "unnamed_error"),
    ],
)
def test_each_error_has_its_outcome(error, operation, result, category):
    outcome = of_error(error, operation)
    assert (outcome.result, outcome.category) == (result, category)


@pytest.mark.parametrize(
    ("result", "operation", "failures", "state", "exception"),
    [
        ("acknowledged", CREATE, 0, "acknowledged", None),
        ("accepted", CREATE, 0, "accepted", None),
        ("not_sent", CREATE, 0, "planned", None),
        ("busy", CREATE, 99, "planned", None),
        ("failed", CREATE, 6, "planned", None),
        ("failed", CREATE, 7, "held", "dead_letter"),
        ("duplicate", CREATE, 0, "in_doubt", None),
        ("in_doubt", CREATE, 0, "in_doubt", None),
        ("gone", AMEND, 0, "refused", "gone_by_hand"),
        ("gone", DELETE, 0, "acknowledged", None),
        ("refused", CREATE, 0, "refused", "refused"),
    ],
)
def test_each_outcome_has_its_next_state(result, operation, failures, state, exception):
    after = transition(Outcome(Result(result)), operation, failures, max_attempts=8)
    assert (after.state, after.exception) == (state, exception)


def test_waits_double_up_to_a_limit_and_an_asked_wait_is_kept():
    waits = [transition(Outcome(Result.FAILED), CREATE, n, 99).wait_seconds for n in range(12)]
    assert waits[:4] == [2, 4, 8, 16]
    assert max(waits) == 300
    assert transition(Outcome(Result.BUSY, retry_after=17), CREATE, 5, 99).wait_seconds == 17


@pytest.mark.parametrize(
    ("operation", "seen", "is_quiet", "is_second", "action"),
    [
        (CREATE, "target", False, False, "settle"),
        (CREATE, "absent", False, False, "wait"),
        (CREATE, "absent", True, False, "wait"),
        (CREATE, "absent", False, True, "wait"),
        (CREATE, "absent", True, True, "send"),
        (CREATE, "other", True, True, "conflict"),
        (AMEND, "target", False, False, "settle"),
        (AMEND, "previous", False, False, "wait"),
        (AMEND, "previous", True, True, "send"),
        (AMEND, "absent", True, True, "send"),
        (AMEND, "other", True, True, "conflict"),
        (DELETE, "absent", False, False, "settle"),
        (DELETE, "previous", True, True, "send"),
        (DELETE, "other", True, True, "conflict"),
    ],
)
def test_each_look_has_its_action(operation, seen, is_quiet, is_second, action):
    assert resolve(operation, seen, is_quiet=is_quiet, is_second_look=is_second, can=KEYED) == action


def test_without_key_and_look_up_a_person_decides():
    assert resolve(CREATE, "not_looked", is_quiet=True, is_second_look=True, can=BLIND) == "unknown"


def test_nothing_is_sent_again_before_the_quiet_period_is_over():
    for operation, seen, second, can in itertools.product(Operation, get_args(Seen), (True, False), (KEYED, BLIND)):
        assert resolve(operation, seen, is_quiet=False, is_second_look=second, can=can) != "send"
