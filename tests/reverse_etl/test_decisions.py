"""The decision table: literal situations in, literal steps out; and what must hold in every situation there is."""

import itertools

import pytest

from reverse_etl import decisions
from reverse_etl.decisions import FROZEN, PLACES, Means, Situation, Step, decide, decision_table, situations

GO_AWAY = Step("delete", at_base=True)
TAKE_BACK = Step("reverse", at_base=True)
ERP = Means(reverse="yes")
DOUBTFUL = Means(reverse="unconfirmed")
PAYROLL = Means(adjust="yes")
EVERY = list(situations())
EVERY_MEANS = [
    Means(amend, delete, reverse, adjust)
    for amend, delete in itertools.product((True, False), repeat=2)
    for reverse, adjust in itertools.product(("yes", "unconfirmed", "no"), repeat=2)
]


def there(desired, change="changed", place="open", size="small", direction="more"):
    return Situation("in_effect", desired, change, place, size, direction)


@pytest.mark.parametrize(
    ("situation", "steps"),
    [
        (Situation("absent", "present"), (Step("create"),)),
        (Situation("absent", "held"), (Step("create", "held"),)),
        (Situation("absent", "void"), ()),
        (Situation("absent", "re_approval"), ()),
        (Situation("absent", "missing"), ()),
        (Situation("absent", "present", place="gone"), (Step("create", "held", "accepted as gone there"),)),
        (there("present", "same"), ()),
        (there("present"), (Step("amend"),)),
        (there("present", place="draft"), (Step("amend", "held", "on draft invoice"),)),
        (there("present", place="rerouted"), (Step("amend", "held", "routed elsewhere since posted"),)),
        (there("present", place="gone"), (Step("amend", "held", "gone by hand there"),)),
        (there("present", "moved"), (GO_AWAY, Step("create"))),
        (
            there("present", "moved", "draft"),
            (
                Step("delete", "held", "on draft invoice", at_base=True),
                Step("create", "held", "on draft invoice"),
            ),
        ),
        (there("void"), (GO_AWAY,)),
        (there("void", place="draft"), (Step("delete", "held", "on draft invoice", at_base=True),)),
        (there("void", place="gone"), (GO_AWAY,)),
        (there("held", "same"), ()),
        (there("held"), (Step("amend", "held"),)),
        (there("held", "moved"), (Step("delete", "held", at_base=True), Step("create", "held"))),
        (there("re_approval"), (Step("amend", "held", at_base=True),)),
        (there("missing"), ()),
    ],
)
def test_each_situation_before_billing_has_its_steps(situation, steps):
    assert decide(situation, ERP) == steps


@pytest.mark.parametrize("place", ["billed", "closed"])
@pytest.mark.parametrize("change", ["resized", "changed", "moved"])
def test_what_is_billed_or_closed_is_reversed_and_posted_again(place, change):
    assert decide(there("present", change, place), ERP) == (TAKE_BACK, Step("create"))


@pytest.mark.parametrize("place", ["billed", "closed"])
def test_a_void_of_what_is_billed_or_closed_is_reversed_only(place):
    assert decide(there("void", place=place, direction="less"), ERP) == (TAKE_BACK,)


@pytest.mark.parametrize(
    ("means", "place", "size", "way", "reason"),
    [
        (DOUBTFUL, "billed", "small", "proposed", "needs reversal"),
        (DOUBTFUL, "closed", "small", "proposed", "needs reversal"),
        (ERP, "billed", "large", "proposed", "reversal above tolerance"),
        (ERP, "shut", "small", "by_hand", "no open period takes it"),
        (Means(), "billed", "small", "by_hand", "needs reversal by hand"),
        (Means(), "shut", "small", "by_hand", "needs reversal by hand"),
        (PAYROLL, "closed", "small", "by_hand", "would take back pay"),
    ],
)
def test_what_may_not_pass_unasked_is_proposed_whole(means, place, size, way, reason):
    steps = decide(there("present", "changed", place, size), means)
    again = Step("create", "proposed", reason)
    assert steps == (Step("reverse", way, reason, at_base=True), again)


@pytest.mark.parametrize(
    ("means", "place", "direction", "step"),
    [
        (PAYROLL, "closed", "more", Step("adjust")),
        (PAYROLL, "closed", "less", Step("adjust", "by_hand", "would take back pay")),
        (PAYROLL, "shut", "more", Step("adjust", "by_hand", "no open period takes it")),
        (PAYROLL, "shut", "less", Step("adjust", "by_hand", "would take back pay")),
        (Means(adjust="unconfirmed"), "closed", "more", Step("adjust", "proposed", "needs adjustment")),
    ],
)
def test_more_or_less_of_the_same_in_a_closed_period_is_an_adjustment(means, place, direction, step):
    assert decide(there("present", "resized", place, direction=direction), means) == (step,)


def test_a_vendor_that_can_not_amend_is_told_by_delete_and_create():
    assert decide(there("present"), Means(amend=False)) == (GO_AWAY, Step("create"))


def test_a_vendor_that_can_do_neither_holds_the_change():
    assert decide(there("present"), Means(amend=False, delete=False)) == (
        Step("amend", "held", "cannot be changed there"),
    )


def test_a_vendor_that_can_not_delete_holds_the_void():
    assert decide(there("void"), Means(delete=False)) == (
        Step("delete", "held", "cannot be deleted there", at_base=True),
    )


def all_decisions():
    return [(at, can, decide(at, can)) for can in EVERY_MEANS for at in EVERY]


def test_every_situation_has_one_name_and_every_place_is_decided():
    assert len({at.key for at in EVERY}) == len(EVERY)
    for place in PLACES:
        assert any(at.place == place and decide(at, ERP) for at in EVERY)


def test_only_a_void_a_move_or_a_change_that_can_not_be_amended_takes_anything_back():
    for at, can, steps in all_decisions():
        if any(step.operation in {"delete", "reverse"} and step.state == "planned" for step in steps):
            is_replaced = at.desired == "present" and (at.change == "moved" or at.place in FROZEN or not can.amend)
            assert at.desired == "void" or is_replaced


def test_a_missing_row_and_a_hold_send_nothing():
    for at, _, steps in all_decisions():
        if at.desired in {"missing", "held", "re_approval"}:
            assert all(step.way == "held" for step in steps)


def test_a_missing_row_decides_nothing():
    assert all(steps == () for at, _, steps in all_decisions() if at.desired == "missing")


def test_a_row_on_a_draft_invoice_or_frozen_is_never_written_to():
    for at, _, steps in all_decisions():
        if at.base == "in_effect" and at.place in FROZEN | {"draft"}:
            assert not any(step.operation in {"amend", "delete"} and step.state == "planned" for step in steps)


def test_what_is_in_effect_and_as_desired_is_left_alone():
    assert all(steps == () for at, _, steps in all_decisions() if (at.desired, at.change) == ("present", "same"))


def test_nothing_is_amended_or_taken_back_that_is_not_there():
    for at, _, steps in all_decisions():
        if at.base == "absent":
            assert all(step.operation == "create" for step in steps)


@pytest.mark.parametrize(("base", "desired"), [(480, 360), (480, 600), (480, 0), (480, 480), (0, 480), (0, 0)])
def test_the_steps_together_leave_what_is_desired(base, desired):
    """Whatever the means and the place: once all steps are in effect, what is there is what is desired."""
    for at, _, steps in all_decisions():
        if at.desired not in {"present", "void"} or (at.base == "absent") != (base == 0):
            continue
        if (at.desired == "void") != (desired == 0) or (at.change == "same") != (base == desired != 0):
            continue
        there_then = base
        for step in steps:
            if step.operation in {"delete", "reverse"}:
                there_then -= base
            else:
                there_then = desired if step.operation != "create" else there_then + desired
        assert there_then == desired, (at, steps)


def test_a_second_step_never_goes_where_the_first_is_held_back():
    for _, _, steps in all_decisions():
        assert len(steps) <= 2
        if len(steps) == 2:
            assert (steps[0].state, steps[0].reason) == (steps[1].state, steps[1].reason)
            assert (steps[0].operation in {"delete", "reverse"}, steps[1].operation) == (True, "create")


def test_payroll_takes_back_no_paid_money_by_itself():
    for at in EVERY:
        if at.place in {"closed", "shut"}:
            for step in decide(at, PAYROLL):
                is_taking = step.operation == "reverse" or (step.operation == "adjust" and at.direction == "less")
                assert not is_taking or (step.way, step.reason) == ("by_hand", "would take back pay")


def test_nothing_unconfirmed_or_impossible_is_planned():
    for _, can, steps in all_decisions():
        for step in steps:
            if step.state == "planned" and step.operation in {"reverse", "adjust"}:
                assert getattr(can, step.operation) == "yes"


def test_every_reason_stands_in_exactly_one_list_and_says_how_it_is_decided():
    reasons = {step.reason: step.way for _, _, steps in all_decisions() for step in steps if step.reason}
    for reason, way in reasons.items():
        assert (reason in decisions.PROPOSAL_REASONS) == (way in {"proposed", "by_hand"})
        assert (reason in decisions.HOLD_REASONS) == (way == "held")


def test_the_table_that_sql_joins_is_the_function():
    for can in EVERY_MEANS:
        table = decision_table(can)
        assert {row["situation"] for row in table} == {at.key for at in EVERY}
        for at in EVERY:
            rows = sorted(
                (row for row in table if row["situation"] == at.key and "step_no" in row),
                key=lambda row: row["step_no"],
            )
            steps = tuple(Step(row["operation"], row["way"], row["reason"], row["at_base"]) for row in rows)
            assert steps == decide(at, can)
            assert [row["state"] for row in rows] == [step.state for step in steps]
