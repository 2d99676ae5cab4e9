"""What went wrong, who is told, and what becomes of it: `exceptions`, `replay`, `notify`."""

from __future__ import annotations

import itertools

import click

from flows.cli import cli
from flows.cli.deliver import login
from flows.cli.frame import Desk, ExitCode, verb


@verb(cli, "exceptions")
@click.option("--sync", default=None, help="One sync only.")
@click.option("--cause", default=None, help="The rows of one cause: its key (c…), or its words.")
@click.option("--owner", default=None, help="One team's only.")
@click.option("--rows", is_flag=True, help="A line for each hour instead of one for each cause.")
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True,
              help="Most rows shown to a person; --json gives all.")  # fmt: skip
def exceptions(desk: Desk, sync: str | None, cause: str | None, owner: str | None, rows: bool, limit: int) -> ExitCode:
    """What is held or refused: why, whose it is, hours and money, since when, and when it is due.

    One line a cause: what has to be mended once, however many rows wait for it. --cause shows its rows, --rows all.
    """
    import reverse_etl
    from flows.render import exceptions as picture

    if not (rows or cause):
        found = reverse_etl.causes(desk.settings, sync=sync, owner=owner)
        desk.show([one.as_dict() for one in found], picture.causes(found))
        return ExitCode.OK
    listed = reverse_etl.exceptions(desk.settings, sync=sync, cause=cause, owner=owner)
    if desk.as_json:
        desk.stream(one.as_dict() for one in listed)
        return ExitCode.OK
    shown = list(itertools.islice(listed, limit))
    more = sum(1 for _ in listed)
    about = reverse_etl.causes(desk.settings, sync=sync, cause=cause, owner=owner) if cause else []
    desk.show(None, *([picture.causes(about), ""] if about else []), picture.rows(shown),
              *([f"… and {more:,} more; --limit or --json shows them."] if more else []))  # fmt: skip
    return ExitCode.OK


@verb(cli, "replay")
@click.argument("exception_ids", nargs=-1, type=int)
@click.option("--cause", default=None, help="Every open exception of this cause: its key (c…), or its words.")
@click.option("--sync", default=None, help="Of this sync.")
@click.option("--period", default=None, metavar="YYYY-MM", help="Of this work-date month.")
@click.option(
    "--since", default=None, metavar="TIME", help="Opened at or after this time (UTC unless it says otherwise)."
)
@click.option("--until", default=None, metavar="TIME", help="Opened before this time.")
@click.option("--why", required=True, help="What was corrected; kept with the replay.")
@click.option("--who", default=None, help="Who corrected it (default: the login name).")
def replay(desk: Desk, exception_ids: tuple[int, ...], cause: str | None, sync: str | None, period: str | None,
           since: str | None, until: str | None, why: str, who: str | None) -> ExitCode:  # fmt: skip
    """Put corrected exceptions back to planned; the next push sends them, behind the door.

    What a rule holds is left alone: it goes by itself with the next plan, once its cause is mended.
    """
    from flows import queue

    if not (exception_ids or cause or sync or period or since or until):
        raise click.UsageError("Say what to replay: exception ids, --cause, --sync, --period, --since or --until.")
    count = queue.replay(
        desk.settings, exception_ids, cause=cause, sync=sync, period=period, since=since, until=until,
        who=who or login(), why=why,
    )  # fmt: skip
    desk.show({"replayed": count}, f"{count:,} back to planned. `hourline push --no-plan` sends them.")
    return ExitCode.OK


@verb(cli, "notify")
def notify(desk: Desk) -> ExitCode:
    """Tell each cause's owner, once: when it opens, when it grows or is overdue, and when it is solved.

    Channels are secrets: HOURLINE_SECRET__NOTIFY__<TEAM>, or __DEFAULT, an address as apprise writes it. A channel that
    is down is tried again by the next call; the exit code is then 4.
    """
    import reverse_etl

    report = reverse_etl.notify(desk.settings)
    desk.show(report.as_dict(), report.text())
    return ExitCode.STOPPED if report.failing else ExitCode.OK
