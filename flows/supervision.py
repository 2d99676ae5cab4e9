"""Child processes of one command: started, waited for until they answer, and always taken down again.

Each child is written to `<home>/run/<name>.json` (pid and its start time) before it is waited for, so that what a killed
command left behind is found, and ended, by the next one. Only a process whose pid *and* start time match is ours.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from plumbing import log
from plumbing.errors import HourlineError
from plumbing.settings import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_LOG = log.get("flows.supervision")


@dataclass
class Child:
    """A running process of ours, with the file its output goes to."""

    name: str
    process: subprocess.Popen[bytes]
    output: Path
    record: Path

    def is_running(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def stop(self, grace: float = 15.0) -> None:
        """Asks it and its children to end, waits `grace` seconds, then ends them."""
        family = _family(self.process.pid)
        _end(family, grace)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1)
        self.record.unlink(missing_ok=True)


def free_port(preferred: int = 0) -> int:
    """A loopback port nobody listens on; `preferred` if it is free, else one the system chooses."""
    for port in (preferred, 0) if preferred else (0,):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise HourlineError("No free port on 127.0.0.1.", remedy="Stop something that listens there and try again.")


def start(name: str, module: Sequence[str], *, home: Path, extra: Mapping[str, str] | None = None) -> Child:
    """Starts `python -m <module…>` in a session of its own, output to `<home>/logs/<name>.log`."""
    run, logs = home / "run", home / "logs"
    run.mkdir(parents=True, exist_ok=True)
    logs.mkdir(parents=True, exist_ok=True)
    end_left_behind(home, name)
    output = logs / f"{name}.log"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            stdout=sink,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment(extra or {}),
            start_new_session=True,
        )
    record = run / f"{name}.json"
    record.write_text(json.dumps({"pid": process.pid, "started": _started(process.pid)}))
    _LOG.debug("child started", name=name, pid=process.pid)
    return Child(name, process, output, record)


def wait_until(child: Child, ready: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Returns when `ready`; raises, with the end of its output, when the child dies or time runs out."""
    deadline = time.monotonic() + seconds
    while True:
        if ready():
            return
        if not child.is_running():
            raise HourlineError(
                f"{what} ended as it started (exit code {child.process.returncode}): {_tail(child.output)}",
                remedy=f"Its whole output is in {child.output}.",
            )
        if time.monotonic() > deadline:
            child.stop()
            raise HourlineError(
                f"{what} was not ready after {seconds:.0f} seconds: {_tail(child.output)}",
                remedy=f"Its whole output is in {child.output}; a busy machine may need another try.",
            )
        time.sleep(0.2)


def end_left_behind(home: Path, name: str | None = None) -> list[str]:
    """Ends what an earlier, killed command left running; returns the names."""
    ended = []
    for record in sorted((home / "run").glob(f"{name or '*'}.json")):
        with contextlib.suppress(ValueError, KeyError, psutil.NoSuchProcess, OSError):
            known = json.loads(record.read_text())
            if abs(_started(int(known["pid"])) - float(known["started"])) < 1:
                _end(_family(int(known["pid"])), 10)
                ended.append(record.stem)
        record.unlink(missing_ok=True)
    return ended


def running(home: Path, name: str) -> bool:
    """Whether a child of that name, started by any command on this home, runs now."""
    record = home / "run" / f"{name}.json"
    try:
        known = json.loads(record.read_text())
        return abs(_started(int(known["pid"])) - float(known["started"])) < 1
    except (OSError, ValueError, KeyError, psutil.NoSuchProcess):
        return False


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends the command as Ctrl-C does, so that its children go down with it."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    earlier = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


def _started(pid: int) -> float:
    return float(psutil.Process(pid).create_time())


def _family(pid: int) -> list[psutil.Process]:
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _end(family: list[psutil.Process], grace: float) -> None:
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(family, timeout=grace)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def _tail(output: Path, lines: int = 3) -> str:
    with contextlib.suppress(OSError):
        text = [line for line in output.read_text(errors="replace").splitlines() if line.strip()]
        return " | ".join(text[-lines:]) or "it printed nothing"
    return "it printed nothing"
