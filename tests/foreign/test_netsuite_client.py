"""A client that others published reads and writes through the simulated account, so that our own cannot be what fits."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fixtures.simulators import Firm

SCRIPT = Path(__file__).with_name("netsuite_client.py")


def test_published_client_reads_and_writes_time(
    make_firm: Callable[..., Firm], foreign_python: Callable[..., Path]
) -> None:
    firm = make_firm(seed=6, entries=200, only="netsuite")
    told = json.dumps(firm.addresses["netsuite"])
    python = str(foreign_python("netsuite==0.12.*"))
    done = subprocess.run([python, str(SCRIPT)], input=told, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["put"] is None
    assert seen["row"] == ["1:45", 120.0, True]
    assert seen["patched"] == "2:00"
    assert seen["listed"] == [{"links": [], "id": seen["row_id"], "hours": "2"}]
    assert seen["duplicate"] == [400, "USER_ERROR"]
    assert seen["unknown_field"] == [400, "NONEXISTENT_FIELD"]
    assert seen["pages"] == 2
    assert (seen["schema"], seen["openapi"]) == (True, ["timeBill"])
    assert (seen["deleted"], seen["gone"]) == (None, [404, "NONEXISTENT_ID"])
    assert seen["wrong_secret"] == [401, "INVALID_LOGIN"]
    written = firm["netsuite"].journal()["writes"]
    assert written["PUT /services/rest/record/v1/{type}/{key} 204"] == 1
    assert firm["netsuite"].errors() == []
