"""Connections as tests need them, with a secret store of their own."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from plumbing.secret_store import SecretStore
from plumbing.settings import Connection


def connection(
    home: Path,
    system: str,
    base_url: str,
    options: dict[str, Any],
    secrets: dict[str, str],
    ca_file: Path | None = None,
) -> Connection:
    """A connection named like its system; its secrets are kept in ``<home>/secrets.toml``."""
    store = SecretStore(home / "secrets.toml")
    if secrets:
        store.save(system, secrets)
    values = {name: SecretStr(value) for name, value in store.section(system).items()}
    return Connection(system, system, base_url, options, values, ca_file, store)
