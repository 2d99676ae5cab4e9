"""What a long job says while it works: one line at a time, to whoever listens (a terminal, a log, nobody).

The listener is a context variable, so that it follows a job into the threads that Prefect starts for its tasks.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


def narrate(line: str) -> None:
    """Says one line, with rich's markup in it (what others wrote is escaped before); silent when nobody listens."""
    listener = _listener.get()
    if listener is not None:
        listener(line)


@contextlib.contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Lines said within the block go to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
