"""`hourline up`: everything that has an address, in one foreground command."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any

import click

from flows.cli import cli
from flows.cli.frame import Desk, verb

if TYPE_CHECKING:
    from plumbing.settings import Settings
    from plumbing.warehouse import Warehouse


@verb(cli, "up")
@click.option("--prefect-port", type=int, default=4200, show_default=True, help="Preferred port of the Prefect server.")
@click.option("--simulators", "with_simulators", is_flag=True, help="Serve the simulated firm as well.")
@click.option("--work", is_flag=True, help="Deploy prefect.yaml and work on what it schedules.")
@click.option("--entries", type=int, default=3000, show_default=True, help="Time entries of the simulated firm.")
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of the simulated firm.")
def up(desk: Desk, prefect_port: int, with_simulators: bool, work: bool, entries: int, seed: int) -> None:
    """Warehouse, Prefect server and its UI, in the foreground, until Ctrl-C.

    Prints every address; on Ctrl-C (or a SIGTERM) all of it is taken down, and the warehouse is stopped cleanly.
    """
    from flows import orchestration, supervision
    from flows.simulated import simulators
    from plumbing import settings as configuration
    from plumbing.warehouse import Warehouse

    settings = configuration.load(desk.home)
    with contextlib.ExitStack() as stack:
        stack.enter_context(supervision.terminable())
        addresses: dict[str, Any] = {}
        if with_simulators:
            desk.say("Starting the simulated firm …")
            firm = stack.enter_context(
                simulators(settings.home, "--entries", str(entries), "--seed", str(seed), "--keep")
            )
            addresses["simulators"] = {name: one["base_url"] for name, one in firm.systems.items()}
        desk.say("Starting the warehouse …")
        warehouse = Warehouse.open(settings)
        stack.callback(warehouse.stop)
        warehouse.migrate()
        desk.say("Starting the Prefect server …")
        server = stack.enter_context(orchestration.server(settings, port=prefect_port))
        if work:
            stack.enter_context(orchestration.worker(settings, server))
        addresses |= {"warehouse": _where(settings, warehouse), "prefect": server.ui_url, "prefect_api": server.api_url}
        desk.show(
            addresses,
            *(f"  {name:12} {value}" for name, value in addresses.items() if isinstance(value, str)),
            *(f"  {name:12} {value}" for name, value in addresses.get("simulators", {}).items()),
            "Ctrl-C stops all of it.",
        )
        _wait()
        desk.say("Stopping …")


@verb(cli, "down")
def down(desk: Desk) -> None:
    """Stop the embedded warehouse, and whatever a killed command left running on this home."""
    from flows import supervision
    from plumbing import embedded
    from plumbing import settings as configuration

    settings = configuration.load(desk.home)
    ended = supervision.end_left_behind(settings.home)
    if embedded.stop(settings.home / "warehouse"):
        ended.append("warehouse")
    desk.show({"stopped": ended}, f"Stopped: {', '.join(ended)}." if ended else "Nothing was running.")


def _where(settings: Settings, warehouse: Warehouse) -> str:
    """Where the warehouse is, without a password."""
    if warehouse.is_embedded:
        return f"embedded in {settings.home / 'warehouse'}"
    found = warehouse.dbt_environment()
    return f"{found['HOURLINE_PG_HOST']}:{found['HOURLINE_PG_PORT']}/{found['HOURLINE_PG_DBNAME']}"


def _wait() -> None:
    """Until Ctrl-C or SIGTERM."""
    done = threading.Event()
    earlier = {number: signal.signal(number, lambda *_: done.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        done.wait()
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
