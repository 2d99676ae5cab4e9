"""The main job on a simulated firm: two nights with a day of life between them, and everything accounted for.

The demo owns its data folder: it is refused where a configuration of somebody's own stands. Run again it goes on from
where it was: the simulated firm keeps what was changed (`--keep`), the warehouse its log and ledger.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from flows import configuration, jobs, orchestration, queue, remedies, simulated, story, supervision
from flows.narration import narrate
from plumbing import settings as env
from plumbing.errors import HourlineError, Misconfigured
from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

    from flows.nightly import Night
    from flows.simulated import Firm
    from flows.statement import Statement
    from flows.story import Story
    from plumbing.settings import Settings
    from reverse_etl import Cause

ALLOWANCE = 100
OWNED = (
    "warehouse",
    "simulators",
    "prefect",
    "dbt",
    "gx",
    "dlt",
    "logs",
    "run",
    "rules",
    "hourline.toml",
    "secrets.toml",
)


@dataclass(frozen=True)
class Mark:
    """`<home>/demo.json`: which firm this demo shows, and how far it has come."""

    seed: int
    entries: int
    as_of: str
    is_adopted: bool = False
    days: int = 0


@dataclass
class Outcome:
    """What the demo showed."""

    nights: list[Night] = field(default_factory=list)
    day: list[dict[str, Any]] = field(default_factory=list)
    corrected: remedies.Remedy | None = None
    replayed: int = 0
    causes: list[Cause] = field(default_factory=list)
    seconds: float = 0.0
    drawn: Statement | None = None
    story: Story | None = None

    @property
    def statement(self) -> Statement:
        """The statement the demo ends on."""
        assert self.drawn is not None  # noqa: S101  `run` draws it before it returns
        return self.drawn


def run(home: Path, *, fresh: bool, entries: int, seed: int) -> Outcome:
    """Runs the demo on `home`; says what it does as it goes (`flows.narration`)."""
    mark = _mark(home, fresh=fresh, entries=entries, seed=seed)
    began = time.monotonic()
    outcome = Outcome()
    with ExitStack() as stack:
        stack.enter_context(supervision.terminable())
        server_up = stack.enter_context(ThreadPoolExecutor(max_workers=1)).submit(
            stack.enter_context, orchestration.server(env.load(home))
        )
        firm, settings = _start(stack, home, mark)
        narrate(
            f"Their allowances are raised {ALLOWANCE}-fold for the demo, and ours with them; real accounts are slower"
        )
        if not mark.is_adopted:
            mark = _first_day(settings, home, mark)
        server = server_up.result()
        narrate(f"The Prefect server's pages are at {server.ui_url}")
        with orchestration.session(settings, server):
            outcome.nights.append(_night(settings, "The first night" if not mark.days else "Another night"))
            outcome.day = _day(firm)
            outcome.nights.append(_night(settings, "The night after"))
            _correct(settings, firm, outcome)
            outcome.drawn = jobs.reconcile(settings)
            outcome.causes = queue.causes(settings)
            if entry := remedies.worth_tracing(settings):
                outcome.story = story.tell(settings, entry)
        _keep(home, replace(mark, days=mark.days + 1))
    outcome.seconds = time.monotonic() - began
    return outcome


def plain(outcome: Outcome) -> dict[str, Any]:
    """What the demo showed, as JSON knows it."""
    return {
        "seconds": round(outcome.seconds, 1),
        "nights": [{"stopped": night.stopped, "waiting": night.waiting,
                    "pushes": [one.as_dict() for one in night.pushes]} for night in outcome.nights],
        "day": outcome.day,
        "corrected": outcome.corrected,
        "replayed": outcome.replayed,
        "statement": {"exit_code": outcome.statement.exit_code, "sentence": outcome.statement.sentence,
                      "lines": outcome.statement.lines},
        "exceptions": [one.as_dict() for one in outcome.causes],
        "traced": outcome.story,
    }  # fmt: skip


def _mark(home: Path, *, fresh: bool, entries: int, seed: int) -> Mark:
    """Which firm to show: the one begun here, or a new one.

    Raises:
        Misconfigured: the folder holds a configuration that isn't the demo's.
    """
    path = home / "demo.json"
    if not path.exists():
        if (home / "hourline.toml").exists():
            raise Misconfigured(
                f"{home} holds a configuration of your own, and the demo never touches one.",
                remedy="Give it a folder of its own: hourline --home demo demo",
            )
    elif fresh:
        _wipe(home)
    else:
        known = Mark(**json.loads(path.read_text(encoding="utf-8")))
        if (known.seed, known.entries) != (seed, entries):
            narrate(f"Going on with the firm of seed {known.seed}, {known.entries:,} entries; --fresh begins another.")
        return known
    home.mkdir(parents=True, exist_ok=True)
    # The firm's history ends at noon UTC of its day, so its day is the last whose noon has passed.
    mark = Mark(seed, entries, (datetime.now(UTC) - timedelta(hours=12)).date().isoformat())
    _keep(home, mark)
    return mark


def _keep(home: Path, mark: Mark) -> None:
    (home / "demo.json").write_text(json.dumps(asdict(mark), indent=2), encoding="utf-8")


def _wipe(home: Path) -> None:
    """Removes what the demo made, and nothing else that may lie there."""
    from plumbing import embedded

    supervision.end_left_behind(home)
    embedded.stop(home / "warehouse")
    for name in OWNED:
        path = home / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    (home / "demo.json").unlink()


def _start(stack: ExitStack, home: Path, mark: Mark) -> tuple[Firm, Settings]:
    """Simulated firm and warehouse; both are taken down when the stack closes."""
    narrate("Starting five simulated systems and a warehouse")
    arguments = ("--seed", str(mark.seed), "--entries", str(mark.entries), "--as-of", mark.as_of,
                 "--allowance", str(ALLOWANCE), "--keep", "--with-parent", str(os.getpid()))  # fmt: skip
    firm = stack.enter_context(simulated.simulators(home, *arguments))
    firm.set_clock(datetime.now(UTC))
    connections = {
        name: replace(chosen, options={**chosen.options, "allowance": ALLOWANCE})
        for name, chosen in firm.connections().items()
    }
    configuration.write(home, connections)
    configuration.write_rules(home, firm.rules)
    settings = env.load(home)
    warehouse = Warehouse.open(settings)
    stack.callback(warehouse.stop)
    jobs.prepare(settings)
    return firm, settings


def _first_day(settings: Settings, home: Path, mark: Mark) -> Mark:
    """Reads everything once and settles, unsent, the hours that the ERP holds already."""
    import reverse_etl

    narrate("[bold]Adopting last year's hours[/bold]")
    with ThreadPoolExecutor(max_workers=jobs.READ_AT_ONCE) as readers:
        reading = [readers.submit(copy_context().run, jobs.land, settings, name) for name in settings.connections]
        for one in reading:
            one.result()
    jobs.build(settings)
    report = reverse_etl.adopt(settings, "erp_labor", actor="demo")
    narrate(f"  {report.text().splitlines()[0]}")
    narrate(
        f"  for a person to look at: {len(report.ours):,} of ours not found there, {len(report.theirs):,} there not matched"
    )
    adopted = replace(mark, is_adopted=True)
    _keep(home, adopted)
    return adopted


def _night(settings: Settings, title: str) -> Night:
    """One nightly run against the Prefect server."""
    from flows.nightly import nightly

    narrate(f"[bold]{title}[/bold]")
    state = cast(Any, nightly)(str(settings.home), return_state=True)
    night = state.result(raise_on_failure=False)
    if isinstance(night, BaseException):
        raise HourlineError(f"The night failed: {night}", remedy="`hourline nightly --debug` shows where.") from night
    return night  # type: ignore[no-any-return]


def _day(firm: Firm) -> list[dict[str, Any]]:
    """A day of life in the firm: what people do between two nights."""
    narrate("[bold]A day of life[/bold]")
    happened = firm.change("day")["day"]
    for one in happened:
        changed = ", ".join(f"{len(ids):,} {name}" for name, ids in one.items() if isinstance(ids, list) and ids)
        if changed:
            narrate(f"  {one['verb'].replace('_', ' ')}: {changed}")
    return list(happened)


def _correct(settings: Settings, firm: Firm, outcome: Outcome) -> None:
    """Mends the cause that keeps most hours, where it arose, and replays what waited for it."""
    remedy = remedies.choose(settings)
    if remedy is None:
        return
    narrate(f"[bold]Correcting one cause[/bold]: {remedy.cause} ({remedy.rows:,} rows)")
    firm.change(remedy.verb, **remedy.arguments)
    outcome.corrected = remedy
    outcome.replayed = remedies.apply(settings, remedy)
