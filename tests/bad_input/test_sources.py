"""What a source may do wrong, from the simulated vendors through the command line: one sentence, the rest goes on."""

from __future__ import annotations

import socket

import pytest

from tests.fixtures.workplace import Office

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("bad input")]

WRONG = "wr0ng-" + "f00dcafe" * 4
CREDENTIALS = {
    "kantata": "token",
    "salesforce": "client_secret",
    "workday": "password",
    "netsuite": "token_secret",
    "gusto": "access_token",
}


@pytest.mark.parametrize("system", CREDENTIALS)
def test_wrong_credentials_stop_their_source_alone_and_say_where_to_mend_them(office: Office, system: str) -> None:
    office.set_secret(system, CREDENTIALS[system], WRONG)
    if system == "gusto":  # its refresh token would mend the wrong access token by itself
        office.set_secret(system, "refresh_token", WRONG)
    before = office.cursors(system)
    other = "workday" if system != "workday" else "salesforce"
    said = office.run("land", system, other, "--json")
    assert said.exit_code == 4
    assert [one["connection"] for one in said.document["landed"]] == [other]
    assert f"secrets of connection {system}" in said.stopped(system)
    assert office.cursors(system) == before


def test_an_unreachable_host_is_named_and_the_others_land(office: Office) -> None:
    port = closed_port()
    office.configure("netsuite", {"base_url": f"http://127.0.0.1:{port}/services/rest"})
    said = office.run("land", "netsuite", "workday", "--json")
    assert said.exit_code == 4
    assert f"127.0.0.1:{port} cannot be reached" in said.stopped("netsuite")
    assert "nothing was sent" in said.stopped("netsuite")
    assert "Check the address and the network, then run again." in said.stopped("netsuite")
    assert [one["connection"] for one in said.document["landed"]] == ["workday"]


@pytest.mark.parametrize(
    ("fault", "after", "sentence"),
    [
        ({"kind": "malformed"}, 0, "is no whole JSON document"),
        ({"kind": "drop"}, 0, "got no whole answer"),
        ({"kind": "truncate"}, 1, "got no whole answer"),
        ({"kind": "status", "status": 500, "body": "<html>oops</html>"}, 1, "was answered with 500"),
    ],
    ids=["no JSON", "hung up", "second page cut off", "500 at the second page"],
)
def test_a_broken_page_lands_nothing_of_its_list_and_everything_else(
    office: Office, fault: dict[str, object], after: int, sentence: str
) -> None:
    rows = office.count("raw_kantata.time_entries")
    office.query("truncate raw_kantata.time_entries")
    office.query("delete from landing.cursor where connection = 'kantata'")
    office.firm["kantata"].fault(path="/time_entries$", query="per_page=200", times=None, after=after, **fault)
    said = office.run("land", "kantata", "workday", "--json")
    assert said.exit_code == 4
    assert said.stopped("kantata").startswith("time_entries: Connection kantata: ")
    assert sentence in said.stopped("kantata")
    assert office.count("raw_kantata.time_entries") == 0
    assert "time_entries" not in office.cursors("kantata")
    assert office.cursors("kantata")["timesheet_submissions"]
    assert [one["connection"] for one in said.document["landed"]] == ["workday"]
    office.firm["kantata"].clear_faults()
    assert office.run("land", "kantata", "--json").exit_code == 0
    assert office.count("raw_kantata.time_entries") == rows


def test_a_passing_500_is_read_again_and_nobody_is_told(office: Office) -> None:
    office.firm["kantata"].fault("status", status=500, path="/time_entries$", times=1)
    said = office.run("land", "kantata", "--full", "--json")
    assert said.exit_code == 0
    assert said.document["stopped"] == {}


@pytest.mark.parametrize(
    ("system", "path", "resource", "column"),
    [
        ("kantata", "/time_entries$", "time_entries", "time_in_minutes"),
        ("salesforce", "/query", "accounts", "AccountNumber"),
        ("workday", "/customreport2/", "workers", "Employee_ID"),
        ("netsuite", "/suiteql", "employees", "entityid"),
        ("gusto", "/employees", "employees", "uuid"),
    ],
)
def test_a_column_that_is_gone_is_named_and_nothing_of_it_lands(
    office: Office, system: str, path: str, resource: str, column: str
) -> None:
    rows = office.count(f"raw_{system}.{resource}")
    office.firm[system].fault("missing_column", field=column, path=path, times=None)
    other = "workday" if system != "workday" else "salesforce"
    said = office.run("land", system, other, "--full", "--json")
    assert said.exit_code == 4
    assert f"{resource} lost its column {column}" in said.stopped(system)
    assert "nothing of this read landed" in said.stopped(system)
    assert office.count(f"raw_{system}.{resource}") == rows
    assert [one["connection"] for one in said.document["landed"]] == [other]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("date_performed", 20261116, "date_performed ought to be a date and is number"),
        ("time_in_minutes", "eight", "time_in_minutes ought to be a whole number and is text"),
    ],
    ids=["a number where text was", "text where a number was"],
)
def test_a_type_that_changed_in_every_record_stops_the_list(
    office: Office, column: str, value: object, words: str
) -> None:
    rows, cursors = office.count("raw_kantata.time_entries"), office.cursors("kantata")
    office.firm["kantata"].fault("wrong_type", field=column, value=value, path="/time_entries$", times=None)
    said = office.run("land", "kantata", "workday", "--full", "--json")
    assert said.exit_code == 4
    assert f"time_entries changed its shape: {words} in a whole page" in said.stopped("kantata")
    assert office.count("raw_kantata.time_entries") == rows
    assert office.cursors("kantata")["time_entries"] == cursors["time_entries"]
    assert [one["connection"] for one in said.document["landed"]] == ["workday"]


def test_one_record_with_a_number_where_text_was_is_quarantined_and_resolved_when_it_is_mended(office: Office) -> None:
    # Read again by its stamp, the list of accounts is the one that changed last.
    rows = office.count("raw_salesforce.accounts")
    crm = office.firm["salesforce"]
    crm.fault(
        "wrong_type", field="AccountNumber", value=42, path="/queryAll", query=r"FROM(\+|%20)Account\b", times=None
    )
    said = office.run("land", "salesforce", "--json")
    assert said.exit_code == 0
    [landed] = said.document["landed"]
    assert landed["rows_quarantined"] == 1
    assert office.query("select resource, field, reason from landing.quarantine where resolved_at is null") == [
        ("accounts", "AccountNumber", "AccountNumber ought to be text and is number")
    ]
    assert office.count("raw_salesforce.accounts") == rows
    crm.clear_faults()
    assert office.run("land", "salesforce", "--full", "--json").exit_code == 0
    assert office.count("landing.quarantine", "resolved_at is null") == 0


@pytest.mark.parametrize(
    ("system", "path", "resource", "sentence"),
    [
        (
            "kantata",
            "/time_entries$",
            "time_entries",
            "listed 0 time_entries and lacks {0} of the {0} that landed before",
        ),
        ("workday", "/customreport2/", "workers", "listed 0 workers and lacks {0} of the {0} that landed before"),
        ("salesforce", "/query", "accounts", "it ends after 0 of {0} rows"),
        ("netsuite", "/suiteql", "subsidiaries", "it states {0} rows and holds 0"),
    ],
)
def test_an_empty_list_where_many_stood_stops_the_source_and_deletes_nothing(
    office: Office, system: str, path: str, resource: str, sentence: str
) -> None:
    rows = office.count(f"raw_{system}.{resource}")
    office.firm[system].fault("empty_page", path=path, times=None)
    other = "workday" if system != "workday" else "salesforce"
    said = office.run("land", system, other, "--full", "--json")
    assert said.exit_code == 4
    assert sentence.format(rows) in said.stopped(system)
    assert office.count(f"raw_{system}.{resource}") == rows
    assert office.count(f"raw_{system}.{resource}", "is_deleted") == 0
    assert [one["connection"] for one in said.document["landed"]] == [other]


def test_people_of_whom_most_are_really_gone_are_believed_when_somebody_says_so(office: Office) -> None:
    office.firm["workday"].fault("drop_rows", rows=12, path="/customreport2/", times=None)
    said = office.run("land", "workday", "--json")
    assert said.exit_code == 4
    assert "run once `hourline land workday --full --missing-limit 100`" in said.stopped("workday")
    assert office.run("land", "workday", "--full", "--missing-limit", "100", "--json").exit_code == 0


def test_a_sentence_for_people_keeps_its_brackets_and_stands_once(office: Office) -> None:
    office.set_secret("salesforce", "client_secret", None)
    said = office.run("land", "salesforce")
    assert said.exit_code == 2
    assert "or write client_secret under [salesforce] in" in said.everything
    assert said.everything.count("has no secret client_secret") == 1


def closed_port() -> int:
    """A port of this host where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
