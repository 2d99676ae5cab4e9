"""Runs dbt inside this process: the manifest is parsed once and kept, so a second build starts at once.

dbt reads where the warehouse is from its own variables (`profiles/profiles.yml`); they are lent to it for the run and
taken back. Its target and logs are under the data folder, never in the project.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbing import disk
from plumbing import settings as env
from plumbing.errors import HourlineError
from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plumbing.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "dbt_project"
PROFILES = ROOT / "profiles"

_GOOD = frozenset({"success", "pass", "warn", "skipped", "no-op"})


class BuildFailed(HourlineError):  # noqa: N818  named for what happened, as the family is
    """A model, seed or test failed; what it feeds was not built, the rest was."""


@dataclass
class BuildReport:
    """What one dbt command did: nodes by status, and a sentence for each that failed."""

    command: str
    statuses: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def require(self) -> BuildReport:
        """Itself, or BuildFailed naming the first failures."""
        if self.failures:
            shown = "; ".join(self.failures[:3])
            more = f" and {len(self.failures) - 3} more" if len(self.failures) > 3 else ""
            raise BuildFailed(
                f"dbt {self.command} failed: {shown}{more}.",
                remedy="Nothing was sent. Mend the model or the data it names, then run `hourline build`.",
            )
        return self


_kept: dict[tuple[Any, ...], Any] = {}


def run(
    settings: Settings,
    command: Sequence[str],
    *,
    on_node: Callable[[str, str], None] | None = None,
    threads: int = 2,
) -> BuildReport:
    """Runs `dbt <command…>` on the settings' warehouse; `on_node(name, status)` is called as each node ends."""
    from dbt.cli.main import dbtRunner

    def listen(event: Any) -> None:
        if on_node is not None and event.info.name == "NodeFinished":
            on_node(event.data.node_info.node_name, event.data.node_info.node_status)

    shared = [
        "--project-dir", str(_project(settings)),
        "--profiles-dir", str(PROFILES),
        "--target-path", str(settings.home / "dbt" / "target"),
        "--log-path", str(settings.home / "logs"),
        "--vars", json.dumps({"connections": {name: one.system for name, one in settings.connections.items()}}),
        "--no-send-anonymous-usage-stats", "--no-version-check", "--no-use-colors", "--log-level", "none",
    ]  # fmt: skip
    with env.exported(Warehouse.open(settings).dbt_environment()):
        manifest = _manifest(settings, shared)
        outcome = dbtRunner(manifest=manifest, callbacks=[listen]).invoke(
            [*command, *shared, "--threads", str(threads)]
        )
    return _report(" ".join(command), outcome, settings.home)


def fingerprint(settings: Settings) -> str:
    """What the views are made of: the project's files, the connections, and the warehouse they stand in."""
    said = hashlib.sha256()
    for part in sorted(
        path for path in PROJECT.rglob("*") if path.suffix in {".sql", ".yml"} and "target" not in path.parts
    ):
        said.update(part.relative_to(PROJECT).as_posix().encode() + b"\0" + part.read_bytes())
    where = Warehouse.open(settings).dbt_environment()
    said.update(json.dumps([sorted((n, c.system) for n, c in settings.connections.items()),
                            where["HOURLINE_PG_HOST"], where["HOURLINE_PG_PORT"], where["HOURLINE_PG_DBNAME"]]).encode())  # fmt: skip
    return said.hexdigest()


def _project(settings: Settings) -> Path:
    """The project as dbt sees it: links to its parts, with the firm's own rules in the place of the seeds.

    A seed folder outside the project would be worse than unusual: dbt writes what it ran for a node under its target
    path joined with the node's file, and joined with an absolute path that is the rule file itself.
    """
    view = settings.home / "dbt" / "project"
    view.mkdir(parents=True, exist_ok=True)
    wanted = {
        part.name: part for part in PROJECT.iterdir() if part.name not in {"target", "logs", ".user.yml", "seeds"}
    }
    wanted["seeds"] = settings.rules_dir
    for link in view.iterdir():
        if link.is_symlink() and link.readlink() != wanted.get(link.name):
            link.unlink()
    for name, part in wanted.items():
        if not (view / name).is_symlink():
            (view / name).symlink_to(part)
    return view


def _manifest(settings: Settings, shared: list[str]) -> Any:
    """Parsed once in this process for each home, set of connections and rule folder."""
    from dbt.cli.main import dbtRunner

    key = (settings.home, settings.rules_dir, *shared)
    if key not in _kept:
        parsed = dbtRunner().invoke(["parse", *shared])
        _raise_if_broken("parse", parsed, settings.home)
        _kept[key] = parsed.result
    return _kept[key]


def _report(command: str, outcome: Any, home: Path) -> BuildReport:
    results = getattr(outcome.result, "results", None)
    if results is None:
        _raise_if_broken(command, outcome, home)
        return BuildReport(command)
    report = BuildReport(command, seconds=float(outcome.result.elapsed_time or 0))
    for result in results:
        status = str(result.status)
        report.statuses[status] = report.statuses.get(status, 0) + 1
        if status not in _GOOD:
            said = " ".join(str(result.message or "no message").split())
            report.failures.append(f"{result.node.resource_type} {result.node.name}: {said[:300]}")
    return report


def _raise_if_broken(command: str, outcome: Any, home: Path) -> None:
    if outcome.exception is not None:
        if (full := disk.trouble(outcome.exception, home)) is not None:
            raise full from None
        said = " ".join(str(outcome.exception).split())[:500]
        raise BuildFailed(f"dbt {command} could not run: {said}.", remedy="Mend what it names; nothing was built.")
    if not outcome.success:
        raise BuildFailed(f"dbt {command} failed.", remedy=f"Its log names the cause: `{command}` in logs/dbt.log.")
