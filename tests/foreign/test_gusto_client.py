"""The vendor's own library (gusto-app-integration) reads and writes through the simulated payroll account."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

REQUIREMENT = "gusto-app-integration==0.2.4"
SCRIPT = Path(__file__).with_name("gusto_client.py")


def test_the_vendor_s_library_reads_and_writes_through_the_account(make_firm, foreign_python):
    firm = make_firm(seed=7, entries=100, only="gusto", unconfirmed="gusto_version_2024_04_01")
    told = json.dumps(firm.addresses["gusto"])
    python = foreign_python(REQUIREMENT)
    done = subprocess.run([python, SCRIPT], input=told, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    saw = json.loads(done.stdout)
    read, wrote = saw["read"], saw["write"]
    assert saw["rotated"] is True
    assert read["employees"]
    assert all(email and job for _, email, job in read["employees"])
    assert read["schedules"] == ["Every other week"]
    assert read["periods"] > 5
    assert set(read["default_payrolls"]) == {True}
    assert read["earning_types"]
    assert wrote["hours"] == "80.000"
    assert wrote["version_moved"] is True
    assert wrote["stale"] == [409, "invalid_resource_version"]
    assert wrote["frozen"] == [422, "invalid_operation"]
    assert wrote["unknown"] == [404, "not_found"]
    assert firm["gusto"].errors() == []
