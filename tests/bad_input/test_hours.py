"""Hours that can't be right: each is held by name with its owner, and its neighbours go out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bad_input.conftest import Office, Said

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("bad input")]


def holds(office: Office, sync: str = "erp_labor") -> dict[str, tuple[int, int]]:
    """Intents and minutes held, by reason, by a plan that was kept."""
    return {
        reason: (rows, int(minutes))
        for reason, rows, minutes in office.query(
            "select reason, count(*), sum(minutes) from delivery.intent where sync = %s and state = 'held' group by 1", sync
        )
    }


def planned(office: Office) -> Said:
    said = office.run("plan", "erp_labor", "--keep", "--json")
    assert said.exit_code == 0
    return said


def entered(office: Office, **given: Any) -> list[str]:
    """Entries that the firm changed, and that have landed."""
    changed = office.firm.change("edit", count=1, approved=True, **given)
    said = office.run("land", "kantata", "--json")
    print(changed, said.out)
    return [str(one) for one in changed["entries"]]


@pytest.mark.parametrize("minutes", [26 * 60, -60])
def test_impossible(office: Office, minutes: int) -> None:
    changed = entered(office, minutes=minutes)
    said = planned(office)
    print(holds(office), office.query("select source_id, state, reason, minutes, owner from delivery.intent where source_id = any(%s)", changed), said.out[:1500])
    print(office.run("check", "kantata").everything)
    raise AssertionError


def test_currency(office: Office) -> None:
    office.firm["salesforce"].fault("wrong_type", field="CurrencyIsoCode", value="XQX", path="/query", times=None)
    said = office.run("land", "salesforce", "--full", "--json")
    print(said.out)
    said = planned(office)
    print(holds(office), said.out[:1500])
    print(office.run("check", "salesforce").everything)
    print(office.run("push", "erp_labor").everything)
    raise AssertionError


def test_deleted_project(office: Office) -> None:
    print(office.query("select source_id, fields, state, reason from sync.sync_erp__labor limit 2") if False else "")
    row = office.query("select record ->> 'title' from raw_kantata.workspaces where record ->> 'title' like 'P1%%' order by 1 limit 1")
    print(row)
    code = row[0][0].split()[0]
    print(office.firm.change("delete_project", project=code))
    said = office.run("land", "kantata", "--json")
    print(said.out)
    planned(office)
    print(holds(office))
    raise AssertionError
