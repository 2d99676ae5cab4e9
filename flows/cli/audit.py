"""Proof that nobody edited the story: `audit seal`, `audit verify`, `audit anchor`."""

from __future__ import annotations

from pathlib import Path

import click

from flows.cli import cli
from flows.cli.frame import Desk, ExitCode, shared_options, verb


@cli.group("audit", context_settings={"help_option_names": ["-h", "--help"]})
@shared_options
@click.pass_context
def audit(ctx: click.Context, /, *, home: Path | None, as_json: bool, debug: bool) -> None:
    """Seal, verify and anchor the audit chain over events, calls and attempts."""
    outer = ctx.find_object(Desk) or Desk()
    ctx.obj = Desk(home or outer.home, as_json or outer.as_json, debug or outer.debug)


@verb(audit, "seal")
@click.option("--follow", is_flag=True, help="Stay, and seal within a second of each commit, until Ctrl-C.")
def seal(desk: Desk, follow: bool) -> None:
    """Chain what happened since the last seal. Every push does it at its end; --follow does it all the time."""
    import threading

    import reverse_etl
    from flows import supervision
    from reverse_etl import audit as chain

    if not follow:
        sealed = reverse_etl.seal(desk.settings)
        desk.show({"sealed": sealed}, f"{sealed:,} rows sealed.")
        return
    stop = threading.Event()
    desk.say("Sealing; Ctrl-C stops it.")
    with supervision.terminable():
        try:
            chain.follow(desk.settings, stop)
        except KeyboardInterrupt:
            desk.say("Stopped; whatever is not sealed yet is by the next call.")


@verb(audit, "verify")
@click.option("--anchor", "anchor_file", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help="A file of anchors kept outside; each must stand in the chain.")  # fmt: skip
def verify(desk: Desk, anchor_file: Path | None) -> ExitCode:
    """Follow the whole chain; name the first row that was edited, deleted, inserted or swapped. Ends with 1 if there is one.

    Covered are events, calls (asked and answered), attempts, and what intents were planned to be. Not proven: rows not
    sealed yet, and, without --anchor, that nobody cut off the end or wrote the whole chain anew.
    """
    from reverse_etl import audit as chain

    anchors = chain.read_anchors(anchor_file) if anchor_file else None
    with desk.working("Verifying"):
        found = chain.verify(desk.settings, anchors)
    desk.show(found.as_dict(), found.text())
    return ExitCode.OK if found.is_intact else ExitCode.FAILED


@verb(audit, "anchor")
@click.option("--file", "anchor_file", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help="Append the line to this file, on a medium that the database's people can't write.")  # fmt: skip
@click.option("--channel", default=None, help="Send the line to this channel of notifications, too.")
def anchor(desk: Desk, anchor_file: Path | None, channel: str | None) -> None:
    """Print the chain's head as one line, for a file, a mail, a ticket or a commit outside this database."""
    from reverse_etl import audit as chain
    from reverse_etl import notifications

    head = chain.head(desk.settings)
    if anchor_file:
        chain.keep(head, anchor_file)
    if channel:
        notifications.send_line(desk.settings, channel, "Hourline: audit anchor", head.line)
    desk.show({"position": head.position, "sha256": head.hash, "line": head.line}, head.line)
