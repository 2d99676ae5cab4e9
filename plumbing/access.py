"""Lets one other system user through the folders on the way to a place, and nobody else.

Used when root runs the embedded server as its own user below a private home. The entry is a POSIX access-control entry
for that user with nothing but the right to pass; where the file system keeps no such entries, the folder's plain mode
gets the right to pass (never to list) for others, which is said in the log.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from typing import TYPE_CHECKING

from plumbing import log

if TYPE_CHECKING:
    import pwd
    from pathlib import Path

_log = log.get(__name__)

_ATTRIBUTE = "system.posix_acl_access"
_HEADER = struct.Struct("<I")  # version
_ENTRY = struct.Struct("<HHI")  # tag, permissions, id
_VERSION = 2
_OWNER, _USER, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NO_ID = 0xFFFFFFFF
_PASS = 0o1
_UNSUPPORTED = {errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EPERM}


def let_through(place: Path, account: pwd.struct_passwd) -> None:
    """Let the account pass every folder above ``place``."""
    for folder in reversed(place.resolve().parents):
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
    for path in (tree, *tree.rglob("*")):
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
