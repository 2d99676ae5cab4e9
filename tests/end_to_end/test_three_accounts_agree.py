"""The statement, the vendors' own books and the generator's truth say the same of every hour."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end import reckoning
from tests.end_to_end.job import Job, start_job
from tests.end_to_end.reckoning import Stood, differences

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.server import Databases

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("three accounts")]

PAYROLL_QUANTUM = Decimal("0.03")  # half of a thousandth of an hour, in minutes
_KEY = re.compile(r"kantata-(\d+)-g\d+")


@pytest.mark.parametrize("seed", [7, 11, 23, 42, 1914])
def test_statement_vendors_and_truth_agree(job_home: Path, databases: Databases, seed: int) -> None:
    with start_job(job_home, databases, seed=seed, entries=2_000) as job:
        tell_the_story(job)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_statement_vendors_and_truth_agree_at_full_size(job_home: Path, databases: Databases) -> None:
    with start_job(job_home, databases, seed=7, entries=40_000) as job:
        tell_the_story(job)


def tell_the_story(job: Job) -> None:
    """Adoption, a night, a day of life, another night; all three accounts are held together after each night."""
    job.adopt()
    job.deliver()
    before = Accounts(job)
    before.agree()
    job.firm.change("day")
    job.night()
    Accounts(job, before).agree()
    assert job.mistakes() == []


class Accounts:
    """The three accounts at one moment, and those of the last one."""

    def __init__(self, job: Job, before: Accounts | None = None) -> None:
        self.job = job
        self.statement = job.statement()
        self.truth = job.firm.truth()
        self.erp = self._erp_hours()
        self.payroll = self._payroll_days()
        self.was = before
        gone = {row["source_id"] for row in self.truth if row["psa_state"] == "deleted"}
        self.never_seen: set[str] = before.never_seen if before else gone

    def agree(self) -> None:
        """All of it."""
        assert (self.statement.exit_code, self.statement.sentence) == (0, "Every hour is accounted for.")
        self._every_hour_is_where_truth_says()
        self._every_day_is_paid_as_truth_says()
        self._the_statement_says_the_same()

    def _erp_hours(self) -> dict[str, dict[str, Any]]:
        """The ERP's rows by PSA entry: by our key, or as adoption matched them."""
        held = {}
        rows = self.job.firm["netsuite"].holdings(rows="true")["rows"]
        by_id = {str(row["id"]): row for row in rows}
        for row in rows:
            if row["externalid"] and (found := _KEY.fullmatch(row["externalid"])):
                assert found[1] not in held, f"{found[1]} is held twice"
                held[found[1]] = row
        for chain in self.job.rows(
            "select c.source_id, c.settled_vendor_id as row from delivery.chain c join delivery.intent i"
            " on i.intent_id = c.settled_intent_id where c.sync = 'erp_labor' and i.is_adopted"
        ):
            assert chain["source_id"] not in held
            held[chain["source_id"]] = by_id[chain["row"]]
        return held

    def _payroll_days(self) -> dict[tuple[str, str], Decimal]:
        """Minutes of each person and day, of the sheets that carry our metadata."""
        days: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for row in self.job.payroll_rows().values():
            days[row["employee_code"], row["work_date"]] += Decimal(row["hours"]) * 60
        return days

    def stood_in_the_erp(self) -> dict[str, Stood]:
        return {
            key: Stood(Decimal(row["minutes"]), date.fromisoformat(row["trandate"][:10]))
            for key, row in self.erp.items()
        }

    def stood_in_payroll(self) -> dict[str, Stood]:
        present = {
            row["source_id"]: Stood(Decimal(row["minutes"]), date.fromisoformat(row["work_date"]))
            for row in self.truth
            if row["payroll"]["state"] == "present"
        }
        return (self.was.stood_in_payroll() if self.was else {}) | present

    def _every_hour_is_where_truth_says(self) -> None:
        before = self.was.erp if self.was else {}
        wrong = []
        for row in self.truth:
            verdict, key = row["erp"], row["source_id"]
            there = self.erp.get(key)
            if verdict["state"] == "present":
                wanted = _as_posted(row)
            elif verdict["state"] in {"held", "not_approved"}:
                wanted = _as_held(before[key]) if key in before else None
            else:
                wanted = None
            if (there and _as_held(there, priced=wanted is None or len(wanted) > 2)) != wanted:
                wrong.append((key, verdict, wanted, there and _as_held(there)))
        assert wrong == []
        assert self.erp.keys() <= {row["source_id"] for row in self.truth}

    def _every_day_is_paid_as_truth_says(self) -> None:
        wanted: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        kept = self.was.stood_in_payroll() if self.was else {}
        for row in self.truth:
            if row["payroll"]["state"] == "present":
                wanted[row["employee"], row["work_date"]] += row["minutes"]
            elif row["payroll"]["state"] == "not_approved" and row["source_id"] in kept:
                stood = kept[row["source_id"]]
                wanted[row["employee"], stood.work_date.isoformat()] += stood.minutes
        wrong = {
            key: (wanted.get(key), self.payroll.get(key))
            for key in wanted.keys() | self.payroll.keys()
            if abs(wanted.get(key, Decimal(0)) - self.payroll.get(key, Decimal(0))) > PAYROLL_QUANTUM
        }
        assert wrong == {}

    def _the_statement_says_the_same(self) -> None:
        erp = reckoning.erp_due(self.truth, self.was.stood_in_the_erp() if self.was else {})
        payroll = reckoning.payroll_due(self.truth, self.was.stood_in_payroll() if self.was else {})
        assert differences(reckoning.stated(self.statement, 4, "erp_labor"), erp) == {}
        assert differences(reckoning.stated(self.statement, 4, "payroll_hours"), payroll) == {}
        for sync, role in (("erp_labor", "erp"), ("payroll_hours", "payroll")):
            told = reckoning.stated(self.statement, 3, sync, {"not due"})
            assert differences(told, reckoning.not_due(self.truth, role)) == {}
        assert (
            differences(reckoning.stated(self.statement, 2, "kantata"), reckoning.landed(self.truth, self.never_seen))
            == {}
        )


def _as_posted(row: dict[str, Any]) -> tuple[Any, ...]:
    """What the ERP must hold of a present hour; an adopted row keeps the price it had there."""
    verdict = row["erp"]
    stands = (Decimal(row["minutes"]), row["work_date"])
    if verdict["adopted"]:
        return stands
    return (*stands, verdict["billable"], Decimal(verdict["rate"]) if verdict["rate"] else None)


def _as_held(row: dict[str, Any], *, priced: bool = True) -> tuple[Any, ...]:
    stands = (Decimal(row["minutes"]), row["trandate"][:10])
    if not priced:
        return stands
    billable = row["isbillable"] == "T"
    return (*stands, billable, Decimal(str(row["rate"])) if billable and row["rate"] is not None else None)
