"""A cause is mended where it arose: its hours go from held to posted, and the statement follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.job import start_job
from tests.end_to_end.test_three_accounts_agree import Accounts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.server import Databases

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("whole jobs")]

CORRECTIONS = {
    "create_item": "unknown work type",
    "add_employee": "unknown employee",
    "enter_in_hr": "legal entity unresolved",
    "fill_price_gap": "rate missing",
    "reopen_period": "period closed",
    "open_project": "project closed",
}


def test_mended_causes_let_their_hours_go_and_the_statement_follows(job_home: Path, databases: Databases) -> None:
    with start_job(job_home, databases, seed=7, entries=1_200) as job:
        job.adopt()
        job.deliver()
        before = Accounts(job)
        before.agree()
        held = {line.reason for line in before.statement.lines if line.bucket == "held" and line.name == "erp_labor"}
        assert held >= set(CORRECTIONS.values())
        nameless = job.rows(
            "select distinct cause from delivery.exception where sync = 'erp_labor' and subject_kind <> 'none' and subject = ''"
        )
        assert nameless == []  # a person can't mend what has no name
        for verb in CORRECTIONS:
            job.firm.change(verb)
        job.night()
        after = Accounts(job, before)
        after.agree()
        still = {line.reason for line in after.statement.lines if line.bucket == "held" and line.name == "erp_labor"}
        assert still.isdisjoint(CORRECTIONS.values())
        causes = job.rows("select distinct cause from delivery.ops_exceptions where is_open and sync = 'erp_labor'")
        assert {one["cause"] for one in causes}.isdisjoint(CORRECTIONS.values())
        assert len(after.erp) > len(before.erp)
