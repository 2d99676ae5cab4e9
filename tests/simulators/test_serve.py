"""A run of the simulators: what it writes, how it ends, how it is gone on with."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

from simulators.serve import load, vendors
from tests.fixtures.simulators import Firm, start_firm

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
SMALL = {"seed": 7, "entries": 200}


def test_every_vendor_is_found_by_looking() -> None:
    folders = {path.stem for path in (ROOT / "simulators").iterdir() if not path.name.startswith("_")}
    assert set(vendors()) == folders - {"kit", "firm", "serve", "faultproxy"}
    assert {"kantata", "salesforce", "workday", "netsuite", "gusto"} <= set(vendors())
    with pytest.raises(ValueError, match="no simulator is called acme; there are gusto, kantata"):
        load(["acme"])


def test_addresses_are_whole_for_every_vendor(firm: Firm) -> None:
    assert set(firm.addresses) == set(vendors())
    for name, one in firm.addresses.items():
        assert {"base_url", "options", "secrets", "control_url"} <= set(one), name
        assert one["secrets"], name
        assert firm[name].get("health")["errors"] == []
    rules = {path.name for path in (firm.out / "rules").iterdir()}
    assert {"legal_entity.csv", "work_type_map.csv", "owner_team.csv"} <= rules
    written = [orjson.loads(line) for line in (firm.out / "truth.jsonl").read_bytes().splitlines()]
    assert written == firm.truth()


def test_vendor_by_tls_is_trusted_by_its_ca_alone(firm: Firm) -> None:
    url = firm.addresses["salesforce"]["control_url"] + "/health"
    assert url.startswith("https://")
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(url)
    assert firm["salesforce"].get("health")["vendor"] == "salesforce"


def test_vendors_share_one_firm_and_one_clock(firm: Firm) -> None:
    firm["kantata"].post("clock", {"frozen": True})
    assert firm["gusto"].get("clock") == firm["workday"].get("clock")
    firm["workday"].change("delete")
    assert firm["kantata"].truth() == firm["netsuite"].truth()


def test_day_of_life_breaks_no_vendor(firm: Firm) -> None:
    done = firm.change("day")["day"]
    assert {"approve", "edit", "withdraw", "close_phase", "approve_sheets"} <= {one["verb"] for one in done}
    assert [firm[name].errors() for name in vendors()] == [[]] * len(vendors())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_ends_cleanly_when_told(tmp_path: Path, number: signal.Signals) -> None:
    with start_firm(tmp_path, **SMALL) as firm:
        firm.process.send_signal(number)
        assert firm.process.wait(20) == 0
        assert not (tmp_path / "simulators.json").exists()
        assert (tmp_path / "log").read_text() == ""


def test_run_ends_with_the_process_it_belongs_to(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with start_firm(tmp_path, with_parent=parent.pid, **SMALL) as firm:
        assert firm.process.poll() is None
        parent.communicate()
        assert firm.process.wait(20) == 0


def test_kept_run_goes_on_where_it_ended(tmp_path: Path) -> None:
    with start_firm(tmp_path, keep=True, **SMALL) as firm:
        first = firm.change("day")
        firm.change("reopen_period")
        ended = firm.truth(), {name: firm[name].holdings() for name in ("kantata", "netsuite", "gusto")}
    with start_firm(tmp_path, keep=True, **SMALL) as firm:
        assert (firm.truth(), {name: firm[name].holdings() for name in ("kantata", "netsuite", "gusto")}) == ended
        assert firm["netsuite"].total_writes() == 0
        assert firm.change("day") != first
    assert run("--keep", "--seed=8", "--entries=200", out=tmp_path).stderr.startswith(
        f"simulators: {tmp_path / 'happened.jsonl'} tells of another firm"
    )


def test_run_without_keep_starts_over(make_firm: Callable[..., Firm], tmp_path: Path) -> None:
    with start_firm(tmp_path, **SMALL) as firm:
        before = firm.truth()
        firm.change("day")
    with start_firm(tmp_path, **SMALL) as firm:
        assert firm.truth() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--only=acme",), "simulators: no simulator is called acme; there are"),
        (("--entries=0",), "simulators: a firm needs at least one time entry, not 0"),
        (("--allowance=0",), "simulators: an allowance is raised by a whole number of at least 1"),
        (("--as-of=yesterday",), "argument --as-of: invalid"),
    ],
)
def test_impossible_run_is_refused_in_a_sentence(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = run(*arguments, out=tmp_path)
    assert (done.returncode, says in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    assert not (tmp_path / "simulators.json").exists()


def run(*arguments: str, out: Path) -> subprocess.CompletedProcess[Any]:
    return subprocess.run(
        [sys.executable, "-m", "simulators", f"--out={out}", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
