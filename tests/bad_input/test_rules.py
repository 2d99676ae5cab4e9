"""Mistakes in the firm's rule files: each is told with file, line and column before anything is loaded."""

from __future__ import annotations

import pytest

from tests.fixtures.workplace import Office

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("bad input")]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("valid_from", "since", ": it lacks the column valid_from; it has to have legal_entity, role, destination, valid_from."),
        ("US,erp,", "US,erpp,", ", line 2: role is 'erpp'; it may be erp, payroll."),
        ("2024-08-24\n", "2024-08-24\nUS,erp,gusto,2024-08-24\n",
         ", line 3: an earlier line has the same legal_entity, role, valid_from (US, erp, 2024-08-24)."),
        ("2024-08-24\n", "soon\n", ", line 2: valid_from is 'soon', which is no date."),
        ("2024-08-24\n", "\n", ", line 2: valid_from is empty."),
        ("US,erp,netsuite,", "US,erp,", ", line 2: it has 3 cells and the header 4."),
    ],
    ids=["missing column", "unknown value", "duplicate key", "no date", "empty cell", "lost cell"],
)  # fmt: skip
def test_a_mistake_in_a_rule_file_is_told_with_its_place_and_changes_no_rule(
    office: Office, old: str, new: str, sentence: str
) -> None:
    path = office.home / "rules" / "routing.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    rules = office.query("select * from rule.routing order by 1, 2, 4")
    said = office.run("build", "--json")
    assert said.exit_code == 2
    assert said.error.startswith(f"The rule file {path}{sentence}")
    assert (
        "Correct the file, then run `hourline build`; until then the rules loaded before stay in force." in said.error
    )
    assert office.query("select * from rule.routing order by 1, 2, 4") == rules


def test_a_rule_file_that_nobody_knows_is_told(office: Office) -> None:
    path = office.home / "rules" / "rotuing.csv"
    path.write_text("legal_entity\nUS\n")
    said = office.run("build", "--json")
    assert said.exit_code == 2
    assert f"The rule file {path}: there is no rule table rotuing." in said.error


def test_doctor_names_the_mistake_and_what_is_lacking(office: Office) -> None:
    path = office.home / "rules" / "policy.csv"
    path.write_text(path.read_text().replace(",1440", ",a day", 1))
    (office.home / "rules" / "go_live.csv").unlink()
    said = office.run("doctor", "--offline", "--json")
    assert said.exit_code == 2
    found = {one["subject"]: one["message"] for one in said.document if not one["is_good"]}
    assert "value is 'a day', which is no numeric" in found["rules"]
    assert "lacks go_live.csv" in found["rule files"]


def test_doctor_names_a_destination_that_is_not_connected(office: Office) -> None:
    office.only("kantata", "salesforce", "workday", "netsuite")
    said = office.run("doctor", "--offline", "--json")
    assert said.exit_code == 2
    [message] = [one["message"] for one in said.document if one["subject"] == "routing"]
    assert message.startswith("The routing rules send hours to gusto, which no connection is called. Correct ")
