"""What people decide: `proposals`, `approve`, `reject`, `decide`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flows.cli import cli
from flows.cli.deliver import login
from flows.cli.frame import Desk, ExitCode, verb

if TYPE_CHECKING:
    from collections.abc import Callable


def _choosing(function: Any) -> Any:
    """Which proposals, by whom and why: the same for both verdicts."""
    options: list[Callable[[Any], Any]] = [
        click.argument("proposal_ids", nargs=-1, type=int),
        click.option("--sync", default=None, help="Every open proposal of this sync."),
        click.option("--reason", default=None, help="Of this reason."),
        click.option("--period", default=None, metavar="YYYY-MM", help="Of this work-date month."),
        click.option("--why", required=True, help="Kept with the decision."),
        click.option("--who", default=None, help="Who decides (default: the login name)."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@verb(cli, "proposals")
@click.option("--sync", default=None, help="One sync only.")
@click.option("--reason", default=None, help="One reason only.")
@click.option("--owner", default=None, help="One team's only.")
def proposals(desk: Desk, sync: str | None, reason: str | None, owner: str | None) -> ExitCode:
    """Corrections that wait for two people: what is there, what is wanted, why it may not pass unasked, who agreed so far."""
    from rich.markup import escape

    import reverse_etl

    found = reverse_etl.proposals(desk.settings, sync=sync, reason=reason, owner=owner)
    lines = [escape(one.text()) for one in found] or ["No proposal is open."]
    desk.show([one.as_dict() for one in found], *lines)
    return ExitCode.OK


@verb(cli, "approve")
@_choosing
def approve(desk: Desk, proposal_ids: tuple[int, ...], why: str, who: str | None, **choice: str | None) -> ExitCode:
    """Agree to proposals. Two different people have to; the second lets them go, and the next push sends them."""
    import reverse_etl

    said = reverse_etl.approve_proposals(
        desk.settings, actor=who or login(), why=why, **_choice(proposal_ids, **choice)
    )
    told = [f"{said.approved:,} approved"]
    told += [f"{said.released:,} planned: `hourline push` sends them"] if said.released else []
    told += [f"{said.by_hand:,} to be made by hand there, then `hourline decide`"] if said.by_hand else []
    told += [f"{said.waiting:,} wait for another person"] if said.waiting else []
    desk.show(said, "; ".join(told) + ".")
    return ExitCode.OK


@verb(cli, "reject")
@_choosing
def reject(desk: Desk, proposal_ids: tuple[int, ...], why: str, who: str | None, **choice: str | None) -> ExitCode:
    """Turn proposals down. The destination stays as it is; the difference stays held until something else is desired."""
    import reverse_etl

    count = reverse_etl.reject_proposals(
        desk.settings, actor=who or login(), why=why, **_choice(proposal_ids, **choice)
    )
    desk.show({"rejected": count}, f"{count:,} rejected. The destination stays as it is.")
    return ExitCode.OK


def _choice(
    proposal_ids: tuple[int, ...], *, sync: str | None, reason: str | None, period: str | None
) -> dict[str, Any]:
    from flows.queue import month

    if not (proposal_ids or sync or reason or period):
        raise click.UsageError("Say which: proposal ids, --sync, --reason or --period.")
    return {"proposal_ids": list(proposal_ids) or None, "sync": sync, "reason": reason, "period": month(period)}


@verb(cli, "decide")
@click.argument("intent_id", type=int)
@click.argument(
    "choice", required=False, type=click.Choice(["there", "not-there", "take", "leave", "recreate", "gone"])
)
@click.option("--as", "vendor_id", default=None, metavar="ID", help="The id under which it stands there.")
@click.option("--why", default=None, help="Kept with the decision.")
@click.option("--who", default=None, help="Who decides (default: the login name).")
def decide(
    desk: Desk, intent_id: int, choice: str | None, vendor_id: str | None, why: str | None, who: str | None
) -> ExitCode:
    """Without a choice: what was sent, what stands there, what was before, where to look, what each choice will do.

    With one: it is so, and what follows happens, with who and why kept.
    """
    import reverse_etl

    if choice is None:
        asked = reverse_etl.question(desk.settings, intent_id)
        desk.show(asked.as_dict(), *_picture(asked))
        return ExitCode.OK
    if not why:
        raise click.UsageError("A decision needs --why: the reason is kept with it.")
    done = reverse_etl.answer(desk.settings, intent_id, choice, vendor_id=vendor_id, actor=who or login(), why=why)
    desk.show({"intent_id": intent_id, "choice": choice, "outcome": done}, done)
    return ExitCode.OK


def _picture(asked: Any) -> list[str]:
    from rich.markup import escape

    told = asked.as_dict()
    lines = [
        f"[bold]{escape(asked.request_key)}[/bold] → {escape(asked.destination)}: {asked.operation}, {asked.state}"
        + (f" ({escape(asked.reason)})" if asked.reason else ""),
        escape(asked.where),
    ]
    for title, name in (("Sent", "sent"), ("In effect before", "before"), ("Stands there now", "there")):
        lines.append(f"{title}: {escape(_fields(told[name]))}")
    if asked.note:
        lines.append(escape(asked.note))
    lines += [f"  [bold]{name}[/bold]  {escape(what)}" for name, what in asked.choices.items()]
    return lines + ([] if asked.choices else ["Nothing is open to decide: it waits for no person."])


def _fields(values: dict[str, Any] | None) -> str:
    return "nothing" if not values else ", ".join(f"{name} {value}" for name, value in values.items() if value)
