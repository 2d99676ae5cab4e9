"""All of it at once: `nightly` and `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from flows.cli import cli
from flows.cli.frame import Desk, ExitCode, verb

if TYPE_CHECKING:
    from flows.demo import Outcome
    from flows.nightly import Night


@verb(cli, "nightly")
def nightly(desk: Desk) -> ExitCode:
    """The whole night's work: land, check, build, deliver, read back, reconcile.

    Runs against the Prefect server that is up (`hourline up`, or PREFECT_API_URL), else against one of its own. A source
    that stops keeps back what rests on it and nothing else; run it again when you like.
    """
    from rich.markup import escape

    from flows import orchestration, supervision
    from flows.narration import listening
    from flows.render import statement as picture

    settings = desk.settings
    with supervision.terminable(), listening(desk.say), orchestration.server(settings) as server:
        desk.say(f"Prefect: {server.ui_url}")
        with orchestration.session(settings, server):
            from flows.nightly import nightly as night_flow

            state = cast(Any, night_flow)(str(settings.home), return_state=True)
            night = state.result(raise_on_failure=False)
            if isinstance(night, BaseException):
                raise night
    pictures = [picture.picture(night.statement, "entity")] if night.statement else []
    desk.show(
        _plain(night),
        *pictures,
        *(f"[red]{name}[/red]: {escape(why)}" for name, why in (night.stopped | night.waiting).items()),
    )
    return _exit_code(night)


def _plain(night: Night) -> dict[str, Any]:
    return {
        "stopped": night.stopped,
        "waiting": night.waiting,
        "plans": [one.as_dict() for one in night.plans.values()],
        "pushes": [one.as_dict() for one in night.pushes],
        "statement": {"exit_code": night.statement.exit_code, "sentence": night.statement.sentence}
        if night.statement
        else None,
    }


def _exit_code(night: Night) -> ExitCode:
    """The statement decides; then what stopped."""
    if night.statement is None or night.statement.exit_code == ExitCode.FAILED:
        return ExitCode.FAILED
    if night.stopped or night.waiting:
        return ExitCode.HELD_AT_DOOR if any("door" in why for why in night.stopped.values()) else ExitCode.STOPPED
    return ExitCode(night.statement.exit_code)


@verb(cli, "demo")
@click.option("--fresh", is_flag=True, help="Start over; removes what an earlier demo left in the data folder.")
@click.option("--entries", type=click.IntRange(min=1), default=3000, show_default=True, help="Open time entries.")
@click.option("--seed", type=int, default=7, show_default=True, help="Another seed is another firm.")
def demo(desk: Desk, fresh: bool, entries: int, seed: int) -> ExitCode:
    """The whole job on a simulated firm: five systems on loopback, two nights, a day of life between them.

    Run again it goes on from where it was. It leaves no process behind, and never touches a configuration of yours.
    """
    from flows import demo as show
    from flows.narration import listening
    from plumbing import settings as configuration

    home = configuration.load(desk.home).home
    with listening(desk.say):
        outcome = show.run(home, fresh=fresh, entries=entries, seed=seed)
    desk.show(show.plain(outcome), *_pictures(outcome, home))
    return ExitCode(outcome.statement.exit_code)


def _pictures(outcome: Outcome, home: Path) -> list[Any]:
    """The statement, the exceptions, one traced hour, and what to try next."""
    from flows.render import exceptions, statement, trace

    flag = "" if home == Path.cwd() / ".hourline" else f" --home {home}"
    tries = [
        ("hourline reconcile --by month", "the statement, month by month"),
        ("hourline exceptions --rows", "every hour that waits for a person"),
        (
            f"hourline trace {outcome.story.source_id}" if outcome.story else "hourline trace <time entry>",
            "that story again",
        ),
        ("hourline docs --serve", "every model and column, from raw to sync"),
        ("hourline up", "the Prefect server with both nights in its pages"),
        ("hourline demo", "another day and night; --fresh starts over"),
        ("hourline init", "your own systems"),
    ]
    parts: list[Any] = ["", "[bold]The statement[/bold]", statement.picture(outcome.statement, "entity"),
                        "", "[bold]Exceptions[/bold]", exceptions.causes(outcome.causes)]  # fmt: skip
    if outcome.story:
        parts += ["", "[bold]One hour, traced[/bold]", trace.picture(outcome.story)]
    parts += ["", f"Done in {outcome.seconds:.0f} s. [bold]What to try next[/bold]"]
    return parts + [f"  {command + flag:44} {why}" for command, why in tries]
