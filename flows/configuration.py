"""Reads and writes `<home>/hourline.toml`, `<home>/secrets.toml` (mode 0600) and the firm's rules.

Writing keeps what is there: comments, other connections, and every secret that isn't named anew.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tomlkit

from flows.dbt import PROJECT
from plumbing.errors import Misconfigured
from plumbing.secret_store import SecretStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONFIG_NAME = "hourline.toml"
SECRETS_NAME = "secrets.toml"


@dataclass(frozen=True)
class Chosen:
    """One connection as a person (or a simulator) gives it."""

    system: str
    base_url: str
    options: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    ca_file: str | None = None


def write(home: Path, connections: Mapping[str, Chosen]) -> list[Path]:
    """Writes the connections and their secrets; returns the files written."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"The data folder {home} cannot be made: {error.strerror}.",
            remedy="Set HOURLINE_HOME to a folder you may write.",
        ) from None
    config_path, secrets_path = home / CONFIG_NAME, home / SECRETS_NAME
    config = _read(config_path)
    store = SecretStore(secrets_path)
    named = _table(config, "connections")
    for name, chosen in connections.items():
        entry: dict[str, Any] = {"system": chosen.system, "base_url": chosen.base_url}
        if chosen.ca_file:
            entry["ca_file"] = chosen.ca_file
        if chosen.options:
            entry["options"] = dict(chosen.options)
        named[name] = tomlkit.item(entry)
        if chosen.secrets:
            with store.locked():
                store.save(name, chosen.secrets)
    config_path.write_text(tomlkit.dumps(config), encoding="utf-8")
    return [config_path, secrets_path]


def write_rules(home: Path, source: Path) -> list[Path]:
    """Copies the rule files of `source` to `<home>/rules`, and our own for those it lacks; none that is there is overwritten."""
    target = home / "rules"
    target.mkdir(parents=True, exist_ok=True)
    written = []
    given = {rule.name: rule for folder in (PROJECT / "seeds", source) for rule in folder.glob("*.csv")}
    for _, rule in sorted(given.items()):
        if not (target / rule.name).exists():
            shutil.copyfile(rule, target / rule.name)
            written.append(target / rule.name)
    return written


def _read(path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except tomlkit.exceptions.ParseError as error:
        raise Misconfigured(
            f"{path} is not TOML: {error}.", remedy="Mend that line, or move the file away and run `hourline init`."
        ) from None


def _table(document: Any, key: str) -> Any:
    if key not in document:
        document[key] = tomlkit.table()
    return document[key]
