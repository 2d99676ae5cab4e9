"""What an error or an answer means for an intent: two pure tables, for every vendor alike.

error of plumbing      result       next state
Refused, NotFound      refused      refused (a known id not there: gone)
Unauthorized           not sent     planned; the destination stops
Misconfigured          not sent     planned; the destination stops
Forbidden              refused      refused; a run of them stops the destination
RateLimited            busy         planned at T; costs no try
Unavailable            failed       planned at T; after the last try held, as a dead letter
OutcomeUnknown         in doubt     in doubt; looked up before anything else
Conflict               by category  stale version: failed, as the next try reads anew; else refused
UnexpectedAnswer       in doubt     as the write may have been carried out
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    UnexpectedAnswer,
)
from reverse_etl.writer import Operation, Outcome, Result

FIRST_WAIT_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 300.0
DUPLICATE_CATEGORIES = frozenset({"duplicate"})
AGAIN_CATEGORIES = frozenset({"stale_version", "busy"})

GONE_BY_HAND = "gone_by_hand"
DEAD_LETTER = "dead_letter"
CONFLICT = "conflict"
OUTCOME_UNKNOWN = "outcome_unknown"


# The first class that fits counts; a NotFound, a Refused and a Conflict are told apart further.
_BY_ERROR: tuple[tuple[type[HourlineError], Result, str], ...] = (
    (RateLimited, Result.BUSY, "rate_limited"),
    (Unavailable, Result.FAILED, "unavailable"),
    (OutcomeUnknown, Result.IN_DOUBT, "answer_lost"),
    (UnexpectedAnswer, Result.IN_DOUBT, "answer_lost"),
    (Unauthorized, Result.NOT_SENT, "unauthorized"),
    (Misconfigured, Result.NOT_SENT, "misconfigured"),
    (Forbidden, Result.REFUSED, "permission"),
)


def of_error(error: HourlineError, operation: Operation) -> Outcome:
    """The outcome that an error stands for."""
    told = Outcome(
        Result.IN_DOUBT,
        category="unnamed_error",
        field=getattr(error, "field", None),
        code=error.code,
        message=str(error)
        if isinstance(error, Forbidden)
        else error.message,  # who lacks a right is told what to ask for
        status=error.status,
        retry_after=getattr(error, "retry_after", None),
    )
    for kind, result, category in _BY_ERROR:
        if isinstance(error, kind):
            return replace(told, result=result, category=category)
    if isinstance(error, NotFound):
        if operation.makes_a_row:
            return replace(told, result=Result.REFUSED, category="invalid_reference")
        return replace(told, result=Result.GONE, category=GONE_BY_HAND)
    if isinstance(error, Refused | Conflict):
        return replace(told, result=_of_category(error.category), category=error.category)
    return told


def _of_category(category: str) -> Result:
    if category in DUPLICATE_CATEGORIES:
        return Result.DUPLICATE
    return Result.FAILED if category in AGAIN_CATEGORIES else Result.REFUSED


def stops_destination(error: HourlineError) -> bool:
    """Whether every other record would meet the same."""
    return isinstance(error, Unauthorized | Misconfigured)


@dataclass(frozen=True)
class Transition:
    """What an outcome does to its intent.

    Attributes:
        wait_seconds: until it is due again, for planned and in doubt.
        is_failure: whether it costs a try.
        takes_effect: the chain's settled revision changes.
        exception: category to open; None closes what is open when the intent takes effect.
    """

    state: str
    wait_seconds: float = 0.0
    is_failure: bool = False
    takes_effect: bool = False
    exception: str | None = None
    reason: str | None = None
    held_by: str | None = None


def transition(
    outcome: Outcome, operation: Operation, failures: int, max_attempts: int, spread: float = 0.0
) -> Transition:
    """The next state of an intent that was sending or in doubt.

    Args:
        failures: tries that failed before this one.
        spread: 0 to 1, so that neighbours don't come back at the same instant.
    """
    result = outcome.result
    if result is Result.ACKNOWLEDGED:
        return Transition("acknowledged", takes_effect=True)
    if result is Result.ACCEPTED:
        return Transition("accepted", reason=outcome.message)
    if result is Result.NOT_SENT:
        return Transition("planned")
    if result is Result.BUSY:
        return Transition("planned", wait_seconds=wait(outcome, failures, spread))
    if result is Result.DUPLICATE:
        return Transition("in_doubt", is_failure=True)
    if result is Result.IN_DOUBT:
        return Transition("in_doubt")
    if result is Result.GONE:
        if operation is Operation.DELETE:  # what was asked for is so, though not by us
            return Transition("acknowledged", takes_effect=True)
        return Transition("refused", exception=GONE_BY_HAND, reason="gone by hand there")
    if result is Result.REFUSED:
        return Transition("refused", exception=outcome.category or "refused", reason=outcome.category or "refused")
    return failed(outcome, failures, max_attempts, spread)


def failed(outcome: Outcome, failures: int, max_attempts: int, spread: float) -> Transition:
    """A try that was not carried out: again at T, or parked when it was the last."""
    if failures + 1 >= max_attempts:
        return Transition("held", is_failure=True, exception=DEAD_LETTER, reason="retries exhausted", held_by="retries")
    return Transition("planned", wait_seconds=wait(outcome, failures, spread), is_failure=True)


def wait(outcome: Outcome, failures: int, spread: float) -> float:
    """Seconds to the next try: what the other side asked for, else doubling with a spread of a half."""
    if outcome.retry_after is not None:
        return max(0.0, outcome.retry_after)
    return float(min(FIRST_WAIT_SECONDS * 2.0**failures, LONGEST_WAIT_SECONDS)) * (1.0 + spread / 2)
