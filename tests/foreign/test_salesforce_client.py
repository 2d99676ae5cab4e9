"""A client that others wrote (simple-salesforce) reads and writes through the simulated org."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

REQUIREMENT = "simple-salesforce==1.12.10"
SCRIPT = Path(__file__).with_name("salesforce_client.py")


def test_simple_salesforce_reads_and_writes_through_the_org(make_firm, foreign_python):
    firm = make_firm(seed=7, entries=100, only="salesforce")
    told = json.dumps(firm.addresses["salesforce"])
    python = foreign_python(REQUIREMENT)
    done = subprocess.run([python, SCRIPT], input=told, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    saw = json.loads(done.stdout)
    read, wrote = saw["read"], saw["write"]
    assert read["accounts"] == sorted(read["accounts"])
    assert len(read["accounts"]) > 3  # more than one page
    assert read["live"] == len(read["accounts"]) - 1
    assert read["deleted"] == read["deleted_listed"] == [read["last"]]
    assert read["one"] == read["accounts"][0]
    assert {"UnitPrice", "Role__c", "Effective_From__c"} <= set(read["described"])
    assert read["usage"][1] == read["limits"]["Max"]
    assert read["bad_query"][0]["errorCode"] == "INVALID_FIELD"
    assert read["not_found"][0]["errorCode"] == "NOT_FOUND"
    assert wrote["statuses"] == [201, 200]
    assert wrote["items"] == [True, False]
    assert wrote["status"] == "Paid"
    assert len(wrote["ambiguous"]) == 2
    assert wrote["rows"] == 2
    assert firm["salesforce"].errors() == []
    assert firm["salesforce"].holdings()["counts"]["Invoice_Status__c"] == 2
