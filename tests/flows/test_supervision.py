"""Child processes: waited for, taken down with their children, found again after a kill."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from flows import supervision
from plumbing.errors import HourlineError


def test_a_child_that_dies_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    child = supervision.start("calendar", ["calendar", "--no-such-flag"], home=tmp_path)
    with pytest.raises(HourlineError, match=r"The calendar ended as it started .*no-such-flag"):
        supervision.wait_until(child, lambda: False, seconds=30, what="The calendar")


def test_a_child_that_never_answers_is_ended_when_time_runs_out(tmp_path: Path) -> None:
    child = supervision.start("server", ["http.server", "--bind", "127.0.0.1", "0"], home=tmp_path)
    with pytest.raises(HourlineError, match="was not ready after 0 seconds"):
        supervision.wait_until(child, lambda: False, seconds=0.3, what="The server")
    assert not child.is_running()


def test_what_a_killed_command_left_running_is_ended_by_the_next(tmp_path: Path) -> None:
    child = supervision.start("server", ["http.server", "--bind", "127.0.0.1", "0"], home=tmp_path)
    assert supervision.running(tmp_path, "server")
    assert supervision.end_left_behind(tmp_path) == ["server"]
    assert child.process.wait(5) is not None
    assert not supervision.running(tmp_path, "server")


def test_a_process_that_only_shares_the_number_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    own = psutil.Process()
    (tmp_path / "run" / "server.json").write_text(f'{{"pid": {own.pid}, "started": {own.create_time() - 3600}}}')
    assert supervision.end_left_behind(tmp_path) == []
    assert own.is_running()


def test_a_free_port_is_another_when_the_preferred_one_is_taken() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        preferred = taken.getsockname()[1]
        assert supervision.free_port(preferred) != preferred
