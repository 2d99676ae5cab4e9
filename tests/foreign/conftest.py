"""Environments for programs of other people, whose pins clash with ours: one each, kept between runs."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

INSTALL_LIMIT = 300


@pytest.fixture(scope="session")
def foreign_python() -> Callable[..., Path]:
    """`foreign_python("simple-salesforce==1.12.10") -> Path` of an interpreter that has these packages and not ours."""
    return _foreign_python


def _foreign_python(*requirements: str) -> Path:
    """Made in the temporary folder under a name of its own, so that a half-made one is never taken for a whole one."""
    version = ".".join(map(str, sys.version_info[:3]))
    digest = hashlib.sha256("\n".join([version, *sorted(requirements)]).encode()).hexdigest()[:16]
    home = Path(tempfile.gettempdir()) / f"hourline-foreign-{digest}"
    python = home / "bin" / "python"
    ready = home / "ready"
    if ready.exists() and python.exists():
        return python
    shutil.rmtree(home, ignore_errors=True)
    uv = shutil.which("uv")
    if uv:
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(home))
        _run(uv, "pip", "install", "--quiet", "--python", str(python), *requirements)
    else:
        _run(sys.executable, "-m", "venv", str(home))
        _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements)
    ready.touch()
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_LIMIT, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()}")
