"""How a benchmark ends: well, with a bar missed, or with a promise broken; only the last is an error at any size."""

from __future__ import annotations

import sys
from typing import NoReturn

BAR_MISSED = 1
BROKEN = 3


def broken(sentence: str) -> NoReturn:
    """End: an hour was lost, doubled or left wrong, and no size or noise of a machine excuses that."""
    sys.stderr.write(f"{sentence}\n")
    sys.exit(BROKEN)
