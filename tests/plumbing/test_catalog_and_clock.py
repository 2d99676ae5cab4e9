"""Vendors are found by looking; time is an input; a gate keeps an allowance."""

import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plumbing import catalog, vendors
from plumbing.clock import ManualClock, SystemClock
from plumbing.errors import Misconfigured
from plumbing.limits import Allowance, LocalGate, gate_of


def test_vendors_are_found_as_modules_and_folders_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "shop_of_vendors"
    (package / "acme").mkdir(parents=True)
    (package / "_private").mkdir()
    for file in ("__init__.py", "acme/__init__.py", "_private/__init__.py", "zeta.py"):
        (package / file).write_text("" if file == "__init__.py" else "raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)
    assert catalog.systems("shop_of_vendors") == ["acme", "zeta"]
    assert "shop_of_vendors.acme" not in sys.modules


@pytest.mark.parametrize("system", catalog.systems("plumbing.vendors"))
def test_every_vendor_has_options_secrets_and_client(system: str) -> None:
    module = vendors.module(system)
    assert issubclass(module.Options, vendors_base("VendorOptions"))
    assert issubclass(module.Secrets, vendors_base("VendorSecrets"))
    assert callable(module.client)
    assert callable(module.read_error)


def vendors_base(name: str) -> type:
    from plumbing import vendor_options

    base: type = getattr(vendor_options, name)
    return base


def test_unknown_system_is_said() -> None:
    with pytest.raises(Misconfigured, match=r"There is no system 'acme'\. Known systems are gusto, kantata"):
        vendors.module("acme")


def test_system_clock_is_utc_and_monotonic() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()


def test_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(datetime(2026, 5, 1, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.sleep(90)
    assert clock.now() == datetime(2026, 5, 1, 0, 1, 30, tzinfo=UTC)
    assert (clock.monotonic(), clock.slept) == (90.0, [90])
    with pytest.raises(ValueError, match=r"aware"):
        ManualClock(datetime(2026, 5, 1))  # noqa: DTZ001


def test_window_rolls() -> None:
    clock = ManualClock()
    gate = LocalGate(Allowance(concurrency=9, requests=2, window_seconds=60), clock)
    for pause in (0, 40, 0, 0):
        clock.advance(pause)
        with gate.slot():
            pass
    assert clock.slept == [20.0, 40.0]


def test_raised_allowance_raises_both_limits() -> None:
    assert Allowance(2, 100, 60).times(3) == Allowance(6, 300, 60)
    assert Allowance(2).times(3) == Allowance(6)


def test_gate_is_shared_within_a_connection_and_not_between_connections() -> None:
    clock = SystemClock()
    one = gate_of("acme", "http://x/", Allowance(), clock)
    assert gate_of("acme", "http://x/", Allowance(), clock) is one
    assert gate_of("other", "http://x/", Allowance(), clock) is not one


def test_failed_call_frees_its_slot() -> None:
    gate = LocalGate(Allowance(concurrency=1), SystemClock())
    with pytest.raises(RuntimeError), gate.slot():
        raise RuntimeError
    entered = threading.Event()

    def enter() -> None:
        with gate.slot():
            entered.set()

    threading.Thread(target=enter, daemon=True).start()
    assert entered.wait(timeout=5)
