"""The way in: `land`, `check`, `build`, `docs`."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import click

from flows.cli import cli
from flows.cli.frame import Desk, ExitCode, exit_code_of, sentence, verb

if TYPE_CHECKING:
    from flows.outcomes import Landed


@verb(cli, "land")
@click.argument("connections", nargs=-1)
@click.option("--full", is_flag=True, help="Read everything anew, not just what changed.")
@click.option("--missing-limit", type=click.IntRange(0, 100), default=None, metavar="PERCENT",
              help="How much of a list may be gone before its source is stopped (default: 3).")  # fmt: skip
def land(desk: Desk, connections: tuple[str, ...], full: bool, missing_limit: int | None) -> ExitCode:
    """Read CONNECTIONS (all by default) and append every changed version.

    A connection that fails is told with its reason and stops nothing else; the exit code is then 4.
    """
    from flows import jobs
    from flows.render import loads
    from plumbing.errors import HourlineError

    settings = desk.settings
    names = [settings.connection(name).name for name in connections] or list(settings.connections)
    limit = None if missing_limit is None else Decimal(missing_limit) / 100
    jobs.prepare(settings)
    landed: list[Landed] = []
    failures: dict[str, HourlineError] = {}
    for name in names:
        try:
            with desk.working(f"Reading {name}"):
                landed.append(jobs.land(settings, name, full=full, missing_limit=limit))
        except HourlineError as error:
            failures[name] = error
    desk.show(
        {"landed": landed, "stopped": {name: sentence(error) for name, error in failures.items()}},
        loads.table(landed, failures),
    )
    return max((exit_code_of(error) for error in failures.values()), default=ExitCode.OK)


@verb(cli, "check")
@click.argument("connections", nargs=-1)
def check(desk: Desk, connections: tuple[str, ...]) -> ExitCode:
    """Ask the landing door of CONNECTIONS (all by default) whether what arrived is plausible."""
    from flows import jobs
    from flows.render import loads

    settings = desk.settings
    names = [settings.connection(name).name for name in connections] or list(settings.connections)
    verdicts = {name: jobs.check(settings, name) for name in names}
    desk.show(
        {name: {"passed": one.passed, "message": one.message} for name, one in verdicts.items()},
        loads.verdicts(verdicts),
    )
    return ExitCode.OK if all(one.passed for one in verdicts.values()) else ExitCode.HELD_AT_DOOR


@verb(cli, "build")
@click.option("--select", default=None, help="A dbt selector; everything by default.")
def build(desk: Desk, select: str | None) -> None:
    """Load the rules, bring views and tables up to date, and test them (dbt build)."""
    from flows import jobs

    settings = desk.settings
    jobs.prepare(settings)
    with desk.working("Building the models") as working:
        report = jobs.build(settings, select=select, on_node=lambda name, _status: working(name))
    counted = ", ".join(f"{count} {status}" for status, count in sorted(report.statuses.items()))
    desk.show(report, f"Built in {report.seconds:.1f} s: {counted}.")


@verb(cli, "docs")
@click.option("--serve", is_flag=True, help="Serve the pages on loopback until Ctrl-C.")
@click.option("--port", type=int, default=8089, show_default=True, help="Preferred port.")
def docs(desk: Desk, serve: bool, port: int) -> None:
    """Build the models' documentation and lineage (dbt docs), and what the doors said (Data Docs)."""
    from flows import documentation

    settings = desk.settings
    with desk.working("Building the documentation"):
        pages = documentation.build(settings)
    desk.show(pages, *(f"  {name:10} {page}" for name, page in pages.items()))
    if serve:
        documentation.serve(settings, pages, port, desk.say)
