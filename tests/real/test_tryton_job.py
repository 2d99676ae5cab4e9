"""The main job with a real Tryton as the ERP of the US: hours in, an invoice made and paid there, its state to the PSA."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import reverse_etl
from flows import configuration, jobs
from flows.configuration import Chosen
from plumbing import settings as configured
from tests.end_to_end.job import ALLOWANCE, AS_OF, Job
from tests.fixtures.simulators import start_firm
from tests.fixtures.tryton import Erp, Person, Server
from tests.tryton.server import PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.server import Databases

pytestmark = [pytest.mark.erp, pytest.mark.warehouse, pytest.mark.xdist_group("whole jobs")]
ENTRIES = 700
FEWEST_HOURS = 200  # entries that must have gone through Tryton for the test to say anything
WRITTEN = ("tryton", "netsuite", "gusto", "kantata")

# What the ERP's project accountants set up from the contracts: people, projects, and a task for each rate.
PEOPLE = """
select distinct upper('E' || lpad(h.employee_number_key, 5, '0')) as code
from intermediate.int_labor_rated h where h.legal_entity = 'US' and h.employee_number_key is not null order by 1
"""
WORK = """
select h.project_code as code, h.project_title as name, h.posts_as_billable_time as is_rated, trim_scale(h.rate)::text as rate, min(h.story_title) as task
from intermediate.int_labor_rated h
where h.legal_entity = 'US' and h.project_code is not null and h.is_billable and h.is_due_to_erp and not h.is_leave
group by 1, 2, 3, 4 order by 1, 3, 4
"""


@dataclass
class TrytonJob(Job):
    """A job whose US hours go to Tryton."""

    erp: Erp | None = None
    person: Person | None = None

    def deliver(self) -> dict[str, Any]:
        self.deliveries = {sync: jobs.deliver(self.settings, sync) for sync in jobs.syncs()}
        self.read(*WRITTEN)
        return self.deliveries

    def lines(self) -> dict[str, dict[str, Any]]:
        """Timesheet lines as Tryton holds them, by our record key; two of one key are an error."""
        assert self.person is not None
        fields = ["description", "duration", "employee", "work", "date"]
        held = self.person.call("model.timesheet.line.search_read", [], 0, None, None, fields)
        keys = [one["description"].split()[1].rsplit("-r", 1)[0] for one in held]
        assert len(keys) == len(set(keys)), "a key is held twice"
        return dict(zip(keys, held, strict=True))

    def posted(self) -> list[dict[str, Any]]:
        """What the ledger says stands in Tryton."""
        return self.rows(
            "select source_id, settled_record_key as key, settled_vendor_id as vendor_id, settled_minutes as minutes"
            " from delivery.chain where sync = 'erp_labor' and destination = 'tryton' and settled_intent_id is not null"
        )

    def told(self, hours: list[str]) -> set[tuple[str, str]]:
        """Status and external status that the PSA holds for these entries; every one must have been told."""
        references = [
            one for one in self.firm["kantata"].holdings()["references"] if one["subject_type"] == "TimeEntry"
        ]
        found = {str(one["subject_id"]): (one["status"], one["external_status"]) for one in references}
        assert set(hours) <= found.keys()
        return {found[hour] for hour in hours}


@pytest.fixture(scope="module")
def job(job_home: Path, databases: Databases, tryton_server: Server) -> Iterator[TrytonJob]:
    """A firm after its first night with Tryton."""
    with start_tryton_job(job_home, databases, tryton_server) as started:
        started.adopt()
        started.deliver()
        yield started


def test_every_hour_due_stands_in_tryton_once_with_its_minutes(job: TrytonJob) -> None:
    posted, lines = job.posted(), job.lines()
    assert len(posted) >= FEWEST_HOURS
    assert {one["key"] for one in posted} == lines.keys()
    for one in posted:
        seconds = lines[one["key"]]["duration"]["seconds"]
        assert round(Decimal(str(seconds)) / 60, 6) == one["minutes"]
    assert job.statement().exit_code == 0


def test_every_hour_stands_on_a_task_of_its_rate(job: TrytonJob) -> None:
    assert job.person is not None
    tasks = job.person.call(
        "model.project.work.search_read", [["type", "=", "task"]], 0, None, None, ["list_price", "timesheet_works"]
    )
    rates = {task["timesheet_works"][0]: _decimal(task["list_price"]) for task in tasks}
    wanted = job.rows(
        "select settled_record_key as key, (i.fields ->> 'rate')::numeric as rate from delivery.chain c"
        " join delivery.intent i on i.intent_id = c.settled_intent_id where c.destination = 'tryton' and c.sync = 'erp_labor'"
    )
    lines = job.lines()
    assert all(rates[lines[one["key"]]["work"]] == one["rate"] for one in wanted)
    assert any(one["rate"] for one in wanted)


def test_a_second_night_sends_tryton_nothing(job: TrytonJob) -> None:
    before = job.lines()
    job.night()
    assert job.lines() == before


def test_an_edited_hour_is_amended_there_and_a_deleted_one_leaves(job: TrytonJob) -> None:
    edited, deleted = [one["source_id"] for one in _unbilled(job)[:2]]
    job.firm.change("edit", entry_ids=[edited], approved=True, minutes=37)
    job.firm.change("delete", entry_ids=[deleted])
    before = job.lines()
    job.night()
    keys = {one["source_id"]: one for one in job.posted()}
    after = job.lines()
    assert keys[edited]["minutes"] == 37
    assert after[keys[edited]["key"]]["duration"]["seconds"] == 37 * 60
    assert deleted not in keys
    assert len(after) == len(before) - 1
    assert job.statement().exit_code == 0


def test_an_invoice_made_posted_and_paid_in_tryton_is_told_to_the_psa(job: TrytonJob) -> None:
    assert job.person is not None
    assert job.erp is not None
    project, hours = _project_with_most_hours(job)
    invoice = job.person.invoice(project)
    method = job.erp.ids["payment_method"]
    total = _decimal(job.person.call("model.account.invoice.read", [invoice], ["total_amount"])[0]["total_amount"])
    assert total is not None
    told = []
    for step in (
        lambda: None,
        lambda: job.person.post(invoice, date(2026, 11, 15)),  # type: ignore[union-attr]
        lambda: job.person.pay(invoice, Decimal("1.00"), date(2026, 11, 16), method),  # type: ignore[union-attr]
        lambda: job.person.pay(invoice, total - 1, date(2026, 11, 16), method),  # type: ignore[union-attr]
    ):
        step()
        job.night()
        told.append(job.told(hours))
        assert job.statement().exit_code == 0
    assert told == [
        {("pending", "Draft")},
        {("successful", "Open")},
        {("successful", "Partly Paid")},
        {("successful", "Paid In Full")},
    ]


def test_an_invoice_credited_in_tryton_is_told_to_the_psa(job: TrytonJob) -> None:
    assert job.person is not None
    invoice, hours = _invoiced_and_posted(job)
    before = job.told(hours)
    job.person.credit(invoice, date(2026, 11, 16))
    job.night()
    assert (before, job.told(hours)) == ({("successful", "Open")}, {("pending", "Credited")})
    assert job.statement().exit_code == 0


def test_a_change_of_an_hour_that_is_invoiced_there_is_held(job: TrytonJob) -> None:
    assert job.person is not None
    project, hours = _project_with_most_hours(job)
    job.person.invoice(project)
    job.night()
    before = job.lines()
    job.firm.change("edit", entry_ids=[hours[0]], approved=True, minutes=38)
    job.night()
    [held] = job.rows(
        "select state, reason from delivery.intent where sync = 'erp_labor' and source_id = %s"
        " and state not in ('acknowledged', 'superseded')",
        hours[0],
    )
    assert held == {"state": "held", "reason": "on draft invoice"}
    assert job.lines() == before
    assert job.statement().exit_code == 0


def test_a_change_of_an_hour_whose_invoice_is_posted_is_proposed_and_corrected_by_a_credit_note(job: TrytonJob) -> None:
    assert job.person is not None
    invoice, hours = _invoiced_and_posted(job)
    before = job.lines()
    job.firm.change("edit", entry_ids=[hours[0]], approved=True, minutes=39)
    job.night()
    [proposed] = [one for one in reverse_etl.proposals(job.settings) if one.source_id == hours[0]]
    assert (proposed.reason, proposed.is_by_hand, proposed.minutes_wanted) == ("needs reversal by hand", True, 39)
    for who in ("ann", "bob"):
        said = reverse_etl.approve_proposals(job.settings, [proposed.proposal_id], actor=who, why="the client agreed")
    assert said.by_hand == 1
    job.night()
    assert job.lines() == before
    assert job.statement().exit_code == 0
    job.person.credit(invoice, date(2026, 11, 16))
    reverse_etl.answer(
        job.settings, proposed.proposal_id, "there", vendor_id=f"credit of {invoice}", actor="ann", why="credited there"
    )
    job.night()
    [made] = [line for key, line in job.lines().items() if key not in before]
    assert made["duration"]["seconds"] == 39 * 60
    assert job.statement().exit_code == 0


@contextmanager
def start_tryton_job(home: Path, databases: Databases, server: Server) -> Iterator[TrytonJob]:
    """A firm of seed 11; its US hours routed to a Tryton that holds the people and projects of its contracts."""
    with start_firm(home / "tryton_simulators", seed=11, entries=ENTRIES, as_of=AS_OF) as firm:
        chosen = {
            name: Chosen(
                name, one["base_url"], {**one["options"], "allowance": ALLOWANCE}, one["secrets"], one.get("ca_file")
            )
            for name, one in firm.addresses.items()
        }
        for left in ("rules", "dlt"):
            _remove(home / left)
        for left in ("hourline.toml", "secrets.toml"):
            (home / left).unlink(missing_ok=True)
        configuration.write(home, chosen)
        configuration.write_rules(home, firm.out / "rules")
        _route(home / "rules")
        with databases.fresh() as url, configured.exported({"HOURLINE_WAREHOUSE_URL": url}):
            job = TrytonJob(firm, configured.load(home), databases)
            jobs.prepare(job.settings)
            job.read()
            jobs.build(job.settings)
            erp = server.fresh(_spec(job))
            options = {"database": erp.running.database, "company": erp.ids["company"], "allowance": ALLOWANCE}
            secrets = {"username": USER, "password": PASSWORD}
            configuration.write(home, {"tryton": Chosen("tryton", erp.running.url, options, secrets)})
            job.settings, job.erp, job.person = configured.load(home), erp, erp.person()
            jobs.prepare(job.settings)
            yield job
            job.person.close()
            erp.home.drop(erp.running.database)


def _remove(path: Path) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)


def _route(rules: Path) -> None:
    """The US entity's hours go to Tryton; it went live there on the day that it did with the ERP before."""
    routing = _rows(rules / "routing.csv")
    for row in routing:
        if (row["legal_entity"], row["role"]) == ("US", "erp"):
            row["destination"] = "tryton"
    _write(rules / "routing.csv", routing)
    live = _rows(rules / "go_live.csv")
    live += [
        {**row, "destination": "tryton"}
        for row in live
        if (row["legal_entity"], row["destination"]) == ("US", "netsuite")
    ]
    _write(rules / "go_live.csv", live)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def _spec(job: Job) -> dict[str, Any]:
    projects: dict[str, dict[str, Any]] = {}
    for row in job.rows(WORK):
        project = projects.setdefault(
            row["code"],
            {"code": row["code"], "name": row["name"], "customer": "C1", "invoice_method": "timesheet", "tasks": []},
        )
        if row["is_rated"] and row["rate"] is None:
            continue
        project["tasks"].append({"name": row["task"] or "Work", "rate": row["rate"]})
    return {
        "customers": [{"code": "C1", "name": "Clients"}],
        "employees": [
            {"code": row["code"], "name": row["code"], "email": f"{row['code'].lower()}@example.com"}
            for row in job.rows(PEOPLE)
        ],
        "projects": list(projects.values()),
    }


def _unbilled(job: TrytonJob) -> list[dict[str, Any]]:
    return job.rows(
        "select c.source_id from delivery.chain c join sync.sync_erp__labor h using (source_system, source_id)"
        " where c.sync = 'erp_labor' and c.destination = 'tryton' and h.context ->> 'destination_state' = 'unbilled'"
        " and c.open_intent_id is null and h.is_due order by length(c.source_id), c.source_id"
    )


def _project_with_most_hours(job: TrytonJob) -> tuple[int, list[str]]:
    """A project of Tryton with a rate and hours that no invoice has yet, and the PSA's entries of them."""
    found = job.rows(
        "select h.fields ->> 'project_ref' as project, array_agg(c.source_id order by length(c.source_id), c.source_id) as hours"
        " from delivery.chain c join sync.sync_erp__labor h using (source_system, source_id)"
        " where c.sync = 'erp_labor' and c.destination = 'tryton' and h.context ->> 'destination_state' = 'unbilled'"
        " and c.settled_intent_id is not null group by 1"
        " having bool_and(h.fields ->> 'rate' is not null) order by count(*) desc, 1 limit 1"
    )
    return int(found[0]["project"]), list(found[0]["hours"])


def _invoiced_and_posted(job: TrytonJob) -> tuple[int, list[str]]:
    """A posted invoice over such a project, read back, and the PSA's entries on it."""
    assert job.person is not None
    project, hours = _project_with_most_hours(job)
    invoice = job.person.invoice(project)
    # Tryton numbers no invoice before the last one's date, credit notes counted.
    job.person.post(invoice, date(2026, 11, 16))
    job.night()
    return invoice, hours


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value["decimal"])
