"""Structured logs, one event a line, with secrets masked by value and by shape.

Nothing is configured on import: entry points call `configure` once. structlog is imported at the first line that is
written, so that a command which logs nothing does not pay for it.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from plumbing.redaction import redact, redact_value

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
# Their debug lines carry headers and whole URLs; ours come from plumbing.http, redacted.
_NOISY = ("httpx", "httpcore", "urllib3", "oauthlib", "requests_oauthlib", "alembic")


class Logger:
    """A named logger: ``log.info("pushed", sync="erp_labor", rows=12)``. Fields are bound with `bind`."""

    def __init__(self, name: str, **fields: Any) -> None:
        self._name = name
        self._fields = fields
        self._logger = logging.getLogger(name)

    def bind(self, **fields: Any) -> Logger:
        """The same logger with more fields on every line."""
        return Logger(self._name, **{**self._fields, **fields})

    def debug(self, event: str, **fields: Any) -> None:
        self._write("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._write("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._write("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._write("error", event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """An error with the traceback being handled."""
        self._write("error", event, {**fields, "exc_info": True})

    def _write(self, level: str, event: str, fields: dict[str, Any]) -> None:
        # Asked first, so that a silent level costs no import.
        number = _LEVELS[level]
        if not self._logger.isEnabledFor(number):
            return
        import structlog

        if structlog.is_configured():
            getattr(structlog.stdlib.get_logger(self._name), level)(event, **self._fields, **fields)
            return
        # No entry point spoke up: structlog would print to standard output, where results go.
        told = {**self._fields, **fields}
        trace = bool(told.pop("exc_info", False))
        line = redact(" ".join([event, *(f"{key}={redact_value(value, key)}" for key, value in told.items())]))
        self._logger.log(number, "%s", line, exc_info=trace)


def get(name: str) -> Logger:
    """A logger by module name."""
    return Logger(name)


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: masks secrets in every field."""
    return {
        key: value if key.startswith("_") or key == "exc_info" else redact_value(value, key)
        for key, value in event.items()
    }


class _RedactingFormatter(logging.Formatter):
    """Last net: whatever a library logs, the finished line is masked as well."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return redact(self._inner.format(record))


def configure(level: str = "INFO", *, json: bool = False) -> None:
    """Send logs to standard error, as text for people or JSON for machines. Called by entry points only."""
    import structlog

    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact_event,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=renderer)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RedactingFormatter(formatter))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    # A connection lost in the middle of statements sent together: it warns of it and raises it, and once is enough.
    logging.getLogger("psycopg").setLevel(max(logging.ERROR, root.level))
