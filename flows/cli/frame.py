"""What every verb of the command line shares: its options, its way out, and how it speaks of failure.

A verb returns an `ExitCode` (or nothing, for `OK`). Whatever goes wrong in a way a person can mend arrives here as an
`HourlineError` and leaves as one sentence; anything else is a defect of ours and says so, with the traceback behind
`--debug`. With `--json` exactly one JSON document is written to standard output, the error included.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import json
import sys
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Console

    from plumbing.settings import Settings

Verb = TypeVar("Verb", bound="Callable[..., Any]")


class ExitCode(enum.IntEnum):
    """What the number means; the same for every verb."""

    OK = 0
    FAILED = 1
    MISCONFIGURED = 2
    CHANGED_THERE = 3
    STOPPED = 4
    HELD_AT_DOOR = 5


EXIT_CODES = """\b
Exit codes:
  0  done; the statement has nothing unexplained
  1  something is unexplained in the statement, or the command failed
  2  wrong usage, or the configuration is missing or wrong
  3  nothing unexplained, but hours were changed, deleted or added by hand at a destination
  4  a source or destination stopped or could not be reached; the others went on
  5  a door held a source's rows or a batch
"""


def as_plain(value: Any) -> Any:
    """The value as JSON knows it: money and hours as strings in plain notation, times in ISO 8601."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: as_plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, dict):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_plain(item) for item in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return str(value)


@dataclass
class Desk:
    """Where a verb finds its settings and puts its answer."""

    home: Path | None = None
    as_json: bool = False
    debug: bool = False

    @functools.cached_property
    def settings(self) -> Settings:
        """The settings; raises Misconfigured, with what to do, when there are none."""
        from plumbing import settings

        loaded = settings.load(self.home)
        loaded.require_connections()
        return loaded

    @functools.cached_property
    def console(self) -> Console:
        """Standard output; with --json it is kept for the document and words go to standard error."""
        from rich.console import Console

        return Console(stderr=self.as_json, highlight=False, width=None if sys.stdout.isatty() else 150)

    def say(self, text: str) -> None:
        """A line of progress for a person; silent with --json."""
        if not self.as_json:
            self.console.print(text)

    @contextlib.contextmanager
    def working(self, what: str) -> Iterator[Callable[[str], None]]:
        """Shows that something is being done; yields a way to say what exactly. One plain line when nobody watches."""
        if self.as_json or not self.console.is_terminal:
            self.say(f"{what} …")
            yield lambda _detail: None
            return
        with self.console.status(f"{what} …") as status:
            yield lambda detail: status.update(f"{what} … [dim]{detail}[/dim]")

    def show(self, value: Any, *pictures: Any) -> None:
        """The verb's answer: `value` as JSON, or its `pictures` (rich renderables) for a person."""
        if self.as_json:
            click.echo(json.dumps(as_plain(value), ensure_ascii=False, indent=2))
            return
        for picture in pictures:
            self.console.print(picture)

    def stream(self, values: Iterable[Any]) -> None:
        """One JSON array, an element a line, written while it is read: for answers that may be long."""
        lead = "["
        for value in values:
            click.echo(f"{lead}\n{json.dumps(as_plain(value), ensure_ascii=False)}", nl=False)
            lead = ","
        click.echo("[]" if lead == "[" else "\n]")


def verb(group: click.Group, name: str, **settings: Any) -> Callable[[Verb], click.Command]:
    """Registers a function as a verb of `group`, with --json, --debug and --home, and one way out."""

    def decorate(function: Verb) -> click.Command:
        @functools.wraps(function)
        def run(*args: Any, as_json: bool, debug: bool, home: Path | None, **options: Any) -> None:
            outer = click.get_current_context().find_object(Desk) or Desk()
            desk = Desk(home or outer.home, as_json or outer.as_json, debug or outer.debug)
            sys.exit(leave(desk, functools.partial(function, desk, *args, **options)))

        return group.command(name, **settings)(shared_options(run))

    return decorate


def shared_options(function: Any) -> Any:
    """--home, --json and --debug, which may stand before or after the verb."""
    for option in (
        click.option(
            "--home",
            type=click.Path(path_type=Path, file_okay=False),
            default=None,
            help="Data folder (default: HOURLINE_HOME, else .hourline here).",
        ),
        click.option("--debug", is_flag=True, help="Show tracebacks and debug logs."),
        click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document."),
    ):
        function = option(function)
    return function


def leave(desk: Desk, body: Callable[[], ExitCode | None]) -> int:
    """Runs a verb and turns how it ended into an exit code and, if it failed, one sentence."""
    from plumbing import log
    from plumbing.errors import HourlineError

    log.configure("DEBUG" if desk.debug else "WARNING", json=desk.as_json)
    try:
        return int(body() or ExitCode.OK)
    except HourlineError as error:
        if desk.debug:
            desk.console.print_exception(show_locals=False)
        tell(desk, error)
        return int(exit_code_of(error))
    except (KeyboardInterrupt, click.Abort):
        desk.say("Stopped. What was in flight is in the ledger; run the same command to go on.")
        return int(ExitCode.FAILED)
    except click.ClickException:
        raise
    except Exception as error:  # noqa: BLE001  the last door: a defect of ours is named, not dumped
        if desk.debug:
            desk.console.print_exception(show_locals=False)
        told = _disk_trouble(desk, error) or error
        tell(desk, told)
        return int(exit_code_of(told))


def _disk_trouble(desk: Desk, error: Exception) -> Exception | None:
    from plumbing import disk, settings

    return disk.trouble(error, settings.home_of(desk.home))


def exit_code_of(error: Exception) -> ExitCode:
    """Misconfiguration is 2; a system that refuses or can't be reached is 4; the rest is 1."""
    from flows.outcomes import SourceStopped, StoppedAtDoor
    from plumbing import errors

    if isinstance(error, errors.Misconfigured):
        return ExitCode.MISCONFIGURED
    if isinstance(error, StoppedAtDoor):
        return ExitCode.HELD_AT_DOOR
    if isinstance(error, (errors.Transient, errors.Unauthorized, errors.Forbidden, SourceStopped)):
        return ExitCode.STOPPED
    return ExitCode.FAILED


def sentence(error: Exception) -> str:
    """What happened, where, and what to do; for a defect of ours, how to see more."""
    from plumbing.errors import HourlineError

    if isinstance(error, HourlineError):
        return str(error)
    summary = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {summary}. This is a defect in Hourline, not in your data; --debug shows where."


def tell(desk: Desk, error: Exception) -> None:
    """The sentence on standard error, or as the JSON document."""
    if desk.as_json:
        click.echo(json.dumps({"error": {"kind": type(error).__name__, "message": sentence(error)}}, indent=2))
        return
    click.echo(f"hourline: {sentence(error)}", err=True)
