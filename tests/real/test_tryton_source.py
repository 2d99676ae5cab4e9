"""Reading a real Tryton, of both series, into a real warehouse."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

import ingest
from ingest.sources import Absence
from ingest.sources.tryton import decode, source
from ingest.sources.tryton.source import open_source
from plumbing import vendors
from plumbing.settings import Settings
from tests.fixtures.tryton import Erp, Person, Server
from tests.tryton.server import serve, stop

pytestmark = [pytest.mark.erp, pytest.mark.warehouse]
DAY = date(2026, 9, 14)
TRANSACTION_SECONDS = 30 * 60  # [database] timeout of trytond, unless its owner sets another


@dataclass
class Landing:
    settings: Settings
    erp: Erp
    person: Person

    def land(self, *resources: str, **options: Any) -> ingest.LoadReport:
        return ingest.land(self.settings, "tryton", resources=resources or None, **options)

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        assert self.settings.warehouse_url is not None
        with psycopg.connect(self.settings.warehouse_url.get_secret_value(), autocommit=True) as session:
            return session.execute(statement, values).fetchall()

    def latest(self, resource: str) -> dict[str, dict[str, Any]]:
        """Live records by id."""
        return dict(
            self.query(
                f"select source_id, record from (select distinct on (source_id) * from raw_tryton.{resource}"
                " order by source_id, source_version desc, read_started_at desc, version desc) as l where not is_deleted"
            )
        )

    def line(
        self, minutes: float = 60, project: str = "P1001", task: int = 0, on: date = DAY, **more: Any
    ) -> dict[str, Any]:
        employee = self.erp.ids["employees"]["E00101"]
        return {
            "employee": employee,
            "work": self.erp.task(project, task)["work"],
            "minutes": minutes,
            "on": on,
            **more,
        }


@pytest.fixture
def tryton(tryton_server: Server, settings: Settings) -> Iterator[Landing]:
    """A database of its own, so that what one test does to a project is not another's."""
    erp = tryton_server.fresh()
    with psycopg.connect(settings.warehouse_url.get_secret_value(), autocommit=True) as session:  # type: ignore[union-attr]
        session.execute("drop schema if exists raw_tryton cascade")
        for table in ("load", "cursor", "control_total", "quarantine", "suspect", "current_record", "neighbourhood"):
            session.execute(f"truncate landing.{table} cascade")
    yield Landing(replace(settings, connections={"tryton": erp.connection()}), erp, erp.person())
    for person in erp.people:
        person.close()
    erp.home.drop(erp.running.database)


def test_everything_lands_and_is_counted_and_lands_once(tryton: Landing) -> None:
    tryton.person.log_time(tryton.line(90), tryton.line(20, on=date(2026, 10, 1)))
    first = tryton.land()
    again = tryton.land()
    assert first.is_well, first.sentences
    assert again.is_well, again.sentences
    assert [one.differences for one in first.resources] == [[] for _ in decode.RESOURCES]
    assert again.rows_landed == 0
    assert {one["minutes"] for one in tryton.latest("timesheet_lines").values()} == {"90", "20"}
    assert tryton.query("select count(*) from landing.quarantine") == [(0,)]


def test_people_are_told_by_number_and_their_names_are_tokens(tryton: Landing) -> None:
    tryton.land("employees")
    found = tryton.latest("employees")
    told = {code for one in found.values() for code in [one["code"], *one["identifiers"]]}
    assert {"E00101", "E00105", "OLD-00105"} <= told
    assert all(one["name"].startswith("pii_") and one["email"].startswith("pii_") for one in found.values())


def test_a_name_changed_at_the_party_is_a_new_version_of_the_employee(tryton: Landing) -> None:
    tryton.land("employees")
    before = tryton.latest("employees")
    [employee] = tryton.person.call("model.company.employee.read", [tryton.erp.ids["employees"]["E00103"]], ["party"])
    tryton.person.call("model.party.party.write", [employee["party"]], {"name": "Ada Married-Name"})
    report = tryton.land("employees")
    after = tryton.latest("employees")
    assert report.rows_landed == 1
    assert {key for key in after if after[key] != before[key]} == {str(employee["id"])}


def test_a_batch_of_one_stamp_is_read_whole_over_several_pages(tryton: Landing) -> None:
    tryton.person.log_time(*(tryton.line(6) for _ in range(2_300)))
    report = tryton.land("timesheet_lines")
    assert report.is_well, report.sentences
    assert len({one["last_modified_at"] for one in tryton.latest("timesheet_lines").values()}) == 1
    assert len(tryton.latest("timesheet_lines")) == 2_300


def test_a_line_that_commits_late_under_an_older_stamp_is_read(tryton: Landing) -> None:
    """A transaction that began first is overtaken by another, which lands, and commits after that."""
    tryton.person.log_time(tryton.line(1))
    tryton.land("timesheet_lines")
    employee = tryton.erp.ids["employees"]["E00102"]
    with psycopg.connect(tryton.erp.home.url(tryton.erp.running.database)) as holder:
        # The check of the reference to the employee waits for this row, and the transaction with it.
        holder.execute("select from company_employee where id = %s for update", [employee])
        slow = threading.Thread(
            target=tryton.erp.person().log_time, args=[{**tryton.line(2), "employee": employee}], daemon=True
        )
        slow.start()
        _until_someone_waits(tryton.erp)
        tryton.person.log_time(tryton.line(3))
        tryton.land("timesheet_lines")
        assert {one["minutes"] for one in tryton.latest("timesheet_lines").values()} == {"1", "3"}
    slow.join()
    tryton.land("timesheet_lines")
    stamps = {one["minutes"]: one["last_modified_at"] for one in tryton.latest("timesheet_lines").values()}
    assert stamps.keys() == {"1", "2", "3"}
    assert stamps["2"] < stamps["3"]


def test_a_read_goes_back_further_than_tryton_lets_a_transaction_run() -> None:
    assert timedelta(seconds=TRANSACTION_SECONDS) < source.OVERLAP


def test_an_uneven_duration_keeps_six_digits(tryton: Landing) -> None:
    tryton.person.log_time(tryton.line(100 / 60))
    tryton.land("timesheet_lines")
    [line] = tryton.latest("timesheet_lines").values()
    assert Decimal(line["minutes"]) == Decimal("1.666667")


def test_a_deleted_line_becomes_a_tombstone_and_its_neighbours_stay(tryton: Landing) -> None:
    first, second = tryton.person.log_time(tryton.line(), tryton.line())
    tryton.land("timesheet_lines")
    tryton.person.call("model.timesheet.line.delete", [first])
    report = tryton.land("timesheet_lines")
    assert report.is_well, report.sentences
    assert set(tryton.latest("timesheet_lines")) == {str(second)}


def test_an_invoice_lands_with_the_lines_it_bills_and_what_is_paid(tryton: Landing) -> None:
    """Three times twenty minutes at 180.00: summed to 1.00 h before they are priced."""
    ids = tryton.person.log_time(*(tryton.line(20) for _ in range(3)))
    project = tryton.erp.ids["projects"]["P1001"]["id"]
    tryton.land()
    invoice = tryton.person.invoice(project)
    tryton.land()
    draft = tryton.latest("invoices")[str(invoice)]
    tryton.person.post(invoice, date(2026, 9, 30))
    tryton.person.pay(invoice, Decimal("80.00"), date(2026, 9, 30), tryton.erp.ids["payment_method"])
    report = tryton.land()
    posted = tryton.latest("invoices")[str(invoice)]
    assert report.is_well, report.sentences
    assert (draft["state"], draft["number"], Decimal(draft["total_amount"])) == ("draft", None, Decimal("180.00"))
    assert {one["line"] for one in draft["time"]} == {str(one) for one in ids}
    assert (posted["state"], Decimal(posted["amount_to_pay"])) == ("posted", Decimal("100.00"))
    assert posted["number"]
    [payment] = tryton.latest("payments").values()
    assert (Decimal(payment["credit"]), payment["invoice_payment"]) == (Decimal("80.00"), invoice)
    tryton.person.pay(invoice, Decimal("100.00"), date(2026, 9, 30), tryton.erp.ids["payment_method"])
    tryton.land()
    assert tryton.latest("invoices")[str(invoice)]["state"] == "paid"


def test_an_invoice_that_is_credited_lands_with_what_takes_it_back(tryton: Landing) -> None:
    tryton.person.log_time(tryton.line(60))
    invoice = tryton.person.invoice(tryton.erp.ids["projects"]["P1001"]["id"])
    tryton.person.post(invoice, date(2026, 9, 30))
    tryton.land()
    tryton.person.credit(invoice, date(2026, 10, 2))
    tryton.land()
    found = tryton.latest("invoices")[str(invoice)]
    [note] = found["credited_by"]
    assert (found["state"], note["state"], note["total_amount"]) == ("cancelled", "paid", "-180.00")


def test_hours_are_rounded_to_a_hundredth_before_they_are_priced(tryton: Landing) -> None:
    tryton.person.log_time(tryton.line(20))
    tryton.person.invoice(tryton.erp.ids["projects"]["P1001"]["id"])
    tryton.land()
    [line] = tryton.latest("invoice_lines").values()
    assert (Decimal(line["quantity"]), Decimal(line["amount"])) == (Decimal("0.33"), Decimal("59.40"))


def test_an_error_inside_a_200_is_told_and_nothing_lands(tryton: Landing) -> None:
    administrator = tryton.erp.administrator()
    groups = administrator.call(
        "model.res.group.search", [["name", "in", ["Accounting", "Project Invoice"]]], 0, None, None
    )
    administrator.call("model.res.user.write", [tryton.erp.ids["user"]], {"groups": [["remove", groups]]})
    report = tryton.land("invoices")
    assert not report.is_well
    assert "not allowed" in " ".join(report.sentences)


def test_a_session_that_expires_is_signed_in_anew(tryton: Landing) -> None:
    running, process = serve(tryton.erp.home, tryton.erp.running.database, tryton.erp.ids, session__max_age="1")
    try:
        connection = replace(tryton.erp.connection(), base_url=running.url)
        with vendors.client(connection) as client:
            opened = open_source(connection, client)
            [resource] = [one for one in decode.RESOURCES if one.name == "companies"]
            opened.totals(resource, [])
            _expire_sessions(tryton.erp)
            [total] = opened.totals(resource, [])
        assert total.count == 1
    finally:
        stop(process)


def test_a_look_up_tells_gone_from_there(tryton: Landing) -> None:
    [line] = tryton.person.log_time(tryton.line())
    connection = tryton.erp.connection()
    with vendors.client(connection) as client:
        opened = open_source(connection, client)
        [resource] = [one for one in decode.RESOURCES if one.name == "timesheet_lines"]
        assert opened.find(resource, str(line))["id"] == str(line)
        assert opened.find(resource, "999999") is Absence.GONE
        assert opened.find(resource, "not a number") is Absence.UNKNOWN


def test_the_connection_may_read_all_it_needs(tryton: Landing) -> None:
    assert [one.message for one in ingest.check(tryton.settings, "tryton") if not one.is_well] == []


def _until_someone_waits(erp: Erp) -> None:
    waiting = "select count(*) from pg_stat_activity where datname = %s and wait_event_type = 'Lock'"
    with psycopg.connect(erp.home.postgres, autocommit=True) as session:
        while session.execute(waiting, [erp.running.database]).fetchone() == (0,):
            pass


def _expire_sessions(erp: Erp) -> None:
    with psycopg.connect(erp.home.url(erp.running.database), autocommit=True) as session:
        session.execute("update ir_session set create_date = create_date - interval '1 day', write_date = null")
