"""`hourline up`: every address answers, deployments run by its worker, and nothing of it is left when it is asked to stop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import httpx
import psutil
import pytest

from flows import orchestration
from plumbing import settings as configuration
from tests.fixtures.simulators import ROOT
from tests.fixtures.workplace import Office

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("bad input")]


@contextmanager
def up(office: Office, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The command as a process, once it has said where everything is."""
    with office.start("up", "--json", *arguments) as process:
        try:
            assert process.stdout is not None
            yield process, document(process.stdout)
        finally:
            if process.poll() is None:
                process.kill()


def document(stream: IO[str]) -> dict[str, Any]:
    """The one JSON document that a command writes while it goes on."""
    text = ""
    for line in stream:
        text += line
        if line == "}\n":
            return dict(json.loads(text))
    raise AssertionError(f"the command ended before it said where things are: {text}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_serves_all_it_names_and_takes_all_of_it_down(office: Office, number: signal.Signals) -> None:
    with up(office, "--simulators", "--entries", "60", "--prefect-port", "0") as (process, where):
        assert sorted(where["simulators"]) == ["gusto", "kantata", "netsuite", "salesforce", "workday"]
        assert httpx.get(f"{where['prefect_api']}/health", trust_env=False).status_code == 200
        assert httpx.get(where["prefect"], trust_env=False).status_code == 200
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 2
        process.send_signal(number)
        assert process.wait(60) == 0
    assert [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
    assert list((office.home / "run").glob("*.json")) == []


def test_what_prefect_yaml_declares_is_deployed_and_run_by_the_worker(office: Office) -> None:
    with up(office, "--work", "--prefect-port", "0") as (process, where):
        extra = orchestration.variables(office.settings, where["prefect_api"]) | office.variables()
        ran = subprocess.run(
            [sys.executable, "-m", "prefect", "deployment", "run", "reconcile/reconcile", "--watch"],
            cwd=ROOT, env=configuration.environment(extra), capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        found = httpx.post(f"{where['prefect_api']}/deployments/filter", json={}, trust_env=False).json()
        runs = httpx.post(f"{where['prefect_api']}/flow_runs/filter", json={}, trust_env=False).json()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert ran.returncode == 0, ran.stdout + ran.stderr
    declared = [
        line.split(": ")[1].strip()
        for line in (ROOT / "prefect.yaml").read_text().splitlines()
        if line.startswith("  - name:")
    ]
    assert sorted(one["name"] for one in found) == sorted(declared)
    assert [one["state_type"] for one in runs if one["deployment_id"]] == ["COMPLETED"]
