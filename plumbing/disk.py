"""A disk that takes no more, or a folder that may not be written, in one sentence."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from plumbing.errors import HourlineError, Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

_WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "no file may grow any further",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "its user may not write there",
    errno.EPERM: "its user may not write there",
}


def trouble(error: BaseException | None, home: Path) -> Misconfigured | None:
    """The sentence for an error whose cause, however deep, is a disk that can't be written; None for any other."""
    while error is not None and not isinstance(error, HourlineError):  # one that was named is what it says
        if isinstance(error, OSError) and error.errno in _WORDS:
            where = error.filename or home
            return Misconfigured(
                f"Nothing more can be written below {home}: {_WORDS[error.errno]} ({where}). What was committed before stands.",
                remedy="Make room or give the right to write, or set HOURLINE_HOME to another folder, then run the same "
                "command again.",
            )
        error = error.__cause__ or error.__context__
    return None
