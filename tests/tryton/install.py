"""Tryton's own environment, one a series, outside our lock: `.venv-tryton-8.0` beside `.venv`."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CACHE = Path.home() / ".cache" / "hourline" / "tryton"
SERIES = ("8.0", "8.2")


def requirements(series: str) -> Path:
    """The pinned set of a series."""
    path = Path(__file__).with_name(f"requirements-{series}.txt")
    if not path.exists():
        raise SystemExit(f"Tryton {series} is not known here; these are: {', '.join(SERIES)}.")
    return path


def program(series: str, name: str) -> Path:
    """A program of the series' environment, which is made first when it is missing or out of date."""
    folder = ROOT / f".venv-tryton-{series}"
    ready = folder / ".ready"
    wanted = hashlib.sha256(requirements(series).read_bytes()).hexdigest()
    with locked(f"venv-{series}"):
        if not ready.exists() or ready.read_text() != wanted:
            uv = str(Path(sys.executable).with_name("uv"))
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
            subprocess.run(
                [uv, "pip", "install", "--quiet", "--python", folder / "bin/python", "-r", requirements(series)],
                check=True,
            )
            ready.write_text(wanted)
    return folder / "bin" / name


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Lets one process at a time make what `name` stands for."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f".{name}.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
