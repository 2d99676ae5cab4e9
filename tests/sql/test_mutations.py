"""A slip in the SQL of money, dates or eligibility fails a unit test. The whole run is a benchmark; here is a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import _sql_faults, sql_mutations

if TYPE_CHECKING:
    from tests.fixtures.sql_proofs import Proved

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("sql")]
SAMPLE = 400
QUERY = (
    "select distinct a.id, case when a.kind = 'x' then coalesce(a.one, a.two) else 0 end as value from a "
    "where a.work_date between a.valid_from and a.valid_to and not a.is_deleted and a.minutes <= 60"
)


def test_nine_in_ten_faults_are_found(proved: Proved) -> None:
    tallies = sql_mutations.run(proved.url, proved.proofs, sample=SAMPLE, seed=2)
    missed = [f"{tally.model}: {fault.description}" for tally in tallies for fault in tally.missed]
    assert sum(tally.total for tally in tallies) > SAMPLE * 0.9
    assert sql_mutations.share(tallies) >= 0.9, "\n".join(missed)


def test_what_nothing_finds_has_a_reason() -> None:
    reasons = sql_mutations.explained()
    assert reasons
    assert [key for key, reason in reasons.items() if not reason] == []


def test_a_model_without_its_tests_is_found_out(proved: Proved) -> None:
    weak = [proof for proof in proved.proofs if proof.name == "a_rate_card_prices_by_set_role_and_date"]
    (tally,) = sql_mutations.run(proved.url, weak, ["int_labor_rated"])
    assert sql_mutations.share([tally]) < 0.9


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("predicate dropped: NOT a.is_deleted", "TRUE"),
        ("comparison flipped: a.minutes <= 60", "a.minutes < 60"),
        ("first left out", "a.work_date > a.valid_from"),
        ("last left out", "a.work_date < a.valid_to"),
        ("a day later: a.valid_to", "(a.valid_to) + INTERVAL '1 DAY'"),
        ("coalesce turned round", "COALESCE(a.two, a.one)"),
        ("else dropped", "END AS value"),
        ("distinct left out", "SELECT a.id"),
    ],
)
def test_each_kind_of_fault_is_made(kind: str, says: str) -> None:
    assert any(
        fault.description.startswith(kind) and says.lower() in fault.sql.lower() for fault in _sql_faults.faults(QUERY)
    )
