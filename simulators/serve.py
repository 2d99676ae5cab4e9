"""Runs the firm's vendors: finds them, makes the firm, serves, and tells where all is in `simulators.json`."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import pkgutil
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

import simulators
from simulators.firm.generator import build
from simulators.firm.rules import write_rules
from simulators.kit import AppOptions, KitApp
from simulators.kit.server import Listener, TestAuthority, serve_until_told
from simulators.kit.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import date
    from pathlib import Path
    from types import ModuleType

    from simulators.firm.model import World

NOT_VENDORS = {"kit", "firm", "serve", "faultproxy", "__main__"}


@dataclass(frozen=True)
class Run:
    """What the command line asks for."""

    seed: int
    entries: int
    as_of: date
    out: Path
    only: tuple[str, ...] = ()
    allowance: int = 1
    unconfirmed: frozenset[str] = frozenset()
    with_parent: int | None = None
    keep: bool = False

    def firm(self) -> dict[str, Any]:
        """What makes the firm what it is."""
        flags = sorted(self.unconfirmed)
        return {"seed": self.seed, "entries": self.entries, "as_of": self.as_of.isoformat(), "unconfirmed": flags}


def vendors() -> list[str]:
    """Names of the vendor modules and folders under `simulators`, found by looking."""
    return sorted(found.name for found in pkgutil.iter_modules(simulators.__path__) if found.name not in NOT_VENDORS)


def load(names: Iterable[str]) -> dict[str, ModuleType]:
    """Their modules. Raises ValueError for a name that is no vendor, saying which there are."""
    known = vendors()
    wanted = list(names) or known
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(f"no simulator is called {', '.join(unknown)}; there are {', '.join(known)}")
    return {name: importlib.import_module(f"simulators.{name}") for name in wanted}


def run(asked: Run) -> None:
    """Serves until told to stop. Writes into `asked.out`: `rules/*.csv`, `truth.jsonl`, `ca.pem` if some vendor is
    served by TLS, and last, when every vendor answers, `simulators.json`, whole or not at all.
    With `keep` what is written to the vendors goes to `happened.jsonl` too, and a later run with it goes on from there;
    `truth.jsonl` stays the truth of the firm's first moment."""
    modules = load(asked.only)
    asked.out.mkdir(parents=True, exist_ok=True)
    ready_file = asked.out / "simulators.json"
    ready_file.unlink(missing_ok=True)  # what an earlier run left tells nothing about this one
    world = build(asked.seed, asked.entries, asked.as_of, asked.unconfirmed)
    write_rules(world, asked.out / "rules")
    write_truth(world, asked.out / "truth.jsonl")

    listeners = {name: Listener.bind(name, tls=bool(getattr(module, "TLS", False))) for name, module in modules.items()}
    authority = TestAuthority(asked.out) if any(listener.tls for listener in listeners.values()) else None
    described: dict[str, Any] = {}
    apps: list[tuple[Listener, KitApp]] = []
    for name, module in modules.items():
        listener = listeners[name]
        options = AppOptions(listener.origin, asked.seed, asked.allowance, asked.unconfirmed)
        apps.append((listener, module.app(world, options)))
        described[name] = {**module.describe(world, options), "control_url": f"{listener.origin}/_control"}
        if listener.tls and authority is not None:
            described[name]["ca_file"] = str(authority.ca_file.resolve())
    tape = Tape(asked.out / "happened.jsonl", asked.firm()) if asked.keep else None
    ready = partial(write_whole, ready_file, described)
    try:
        asyncio.run(_go_on(world, apps, tape, partial(serve_until_told, apps, authority, ready, asked.with_parent)))
    finally:
        if tape is not None:
            tape.close()
        ready_file.unlink(missing_ok=True)  # nobody answers there any more


async def _go_on(
    world: World, apps: list[tuple[Listener, KitApp]], tape: Tape | None, serving: Callable[[], Awaitable[None]]
) -> None:
    """Tells the past again, if there is one, then serves."""
    if tape is not None:
        await tape.replay(world, {listener.name: app for listener, app in apps})
        for _listener, app in apps:
            app.tape = tape
    await serving()


def write_truth(world: World, path: Path) -> None:
    with path.open("wb") as file:
        file.writelines(orjson.dumps(row) + b"\n" for row in world.truth())


def write_whole(path: Path, content: Any) -> None:
    """By another name first, so that nobody reads half of it."""
    draft = path.with_suffix(".part")
    draft.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    draft.replace(path)
