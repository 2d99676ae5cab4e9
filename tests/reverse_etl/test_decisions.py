"""The decision table: literal situations in, literal steps out; and what must hold in every situation there is."""

import itertools

import pytest

from reverse_etl.decisions import BASES, CHANGES, DESIRED, PLACES, Situation, Step, decide, decision_table

GO_AWAY = Step("delete", at_base=True)


@pytest.mark.parametrize(
    ("situation", "steps"),
    [
        (("absent", "present", "changed", "open"), (Step("create"),)),
        (("absent", "held", "changed", "open"), (Step("create", "held"),)),
        (("absent", "void", "changed", "open"), ()),
        (("absent", "re_approval", "changed", "open"), ()),
        (("absent", "missing", "changed", "open"), ()),
        (("in_effect", "present", "same", "open"), ()),
        (("in_effect", "present", "same", "frozen"), ()),
        (("in_effect", "present", "changed", "open"), (Step("amend"),)),
        (("in_effect", "present", "changed", "draft"), (Step("amend", "held", "on draft invoice"),)),
        (("in_effect", "present", "changed", "frozen"), (Step("amend", "held", "needs reversal"),)),
        (("in_effect", "present", "changed", "rerouted"), (Step("amend", "held", "routed elsewhere since posted"),)),
        (("in_effect", "present", "moved", "open"), (GO_AWAY, Step("create"))),
        (
            ("in_effect", "present", "moved", "frozen"),
            (Step("delete", "held", "needs reversal", at_base=True), Step("create", "held", "needs reversal")),
        ),
        (("in_effect", "void", "changed", "open"), (GO_AWAY,)),
        (("in_effect", "void", "same", "open"), (GO_AWAY,)),
        (("in_effect", "void", "changed", "draft"), (Step("delete", "held", "on draft invoice", at_base=True),)),
        (("in_effect", "void", "changed", "frozen"), (Step("delete", "held", "needs reversal", at_base=True),)),
        (("in_effect", "held", "same", "open"), ()),
        (("in_effect", "held", "changed", "open"), (Step("amend", "held"),)),
        (("in_effect", "held", "moved", "open"), (Step("delete", "held", at_base=True), Step("create", "held"))),
        (("in_effect", "re_approval", "changed", "open"), (Step("amend", "held", at_base=True),)),
        (("in_effect", "missing", "changed", "open"), ()),
    ],
)
def test_each_situation_has_its_steps(situation, steps):
    assert decide(Situation(*situation)) == steps


def test_a_vendor_that_can_not_amend_is_told_by_delete_and_create():
    assert decide(Situation("in_effect", "present", "changed", "open"), can_amend=False) == (GO_AWAY, Step("create"))


def test_a_vendor_that_can_do_neither_holds_the_change():
    steps = decide(Situation("in_effect", "present", "changed", "open"), can_amend=False, can_delete=False)
    assert steps == (Step("amend", "held", "needs reversal"),)


def test_a_vendor_that_can_not_delete_holds_the_void():
    steps = decide(Situation("in_effect", "void", "same", "open"), can_delete=False)
    assert steps == (Step("delete", "held", "cannot be deleted there", at_base=True),)


EVERY = [Situation(*each) for each in itertools.product(BASES, DESIRED, CHANGES, PLACES)]


def test_only_a_void_or_a_move_ever_deletes():
    for situation in EVERY:
        steps = decide(situation)
        if any((step.operation, step.state) == ("delete", "planned") for step in steps):
            assert situation.desired == "void" or (situation.desired, situation.change) == ("present", "moved")


def test_a_missing_row_and_a_hold_send_nothing():
    for situation in EVERY:
        if situation.desired in {"missing", "held", "re_approval"}:
            assert all(step.state == "held" for step in decide(situation))


def test_what_is_drafted_or_frozen_is_never_touched():
    for situation in EVERY:
        if situation.base == "in_effect" and situation.place in {"draft", "frozen"}:
            assert all(step.state == "held" for step in decide(situation))


def test_nothing_is_amended_or_deleted_that_is_not_there():
    for situation in EVERY:
        if situation.base == "absent":
            assert all(step.operation == "create" for step in decide(situation))


def test_the_table_that_sql_joins_is_the_function():
    for can_amend, can_delete in itertools.product((True, False), repeat=2):
        table = decision_table(can_amend=can_amend, can_delete=can_delete)
        for situation in EVERY:
            key = (situation.base, situation.desired, situation.change, situation.place)
            rows = sorted(
                (row for row in table if (row["base"], row["desired"], row["change"], row["place"]) == key),
                key=lambda row: row["step_no"],
            )
            steps = tuple(Step(row["operation"], row["state"], row["reason"], row["at_base"]) for row in rows)
            assert steps == decide(situation, can_amend=can_amend, can_delete=can_delete)
