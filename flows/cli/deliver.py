"""The way out: `plan`, `push`, `adopt`."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

from flows.cli import cli
from flows.cli.frame import Desk, ExitCode, verb

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PATIENCE_SECONDS = 15.0  # a person waits; a night has more


@verb(cli, "plan")
@click.argument("syncs", nargs=-1, metavar="[SYNC]…")
@click.option("--approve", type=int, default=None, metavar="PLAN_ID", help="Let a plan go that asked first.")
@click.option("--why", default=None, help="Why it may go; kept with the approval.")
@click.option("--who", default=None, help="Who says so (default: the login name).")
@click.option("--keep", is_flag=True, help="Write the intents, for the next push to send.")
def plan(desk: Desk, syncs: tuple[str, ...], approve: int | None, why: str | None, who: str | None,
         keep: bool) -> ExitCode:  # fmt: skip
    """What would be created, amended, reversed and held, with hours and money per entity and month.

    Nothing is written unless --keep is given, and nothing is ever sent. A plan that would change more of what is settled
    than policy allows asks first: look at it, then `hourline plan --approve PLAN_ID --why "…"`.
    """
    import reverse_etl
    from flows import jobs

    settings = desk.settings
    if approve is not None:
        if not why:
            raise click.UsageError("--approve needs --why: the reason is kept with the approval.")
        released = reverse_etl.approve(settings, approve, actor=who or login(), why=why)
        desk.show({"plan_id": approve, "released": released}, f"Plan {approve} approved: {released:,} intents may go.")
        return ExitCode.OK
    wanted = _known(syncs)
    with desk.working("Planning"):
        reports = [jobs.plan(settings, name, keep=keep, actor=who or login()) for name in wanted]
    desk.show([one.as_dict() for one in reports], *(text_of(one) for one in reports))
    return (
        ExitCode.HELD_AT_DOOR
        if any(one.batch_state in {"needs_approval", "stopped"} for one in reports)
        else ExitCode.OK
    )


@verb(cli, "push")
@click.argument("syncs", nargs=-1, metavar="[SYNC]…")
@click.option("--to", "destination", default=None, help="One destination only.")
@click.option("--plan/--no-plan", "plan_first", default=True, help="Plan first (default), or send what is planned.")
@click.option("--patience", type=click.FloatRange(min=0), default=PATIENCE_SECONDS, show_default=True, metavar="SECONDS",
              help="How long to wait, per destination, for what is due again soon.")  # fmt: skip
def push(desk: Desk, syncs: tuple[str, ...], destination: str | None, plan_first: bool, patience: float) -> ExitCode:
    """Plan, pass the departure door, send, and follow up what was accepted. Run it as often as you like.

    What a destination put off (too many calls, no answer) is tried again within --patience; what is due later waits in the
    ledger for the next push. A destination that fails five times running is left alone, and the others go on.
    """
    from flows import jobs

    settings = desk.settings
    if destination:
        settings.connection(destination)
    deliveries: list[Any] = []
    for name in _known(syncs):
        with desk.working(f"Delivering {name}") as working:
            sender = functools.partial(jobs.push, settings, name, patience=patience, progress=_teller(desk, working))
            deliveries.append(_deliver(jobs, settings, name, destination, sender, plan_first=plan_first))
    desk.show(
        [{"sync": one["sync"], "plan": one["plan"] and one["plan"].as_dict(), "held_at_door": one["held"],
          "pushes": [each.as_dict() for each in one["pushes"]]} for one in deliveries],
        *(line for one in deliveries for line in _lines(one)),
    )  # fmt: skip
    if any(each.stopped for one in deliveries for each in one["pushes"]):
        return ExitCode.STOPPED
    stopped = [one for one in deliveries if one["plan"] and one["plan"].batch_state in {"needs_approval", "stopped"}]
    return ExitCode.HELD_AT_DOOR if stopped or any(one["held"] for one in deliveries) else ExitCode.OK


def _deliver(
    jobs: Any, settings: Any, sync: str, destination: str | None, sender: Callable[[str], Any], *, plan_first: bool
) -> dict[str, Any]:
    wanted = [one for one in jobs.destinations(settings, sync) if destination in (None, one)]
    planned = jobs.plan(settings, sync, actor=login()) if plan_first else None
    held = jobs.pass_departure(settings, planned) if planned else {}
    return {"sync": sync, "plan": planned, "held": held, "pushes": [sender(one) for one in wanted]}


def _teller(desk: Desk, working: Callable[[str], None]) -> Callable[[Any], None]:
    """Says how far a push is; a wait gets a line also where nobody watches a status line."""
    from rich.markup import escape

    def tell(report: Any) -> None:
        line = escape(report.text().partition("\n")[0])
        working(line)
        if report.waiting and not desk.console.is_terminal:
            desk.say(line)

    return tell


def _lines(delivery: dict[str, Any]) -> list[str]:
    from rich.markup import escape

    lines = [text_of(delivery["plan"])] if delivery["plan"] else []
    lines += [f"held at the door by {rule}: {count:,}" for rule, count in delivery["held"].items()]
    return lines + [escape(each.text()) for each in delivery["pushes"]]


@verb(cli, "adopt")
@click.argument("syncs", nargs=-1, metavar="[SYNC]…")
@click.option("--dry-run", is_flag=True, help="Show what matches; settle nothing.")
@click.option("--who", default=None, help="Who adopts (default: the login name).")
def adopt(desk: Desk, syncs: tuple[str, ...], dry_run: bool, who: str | None) -> ExitCode:
    """Settle, unsent, the hours a destination already holds; list those that match nothing, for a person."""
    from rich.markup import escape

    import reverse_etl

    settings = desk.settings
    wanted = _known(syncs or ("erp_labor",))
    with desk.working("Matching what is there"):
        reports = [reverse_etl.adopt(settings, name, dry_run=dry_run, actor=who or login()) for name in wanted]
    desk.show([one.as_dict() for one in reports], *(escape(one.text()) for one in reports))
    return ExitCode.OK


def text_of(report: Any) -> str:
    """A plan with its sync's name above it."""
    from rich.markup import escape

    number = f" (plan {report.plan_id})" if report.plan_id else ""
    return f"[bold]{report.sync}[/bold]{number}\n{escape(report.text())}"


def login() -> str:
    """The login name, for the audit."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _known(syncs: Sequence[str]) -> list[str]:
    from flows import jobs
    from reverse_etl.syncs import named

    return [named(name).name for name in syncs] if syncs else list(jobs.syncs())
