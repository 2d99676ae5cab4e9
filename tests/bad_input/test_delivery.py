"""A destination that fails while hours are sent: the others get theirs, the ledger keeps every hour, and a rerun mends it."""

from __future__ import annotations

import pytest

from tests.bad_input.conftest import Office
from tests.bad_input.test_sources import WRONG, closed_port

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("bad input")]


def states(office: Office, sync: str) -> dict[str, int]:
    return dict(
        office.query("select state, count(*) from delivery.intent where sync = %s and state <> 'held' group by 1", sync)
    )


def pushed(said: object) -> dict[str, dict[str, object]]:
    """The last report of each sync, from the document of `push`."""
    return {one["sync"]: one["pushes"][-1] for one in said.document}  # type: ignore[attr-defined]


def test_x(office: Office) -> None:
    office.configure("netsuite", {"base_url": f"http://127.0.0.1:{closed_port()}/services/rest"})
    writes = office.firm["netsuite"].total_writes()
    said = office.run("push", "--json")
    print(said.out, said.err)
    print(states(office, "erp_labor"), states(office, "payroll_hours"))
    print(office.run("push", "erp_labor").everything)
    office.set_secret("netsuite", "token_secret", WRONG)
    office.configure("netsuite", {"base_url": office.firm.addresses["netsuite"]["base_url"]})
    said = office.run("push", "--json")
    print(said.out, said.err)
    print(states(office, "erp_labor"), states(office, "payroll_hours"))
    raise AssertionError
