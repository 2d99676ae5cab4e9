"""The command line `hourline`: one file per group of verbs, loaded when its verb is asked for.

`hourline --help` reads the table below and imports nothing else, which is how it stays quick.
"""

from __future__ import annotations

import importlib

import click

from flows.cli.frame import EXIT_CODES, Desk, shared_options

# verb -> (module of flows.cli that defines it, what --help says of it)
VERBS = {
    "init": ("configure", "Choose systems, write the configuration, check credentials, first plan."),
    "demo": ("show", "The whole job on simulated systems, in about two minutes."),
    "up": ("serve", "Warehouse, Prefect server and UI (and simulators) in the foreground."),
    "down": ("serve", "Stop the embedded warehouse and what a killed command left running."),
    "land": ("lanes", "Read the sources and append what changed."),
    "build": ("lanes", "Build the models (dbt)."),
    "check": ("lanes", "Ask every landing door whether what arrived is plausible."),
    "plan": ("deliver", "What would be sent, and what is held; sends nothing."),
    "push": ("deliver", "Plan, pass the door, send, follow up."),
    "adopt": ("deliver", "Settle, unsent, the hours a destination already holds."),
    "exceptions": ("queue", "What was refused or held, why, and whose it is."),
    "replay": ("queue", "Send corrected exceptions again."),
    "notify": ("queue", "Tell the owners of causes: opened, grown, overdue, solved."),
    "audit": ("audit", "Seal, verify and anchor the audit chain."),
    "proposals": ("decide", "Corrections that two people have to agree to."),
    "approve": ("decide", "Agree to proposals; the second person's word lets them go."),
    "reject": ("decide", "Turn proposals down; the destination stays as it is."),
    "decide": ("decide", "An outcome nobody knows, a conflict, a row gone by hand: look, and say."),
    "recover": ("recovery", "After a restore from backup: look up before anything is made."),
    "reconcile": ("account", "The statement: is every approved hour accounted for?"),
    "trace": ("account", "One time entry's story through every system."),
    "nightly": ("show", "The whole night's work: land, check, build, deliver, reconcile."),
    "docs": ("lanes", "Build (and serve) the models' documentation."),
    "doctor": ("configure", "What is configured, reachable, and wrong."),
}


class Verbs(click.Group):
    """Finds a verb's module only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in VERBS and name not in self.commands:
            importlib.import_module(f"flows.cli.{VERBS[name][0]}")
        return super().get_command(ctx, name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.group(cls=Verbs, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hourline", message="hourline %(version)s")
@shared_options
@click.pass_context
def cli(ctx: click.Context, /, **options: object) -> None:
    """Every approved hour, from timesheet to cash: landed, modelled, posted, and accounted for."""
    ctx.obj = Desk(**options)  # type: ignore[arg-type]


def main() -> None:
    """Entry point of `hourline`."""
    cli(prog_name="hourline")
