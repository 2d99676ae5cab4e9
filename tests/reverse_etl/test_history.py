"""Any history of desires and answers: what is in effect ends as what is desired, and a plan twice is a plan once."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reverse_etl import plan
from reverse_etl.writer import Outcome, Result

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"
DESIRES = st.sampled_from(
    [
        {"minutes": 480},
        {"minutes": 360},
        {"minutes": 60, "work_date": "2026-11-02"},
        {"desired_state": "void", "is_approved": False, "is_due": False},
        {"desired_state": "held", "reason": "rate missing"},
        {"desired_state": "held", "reason": "re-approval", "minutes": 360},
        {"minutes": 480, "legal_entity": "UK", "destination": "erp_uk"},
        {"minutes": 360, "context": {"destination_state": "billed"}},
    ]
)
ANSWERS = st.sampled_from(["acknowledged", "refused", "busy", None])
STEPS = st.lists(st.tuples(st.sampled_from(["1", "2"]), DESIRES, ANSWERS), min_size=1, max_size=6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_once_drained_what_is_in_effect_is_what_is_desired(desk, steps):
    desk.clear()
    last = {}
    for source_id, desire, answer in steps:
        desk.want(source_id, **desire)
        last[source_id] = desire
        plan(desk.settings, SYNC)
        assert plan(desk.settings, SYNC).is_empty
        for destination in ("erp", "erp_uk"):
            claims = desk.claim(destination)
            if answer is not None:
                desk.answer(claims, Outcome(Result(answer), category="validation", message="x"))
            else:
                desk.answer(claims, Outcome(Result.ACKNOWLEDGED))
    drain(desk)
    for source_id, desire in last.items():
        expected = in_effect(desire)
        if expected is not None:
            chain = desk.chain(source_id) if desk.intents(source_id) else {"settled_minutes": None, "destination": None}
            settled = chain["settled_minutes"]
            assert (settled and int(settled), chain["destination"] if settled else None) == expected
    check_due(desk, last)


def drain(desk):
    """Correct and send until nothing moves."""
    from reverse_etl import replay

    for _ in range(6):
        replay(desk.settings, sync=SYNC, actor="test", why="corrected")
        plan(desk.settings, SYNC)
        desk.connection.execute(
            "update delivery.intent set next_attempt_at = now() where state = 'planned' and next_attempt_at is not null"
        )
        for destination in ("erp", "erp_uk"):
            desk.deliver(destination)


def in_effect(desire):
    """Minutes and destination that must be in effect; None where a hold leaves it to history."""
    if desire.get("desired_state") == "void":
        return (None, None)
    if desire.get("desired_state") == "held" or "context" in desire:
        return None
    return (desire["minutes"], desire.get("destination", "erp"))


def check_due(desk, last):
    """Settled plus every open effect is what is due, by entity and period; re-approval stays at what is in effect."""
    due = {}
    for source_id, desire in last.items():
        if desire.get("desired_state") == "void":
            continue
        if desire.get("reason") == "re-approval":
            chain = desk.chain(source_id) if desk.intents(source_id) else None
            if chain is None or chain["settled_intent_id"] is None:
                continue
            key, minutes = (
                (chain["settled_legal_entity"], f"{chain['settled_period']:%Y-%m}"),
                int(chain["settled_minutes"]),
            )
        else:
            key = (desire.get("legal_entity", "US"), desire.get("work_date", "2026-10-05")[:7])
            minutes = desire.get("minutes", 480)
        due[key] = due.get(key, 0) + minutes
    assert desk.balance() == due
