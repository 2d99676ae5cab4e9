"""One data folder and one server for all whole jobs of a test process."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.server import Databases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def job_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of every job, one after the other."""
    return tmp_path_factory.mktemp("job")


@pytest.fixture(scope="session")
def databases(server_url: str) -> Iterator[Databases]:
    """Databases of jobs, removed at the end."""
    made = Databases(server_url, f"hourline_job_{uuid.uuid4().hex[:8]}")
    yield made
    made.drop_all()
