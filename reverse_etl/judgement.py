"""From what came back to what the ledger writes: the state, the exception and its owner, for each intent of a call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reverse_etl import outcomes
from reverse_etl.ledger import Change, Claim
from reverse_etl.outcomes import Transition
from reverse_etl.resolution import resolve
from reverse_etl.writer import Capabilities, Outcome, Result

if TYPE_CHECKING:
    from reverse_etl.calls import Call
    from reverse_etl.policy import Policy
    from reverse_etl.resolution import Seen
    from reverse_etl.syncs import Sync

SPREAD_STEPS = 97

_UNDECIDED = {
    "conflict": Transition(
        "unknown", exception=outcomes.CONFLICT, reason="what stands there is neither ours nor what was before"
    ),
    "unknown": Transition(
        "unknown", exception=outcomes.OUTCOME_UNKNOWN, reason="its answer was lost and no look-up can tell"
    ),
}


@dataclass(frozen=True)
class Judge:
    """Judges by the pure tables of `outcomes` and `resolution`, and the firm's owners."""

    sync: Sync
    destination: str
    policy: Policy
    can: Capabilities
    quiet_seconds: float

    def changes(self, calls: Iterable[Call]) -> list[Change]:
        """One change for each intent of calls that are done."""
        return [
            self._change(call, claim, outcome)
            for call in calls
            for claim, outcome in zip(call.claims, call.outcomes or (), strict=True)
        ]

    def _change(self, call: Call, claim: Claim, outcome: Outcome) -> Change:
        if call.found is not None:
            return self.looked_up(claim, outcome, call.call_id, call.found)
        if call.kind == "find":
            return self.not_looked_up(claim, outcome, call.call_id)
        return self.sent(claim, outcome, call.call_id)

    def not_looked_up(self, claim: Claim, outcome: Outcome, call_id: int) -> Change:
        """The change after a look-up that got no answer: no look, so it counts as none; the older the doubt, the longer the wait."""
        if outcome.retry_after is not None:
            seconds = max(0.0, outcome.retry_after)
        else:
            aged = max(outcomes.FIRST_WAIT_SECONDS, claim.doubt_seconds / 2)
            seconds = min(aged, outcomes.LONGEST_WAIT_SECONDS)
        state = Transition("in_doubt", wait_seconds=seconds, reason="could not be looked up yet")
        return Change(claim, outcome, state, call_id)

    def sent(self, claim: Claim, outcome: Outcome, call_id: int | None) -> Change:
        """The change after a call, or after none where our own rules refused the record."""
        spread = claim.record.intent_id % SPREAD_STEPS / SPREAD_STEPS
        state = outcomes.transition(outcome, claim.record.operation, claim.failures, self.sync.max_attempts, spread)
        return Change(claim, outcome, state, call_id, self._owner(state.exception))

    def looked_up(self, claim: Claim, outcome: Outcome, call_id: int, found: Seen) -> Change:
        """The change after a look-up."""
        action = resolve(
            claim.record.operation,
            found,
            is_quiet=claim.doubt_seconds >= self.quiet_seconds,
            is_second_look=claim.looks > 0,
            can=self.can,
        )
        if action == "settle":
            gone = Outcome(Result.ACKNOWLEDGED, message="looked up: not there any more")
            return self.sent(claim, gone if found == "absent" else outcome, call_id)
        told = replace(outcome, result=Result.IN_DOUBT, message=f"looked up: {found.replace('_', ' ')}")
        if action == "wait":
            left = max(self.quiet_seconds - claim.doubt_seconds, 0.0)
            state = Transition("in_doubt", wait_seconds=left, reason="in its quiet period")
        elif action == "send":
            tried = replace(told, result=Result.FAILED, vendor_id=None)
            again = outcomes.failed(tried, claim.failures, self.sync.max_attempts, 0.0)
            # The quiet period was wait enough for the first time; whoever loses answer after answer waits longer and longer.
            state = replace(again, wait_seconds=0.0) if claim.failures == 0 else again
            told = replace(told, vendor_id=None)
        else:
            state = _UNDECIDED[action]
        if state.exception:
            told = replace(told, message=f"{self.destination}: {state.reason}; look there and decide.")
        return Change(claim, told, state, call_id, self._owner(state.exception), is_looked_up=True)

    def _owner(self, category: str | None) -> str | None:
        return self.policy.owners.get(category, self.sync.default_owner) if category else None
