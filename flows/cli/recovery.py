"""After a restore from backup: `recover`."""

from __future__ import annotations

import click

from flows.cli import cli
from flows.cli.deliver import login
from flows.cli.frame import Desk, ExitCode, verb


@verb(cli, "recover")
@click.option("--open", "is_opened", is_flag=True, help="The ledger was restored: open an epoch (needs --why).")
@click.option(
    "--close", "destination", default=None, metavar="DESTINATION", help="End it there by your word (needs --why)."
)
@click.option("--why", default=None, help="Which backup was restored, or what was looked at; kept.")
@click.option("--who", default=None, help="Who says so (default: the login name).")
def recover(desk: Desk, is_opened: bool, destination: str | None, why: str | None, who: str | None) -> ExitCode:
    """After the warehouse was restored from a backup, look every create up before it is sent.

    Stop all workers, restore, then `hourline recover --open --why "restored 14:00"`. From then on nothing is made at a
    destination before a look there. Without options: how it stands, and an end to it wherever the read-back covers the lost
    time; `hourline land` and `hourline build` bring the read-back.
    """
    from rich.markup import escape

    from reverse_etl import recovery

    if (is_opened or destination) and not why:
        raise click.UsageError("--open and --close need --why: the reason is kept.")
    if is_opened and destination:
        raise click.UsageError("Open or close, one at a time.")
    actor = who or login()
    if is_opened:
        report = recovery.recover(desk.settings, actor=actor, why=why or "")
    elif destination:
        report = recovery.close(desk.settings, destination, actor=actor, why=why or "")
    else:
        report = recovery.cover(desk.settings, actor=actor)
    desk.show(report.as_dict(), escape(report.text()))
    return ExitCode.OK
