"""A SOAP client that others wrote (zeep) reads workers by the simulated tenant's own WSDL."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

REQUIREMENTS = ("zeep==4.3.3", "requests==2.34.2")
SCRIPT = Path(__file__).with_name("workday_client.py")


def test_zeep_reads_all_workers_page_by_page(make_firm, foreign_python):
    firm = make_firm(seed=7, entries=100, only="workday")
    told = json.dumps(firm.addresses["workday"])
    python = foreign_python(*REQUIREMENTS)
    done = subprocess.run([python, SCRIPT], input=told, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    saw = json.loads(done.stdout)
    assert saw["pages"] > 1
    assert len(set(saw["ids"])) == firm["workday"].holdings()["workers"]
    assert saw["unknown"] == "SOAP-ENV:Client.validationError"
    assert saw["wrong_password"] == "SOAP-ENV:Client.authenticationError"
    assert firm["workday"].errors() == []
