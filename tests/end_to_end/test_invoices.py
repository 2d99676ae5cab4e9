"""The ERP's invoice comes back to the PSA, and decides what may still be done to an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.job import Job, start_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.server import Databases

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("whole jobs")]


@pytest.fixture(scope="module")
def delivered(job_home: Path, databases: Databases) -> Iterator[Job]:
    """A firm after its first night."""
    with start_job(job_home, databases, seed=11, entries=500) as job:
        job.adopt()
        job.deliver()
        yield job


def test_an_invoices_status_goes_back_and_is_overwritten_when_it_changes(delivered: Job) -> None:
    drafted = delivered.firm.change("erp_invoice_draft", count=4)
    hours = entries_of(delivered, drafted["rows"])
    told = []
    for verb in (None, "erp_invoice_post", "erp_invoice_pay"):
        if verb:
            for invoice in drafted["invoices"]:
                delivered.firm.change(verb, invoice_id=invoice)
        delivered.night()
        found = references(delivered)
        assert found.keys() == set(hours)
        told.append({(one["status"], one["external_status"]) for one in found.values()})
        assert delivered.statement().exit_code == 0
    assert [len(one) for one in told] == [1, 1, 1]
    assert len({next(iter(one)) for one in told}) == 3, told


def test_a_cancelled_invoice_overwrites_what_the_psa_was_told(delivered: Job) -> None:
    drafted = delivered.firm.change("erp_invoice_draft", count=2)
    hours = entries_of(delivered, drafted["rows"])
    delivered.night()
    before = {hour: references(delivered)[hour] for hour in hours}
    for invoice in drafted["invoices"]:
        delivered.firm.change("erp_invoice_cancel", invoice_id=invoice)
    delivered.night()
    after = {hour: references(delivered)[hour] for hour in hours}
    assert {hour: one["id"] for hour, one in before.items()} == {hour: one["id"] for hour, one in after.items()}
    assert all(before[hour]["external_status"] != after[hour]["external_status"] for hour in hours)
    assert delivered.statement().exit_code == 0


CHANGES = [
    ("edit", "on draft invoice"),
    ("edit", "needs reversal"),
    ("delete", "on draft invoice"),
    ("delete", "needs reversal"),
]


@pytest.fixture(scope="module")
def changed(delivered: Job) -> dict[tuple[str, str], tuple[str, list[str], Any]]:
    """By case: an hour on an invoice of its own, told to the PSA and then changed there; its rows in the ERP, as they were."""
    found = {}
    for case in CHANGES:
        drafted = delivered.firm.change("erp_invoice_draft", count=1)
        if case[1] == "needs reversal":
            delivered.firm.change("erp_invoice_post", invoice_id=drafted["invoices"][0])
        (hour,) = entries_of(delivered, drafted["rows"])
        found[case] = (hour, drafted["rows"], held_there(delivered, drafted["rows"]))
    delivered.night()
    for (change, _), (hour, _, _) in found.items():
        arguments = {"entry_ids": [hour]} | ({"approved": True, "minutes": 37} if change == "edit" else {})
        delivered.firm.change(change, **arguments)
    delivered.night()
    return found


@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_a_change_of_an_invoiced_hour_is_held(delivered: Job, changed: Any, change: str, reason: str) -> None:
    hour, rows, before = changed[change, reason]
    open_intents = delivered.rows(
        "select distinct state, reason from delivery.intent where sync = 'erp_labor' and source_id = %s"
        " and state not in ('acknowledged', 'superseded')",
        hour,
    )
    assert open_intents == [{"state": "held", "reason": reason}]
    assert held_there(delivered, rows) == before


def test_hours_held_for_their_invoices_leave_nothing_unexplained(delivered: Job, changed: Any) -> None:
    assert len(changed) == len(CHANGES)
    assert delivered.statement().exit_code == 0


def references(job: Job) -> dict[str, dict[str, Any]]:
    """What the PSA's time entries are told, by entry; one reference an entry."""
    found: dict[str, dict[str, Any]] = {}
    for one in job.firm["kantata"].holdings()["references"]:
        if one["subject_type"] == "TimeEntry":
            assert str(one["subject_id"]) not in found
            found[str(one["subject_id"])] = one
    return found


def entries_of(job: Job, rows: list[str]) -> list[str]:
    """The PSA's entries of rows of the ERP."""
    found = job.rows(
        "select source_id from delivery.chain where sync = 'erp_labor' and settled_vendor_id = any(%s)", rows
    )
    return sorted(one["source_id"] for one in found)


def held_there(job: Job, rows: list[str]) -> list[tuple[Any, ...]]:
    """The rows as the ERP holds them."""
    held = job.firm["netsuite"].holdings(rows="true")["rows"]
    return [(one["id"], one["minutes"], one["rate"], one["trandate"]) for one in held if str(one["id"]) in rows]
