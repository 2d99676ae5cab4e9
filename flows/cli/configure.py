"""`init` and `doctor`: what is configured, and whether it is right."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.cli import cli
from flows.cli.frame import Desk, ExitCode, verb

if TYPE_CHECKING:
    from flows.configuration import Chosen


@verb(cli, "init")
@click.argument("connections", nargs=-1, metavar="[NAME[=SYSTEM]]…")
@click.option("--from", "source", type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="JSON file with a name for each connection: {name: {system, base_url, options, secrets, ca_file}}.")  # fmt: skip
@click.option("--rules", type=click.Path(path_type=Path, file_okay=False, exists=True),
              help="Folder with your firm's rule files (CSV).")  # fmt: skip
@click.option("--check/--no-check", default=True, help="Try credentials and scopes.")
@click.option("--first-plan/--no-first-plan", default=True, help="Read everything once and plan; sends nothing.")
def init(desk: Desk, connections: tuple[str, ...], source: Path | None, rules: Path | None, check: bool,
         first_plan: bool) -> ExitCode:  # fmt: skip
    """Choose systems, write the configuration, check it, and show the first plan.

    Names what to connect (`kantata`, or `netsuite_us=netsuite`), asks for the rest, and writes hourline.toml and
    secrets.toml (mode 0600) in the data folder. With --from nothing is asked. It only ever reads from your systems.
    """
    from rich import markup

    from flows import configuration, diagnosis, jobs
    from plumbing import settings as env

    home = env.load(desk.home).home
    chosen = _from_file(source, connections) if source else _ask(desk, connections)
    written = configuration.write(home, chosen)
    written += configuration.write_rules(home, rules or env.load(home).rules_dir)
    desk.say(f"Written: {', '.join(str(path) for path in written)}")
    settings = env.load(home)
    settings.require_connections()
    with desk.working("Preparing the warehouse"):
        jobs.prepare(settings)
    findings = diagnosis.connections(settings) if check else []
    faulty = [one for one in findings if not one.is_good]
    for one in findings:
        mark = "[green]✓[/green]" if one.is_good else "[red]✗[/red]"
        desk.say(f"  {mark} {one.subject}: {markup.escape(one.message)}")
    plans: list[Any] = []
    if first_plan and not faulty:
        plans = _first_plan(desk, settings)
    if desk.as_json:
        desk.show({"written": written, "findings": findings, "plans": plans})
    return ExitCode.MISCONFIGURED if faulty else ExitCode.OK


def _first_plan(desk: Desk, settings: Any) -> list[Any]:
    """Reads every source, builds, and plans without keeping or sending anything."""
    from flows import jobs
    from flows.cli.deliver import text_of

    for name in settings.connections:
        with desk.working(f"Reading {name}"):
            jobs.land(settings, name)
    with desk.working("Building the models"):
        jobs.build(settings)
    with desk.working("Planning"):
        plans = jobs.plan_all(settings, keep=False)
    if not desk.as_json:
        desk.show(plans, *(text_of(one) for one in plans))
        desk.say("Nothing was sent. `hourline adopt` settles what is already there; then `hourline nightly`.")
    return plans


def _from_file(source: Path, wanted: tuple[str, ...]) -> dict[str, Chosen]:
    """Connections from a JSON file; just the named ones, if any are named."""
    from flows.configuration import Chosen
    from plumbing.errors import Misconfigured

    try:
        given = json.loads(source.read_text(encoding="utf-8"))
        names = [name.partition("=")[0] for name in wanted] or list(given)
        return {
            name: Chosen(given[name].get("system", name), given[name]["base_url"], given[name].get("options", {}),
                         given[name].get("secrets", {}), given[name].get("ca_file"))
            for name in names
        }  # fmt: skip
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise Misconfigured(
            f"{source} does not describe connections: {type(error).__name__} {error}.",
            remedy='It is one JSON object: {"kantata": {"base_url": …, "options": {…}, "secrets": {…}}, …}.',
        ) from None


def _ask(desk: Desk, named: tuple[str, ...]) -> dict[str, Chosen]:
    """Asks a person for each connection; option and secret names come from the vendor's own module."""
    from flows.configuration import Chosen
    from plumbing import catalog
    from plumbing.errors import Misconfigured

    known = catalog.systems("plumbing.vendors")
    if desk.as_json:
        raise Misconfigured("`init --json` can't ask questions.", remedy="Give the answers with --from FILE.")
    wanted = list(named) or [one for one in known if click.confirm(f"Connect {one}?", default=True)]
    chosen = {}
    for item in wanted:
        name, _, system = item.partition("=")
        system = system or name
        if system not in known:
            raise Misconfigured(f"There is no system {system!r}; there are {', '.join(known)}.",
                                remedy="Write NAME=SYSTEM for a connection with a name of its own.")  # fmt: skip
        vendor = importlib.import_module(f"plumbing.vendors.{system}")
        desk.say(f"[bold]{name}[/bold] ({system})")
        options = {}
        base_url = click.prompt("  base_url")
        for field, about in vendor.Options.model_fields.items():
            if about.is_required():
                options[field] = click.prompt(f"  {field}")
        secrets = {
            field: click.prompt(f"  {field}", hide_input=True)
            for field, about in vendor.Secrets.model_fields.items()
            if about.is_required()
        }
        chosen[name] = Chosen(system, base_url, options, secrets)
    return chosen


@verb(cli, "doctor")
@click.option("--offline", is_flag=True, help="Look at the configuration and the warehouse only.")
def doctor(desk: Desk, offline: bool) -> ExitCode:
    """What is configured, reachable, and wrong: one line each, with what to do."""
    from flows import diagnosis
    from flows.render import findings as picture

    with desk.working("Looking"):
        findings = diagnosis.everything(desk.settings, offline=offline)
    desk.show(findings, picture.table(findings))
    if all(one.is_good for one in findings):
        return ExitCode.OK
    return ExitCode(max((one.exit_code for one in findings if not one.is_good), default=ExitCode.FAILED))
