"""Who serves a data folder right now: told by its lock files, but believed only where the process is really there.

A process number alone proves nothing: after a crash of the machine another process may have it, and a server that was
killed may linger uncollected.
"""

from __future__ import annotations

import contextlib
import pwd
import time
from dataclasses import dataclass
from pathlib import Path

from plumbing import log
from plumbing.errors import Misconfigured, Unavailable

_log = log.get(__name__)

SUPERUSER = "hourline"
DATABASE = "hourline"
PORT = 5432  # names the socket file; no port is opened
READY_SECONDS = 120  # recovery after a crash may take its time
ORPHAN_SECONDS = 30  # children of a killed server end by themselves
POLL_SECONDS = 0.05
ANSWER_SECONDS = 5


@dataclass(frozen=True)
class Address:
    """Where a running server listens: the folder of its socket."""

    socket_dir: Path

    def url(self, database: str = DATABASE) -> str:
        """libpq address of a database there."""
        from urllib.parse import quote

        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self.socket_dir), safe='/')}&port={PORT}"


def running(folder: Path) -> Address | None:
    """What postmaster.pid says: line 1 process, line 5 socket folder."""
    try:
        lines = (folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        owner = _owner(folder)
        raise Misconfigured(
            f"The warehouse in {folder} belongs to {owner}.",
            remedy=f"Run as {owner} or as root, or set HOURLINE_HOME to a folder of your own.",
        ) from None
    return Address(Path(lines[4])) if len(lines) > 4 and lines[4] else None


def answers(address: Address, database: str = "postgres") -> bool:
    """Whether a database there can be connected to."""
    import psycopg

    try:
        psycopg.connect(address.url(database), connect_timeout=ANSWER_SECONDS).close()
    except psycopg.OperationalError:
        return False
    return True


def postmaster(folder: Path) -> int | None:
    """The process that serves this folder. A process id alone proves nothing: after a crash another may have it."""
    import psutil

    try:
        pid = int((folder / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
        process = psutil.Process(abs(pid))
        serves = "postgres" in process.name() and Path(process.cwd()).samefile(folder)
    except (OSError, ValueError, psutil.Error):
        return None
    return pid if serves else None


def wait_until_ready(folder: Path) -> Address | None:
    """The address of a server that is up or coming up; None if none is, or it went down meanwhile."""
    deadline = time.monotonic() + READY_SECONDS
    while postmaster(folder) is not None:
        if (address := running(folder)) and answers(address):
            return address
        if time.monotonic() > deadline:
            raise Unavailable(
                f"The warehouse server in {folder} is running but does not answer.",
                remedy=f"Look at {folder / 'log'}; `hourline down` stops it.",
            )
        time.sleep(POLL_SECONDS)
    return None


def forget_dead_postmaster(folder: Path, socket_dir: Path) -> None:
    """Remove the lock files of a server that died, once nothing of it is left.

    PostgreSQL does so by itself unless the number is taken: by another process of the same user after a crash of the
    machine, or by the dead server itself where nobody collects it (a container without an init process).
    """
    locks = [folder / "postmaster.pid", socket_dir / f".s.PGSQL.{PORT}.lock"]
    if not any(lock.exists() for lock in locks):
        return
    deadline = time.monotonic() + ORPHAN_SECONDS
    while _serving(folder):
        if time.monotonic() > deadline:
            return  # its children still hold its memory; PostgreSQL itself must judge
        time.sleep(POLL_SECONDS)
    for lock in locks:
        if lock.exists():
            _log.warning("removing what a dead server left", file=str(lock))
            lock.unlink(missing_ok=True)


def _serving(folder: Path) -> bool:
    """Whether any living server process works in the folder."""
    import psutil

    for process in psutil.process_iter(["name"]):
        if "postgres" in (process.info["name"] or ""):
            with contextlib.suppress(psutil.Error, OSError):
                if Path(process.cwd()).samefile(folder):
                    return True
    return False


def _owner(folder: Path) -> str:
    uid = folder.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
