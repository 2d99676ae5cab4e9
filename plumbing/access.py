"""The system user that the embedded server runs as where root may not, and its way to the data folder.

That one user is let through the folders above, and nobody else. The entry is a POSIX access-control entry
for that user with nothing but the right to pass; where the file system keeps no such entries, the folder's plain mode
gets the right to pass (never to list) for others, which is said in the log.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import stat
import struct
import subprocess
from typing import TYPE_CHECKING

from plumbing import log
from plumbing.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

_log = log.get(__name__)

SYSTEM_USER = "hourline_postgres"  # made when root asks for a server

_ATTRIBUTE = "system.posix_acl_access"
_HEADER = struct.Struct("<I")  # version
_ENTRY = struct.Struct("<HHI")  # tag, permissions, id
_VERSION = 2
_OWNER, _USER, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NO_ID = 0xFFFFFFFF
_PASS = 0o1
_UNSUPPORTED = {errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EPERM}


def server_account(folder: Path) -> pwd.struct_passwd | None:
    """The user to run the server as; None: ourselves. Root runs it as the owner of data that is there already."""
    if os.geteuid() != 0:
        return None
    if (folder / "PG_VERSION").exists() and (owner := folder.stat().st_uid) != 0:
        try:
            return pwd.getpwuid(owner)
        except KeyError:
            raise Misconfigured(
                f"The warehouse in {folder} belongs to user {owner}, whom this machine does not know.",
                remedy="Give the folder to a user that exists here.",
            ) from None
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


def let_through(place: Path, account: pwd.struct_passwd) -> None:
    """Let the account pass every folder above ``place``."""
    # A symbolic link on the way has parents of its own.
    above = {*place.absolute().parents, *place.resolve().parents}
    for folder in sorted(above, key=lambda one: len(one.parts)):
        found = folder.stat()
        if found.st_uid == account.pw_uid or found.st_mode & stat.S_IXOTH:
            continue
        try:
            _grant_pass(folder, account.pw_uid)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            folder.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)
            _log.warning("folder opened for passing", folder=str(folder), reason="no access-control entries here")


def readable_by(tree: Path, account: pwd.struct_passwd) -> None:
    """Make a tree of programs readable where a strict umask installed it for its owner alone."""
    for path in (tree, *tree.rglob("*")) if tree.exists() else ():
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode) or found.st_uid == account.pw_uid:
            continue
        runs = stat.S_ISDIR(found.st_mode) or found.st_mode & stat.S_IXUSR
        wanted = stat.S_IROTH | (stat.S_IXOTH if runs else 0)
        if found.st_mode & wanted != wanted:
            path.chmod(stat.S_IMODE(found.st_mode) | wanted)


def _grant_pass(folder: Path, uid: int) -> None:
    entries = _entries(folder)
    entries[(_USER, uid)] = entries.get((_USER, uid), 0) | _PASS
    named = [bits for (tag, _), bits in entries.items() if tag in {_USER, _GROUP, 0x08}]
    mask = 0
    for bits in named:
        mask |= bits
    entries[(_MASK, _NO_ID)] = entries.get((_MASK, _NO_ID), 0) | mask
    packed = b"".join(_ENTRY.pack(tag, bits, owner) for (tag, owner), bits in sorted(entries.items()))
    os.setxattr(folder, _ATTRIBUTE, _HEADER.pack(_VERSION) + packed)


def _entries(folder: Path) -> dict[tuple[int, int], int]:
    try:
        raw = os.getxattr(folder, _ATTRIBUTE)
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        mode = folder.stat().st_mode
        return {(_OWNER, _NO_ID): mode >> 6 & 7, (_GROUP, _NO_ID): mode >> 3 & 7, (_OTHER, _NO_ID): mode & 7}
    return {(tag, owner): bits for tag, bits, owner in _ENTRY.iter_unpack(raw[_HEADER.size :])}
