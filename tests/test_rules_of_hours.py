"""The rules that decide an hour, as docs/architecture.md lists them, are those of the models: the same words, the same order."""

from __future__ import annotations

import csv
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LABOR = ROOT / "dbt_project/models/intermediate/labor"
STATES = {"present", "void", "held"}
OF_THE_PSA = {"rejected", "cancelled"}  # handed on from the approval's own state, not written out in the models
WORD = re.compile(r"`([^`]+)`")
ASIDE = re.compile(r"\([^)]*\)")


def decided(model: str, column: str) -> list[str]:
    """What the `case` behind a column may answer, top to bottom."""
    text = (LABOR / f"{model}.sql").read_text()
    [end] = [found.start() for found in re.finditer(rf"\bend as {column}\b", text)]
    return re.findall(r"then '([^']+)'", text[text.rindex("case\n", 0, end) : end])


def section() -> str:
    text = (ROOT / "docs/architecture.md").read_text()
    return text[text.index("**Which rule decides**") : text.index("## 6. Ledger")]


def listed() -> list[str]:
    """The rules of the table in its order: the words in backticks of its last two columns, but for asides in brackets."""
    rows = [line.split("|") for line in section().splitlines() if re.match(r"\| \d ", line)]
    cells = " ".join(" ".join(row[3:]) for row in rows)
    return [word for word in WORD.findall(ASIDE.sub("", cells)) if word not in STATES | OF_THE_PSA]


def listed_for_payroll() -> list[str]:
    """What the sentence on payroll puts in place of the table's sixth row."""
    [sentence] = re.findall(r"- Payroll: rules 1 to 5 and (.*?), in this order;", section(), re.DOTALL)
    return WORD.findall(ASIDE.sub("", sentence))


def test_the_erps_hours_are_decided_by_the_rules_of_the_table_in_its_order() -> None:
    assert decided("int_labor_decided", "decision") == [rule for rule in listed() if rule != "subcontractor"]


def test_payrolls_hours_are_decided_by_the_rules_of_the_table_and_its_own() -> None:
    shared = [rule for rule in listed()[: listed().index("minutes out of range")] if rule != "non_billable"]
    hours = [rule for rule in decided("int_payroll_days_decided", "decision") if rule != "moved"]
    assert hours + decided("int_payroll_days_decided", "day_hold") == shared + listed_for_payroll()


def test_every_reason_for_a_hold_has_a_team_that_can_mend_it() -> None:
    with (ROOT / "dbt_project/seeds/owner_team.csv").open(newline="") as handle:
        owned = {row["reason"] for row in csv.DictReader(handle)}
    in_the_way = listed()[listed().index("minutes out of range") :]
    assert {"re-approval", "legal entity unresolved", *in_the_way, *listed_for_payroll()} - owned == set()
