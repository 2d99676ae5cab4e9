"""What went wrong and what becomes of it: `exceptions`, `replay`."""

from __future__ import annotations

import click

from flows.cli import cli
from flows.cli.deliver import login
from flows.cli.frame import Desk, ExitCode, verb


@verb(cli, "exceptions")
@click.option("--sync", default=None, help="One sync only.")
@click.option("--cause", default=None, help="One cause only.")
@click.option("--owner", default=None, help="One team's only.")
@click.option("--rows", is_flag=True, help="A line for each hour instead of one for each cause.")
def exceptions(desk: Desk, sync: str | None, cause: str | None, owner: str | None, rows: bool) -> ExitCode:
    """What is held or refused: why, whose it is, hours and money. One line a cause; --rows for each."""
    from flows import queue
    from flows.render import exceptions as picture

    found = queue.open_exceptions(desk.settings, sync=sync, cause=cause, owner=owner)
    if rows:
        desk.show(found, picture.rows(found))
    else:
        causes = queue.by_cause(found)
        desk.show(causes, picture.causes(causes))
    return ExitCode.OK


@verb(cli, "replay")
@click.argument("exception_ids", nargs=-1, type=int)
@click.option("--cause", default=None, help="Every open exception of this cause.")
@click.option("--sync", default=None, help="Of this sync.")
@click.option("--period", default=None, metavar="YYYY-MM", help="Of this work-date month.")
@click.option("--why", required=True, help="What was corrected; kept with the replay.")
@click.option("--who", default=None, help="Who corrected it (default: the login name).")
def replay(desk: Desk, exception_ids: tuple[int, ...], cause: str | None, sync: str | None, period: str | None,
           why: str, who: str | None) -> ExitCode:  # fmt: skip
    """Put corrected exceptions back to planned; the next push sends them, behind the door."""
    from flows import queue

    if not (exception_ids or cause or sync or period):
        raise click.UsageError("Say what to replay: exception ids, --cause, --sync or --period.")
    count = queue.replay(
        desk.settings, exception_ids, cause=cause, sync=sync, period=period, who=who or login(), why=why
    )
    desk.show({"replayed": count}, f"{count:,} back to planned. `hourline push` sends them.")
    return ExitCode.OK
