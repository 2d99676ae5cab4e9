"""What finance asks: `reconcile` and `trace`."""

from __future__ import annotations

import time

import click

from flows.cli import cli
from flows.cli.frame import Desk, ExitCode, verb


@verb(cli, "reconcile")
@click.option("--sync", default=None, help="One sync only.")
@click.option("--entity", default=None, help="One legal entity only.")
@click.option("--month", default=None, metavar="YYYY-MM", help="One work-date month only.")
@click.option("--by", type=click.Choice(["sync", "entity", "month"]), default="entity", show_default=True,
              help="How far down the tables go.")  # fmt: skip
@click.option("--read-back", is_flag=True, help="Read the destinations again first.")
def reconcile(
    desk: Desk, sync: str | None, entity: str | None, month: str | None, by: str, read_back: bool
) -> ExitCode:
    """The statement: is every approved hour accounted for, by source, sync, legal entity and month?

    Ends with 1 when anything is unexplained, with 3 when nothing is but hours were changed, deleted or added by hand at
    a destination, else with 0. The answer for all entities and months decides, also when the tables show a part.
    """
    from flows import jobs
    from flows.render import statement as picture

    settings = desk.settings
    if read_back:
        for name in sorted({one for each in jobs.syncs() for one in jobs.destinations(settings, each)}):
            with desk.working(f"Reading {name}"):
                jobs.land(settings, name)
    began = time.monotonic()
    with desk.working("Reconciling"):
        statement = jobs.reconcile(settings)
    desk.say(f"Drawn in {time.monotonic() - began:.1f} s.")
    part = statement.only(sync=sync, legal_entity=entity, month=month)
    desk.show(
        {"exit_code": statement.exit_code, "sentence": statement.sentence, "lines": part.lines},
        picture.picture(part, by),
    )
    return ExitCode(statement.exit_code)


@verb(cli, "trace")
@click.argument("entry", metavar="TIME_ENTRY")
def trace(desk: Desk, entry: str) -> None:
    """One time entry's whole story through every system, in order of time.

    TIME_ENTRY is its id in the PSA, or CONNECTION:ID where several are connected.
    """
    from flows import story
    from flows.render import trace as picture

    found = story.tell(desk.settings, entry)
    desk.show(found, picture.picture(found))
