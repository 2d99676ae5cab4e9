"""Every failure Hourline names, in one family.

    HourlineError
    ├── Misconfigured            somebody has to change a setting, a file or a right
    ├── Transient                the same call may succeed later
    │   ├── RateLimited          asked too often; retry_after seconds when the other side said so
    │   ├── Unavailable          nothing was done there; safe to send again
    │   └── OutcomeUnknown       a write was sent and its answer was lost; look before sending again
    └── Terminal                 the same call will fail again
        ├── Unauthorized         who we are was not accepted
        ├── Forbidden            who we are may not do this
        ├── NotFound             nothing stands at that address
        ├── Refused              the other side read it and said no: code, field, category
        ├── Conflict             what stands there is not what the call supposed
        └── UnexpectedAnswer     the answer is not what it claims to be

Whether to retry is a property of the type, decided once, here. A message is one sentence for a person: what happened
and where; ``remedy`` says what to do next. Neither ever holds a secret: texts are redacted when an error is made.
"""

from __future__ import annotations

from typing import Any

from plumbing.redaction import redact


class HourlineError(Exception):
    """Root of the family.

    Attributes:
        message: what happened and where, one sentence.
        system: the vendor (``netsuite``), if one is involved.
        connection: the configured connection's name.
        status: HTTP status, if there was an answer.
        remedy: what to do next, one sentence.
        code: the vendor's own error code.
        detail: the vendor's own words.
        path: method and path of the call, without its query.
        request_id: the id under which the vendor logged the call, if it gave one.
    """

    def __init__(
        self,
        message: str,
        *,
        system: str | None = None,
        connection: str | None = None,
        status: int | None = None,
        remedy: str | None = None,
        code: str | None = None,
        detail: str | None = None,
        path: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self.message = redact(message)
        self.system = system
        self.connection = connection
        self.status = status
        self.remedy = redact(remedy) if remedy else None
        self.code = code
        self.detail = redact(detail) if detail else None
        self.path = path
        self.request_id = request_id
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}" if self.remedy else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments do not survive the default pickling, and errors cross process borders.
        return (_rebuild, (type(self), self.__dict__.copy()))


def _rebuild(kind: type[HourlineError], state: dict[str, Any]) -> HourlineError:
    error = kind.__new__(kind)
    Exception.__init__(error, state["message"])
    error.__dict__.update(state)
    return error


class Misconfigured(HourlineError):  # noqa: N818  named for what happened
    """A setting, a file or a right is missing or wrong; nothing was tried."""


class Transient(HourlineError):  # noqa: N818  named for what happened
    """The same call may succeed later."""


class RateLimited(Transient):
    """Asked too often; the call was not carried out. ``retry_after``: seconds to wait, if the other side said."""

    def __init__(self, message: str, *, retry_after: float | None = None, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.retry_after = retry_after


class Unavailable(Transient):
    """The other side did not take the call: nothing was done there, and it is safe to send again."""

    def __init__(self, message: str, *, retry_after: float | None = None, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.retry_after = retry_after


class OutcomeUnknown(Transient):
    """A write went out and its answer was lost or unreadable: it may or may not have been carried out."""


class Terminal(HourlineError):  # noqa: N818  named for what happened
    """The same call will fail again."""


class Unauthorized(Terminal):
    """The credentials were not accepted."""


class Forbidden(Terminal):
    """The credentials were accepted but may not do this."""


class NotFound(Terminal):
    """Nothing stands at that address."""


class Refused(Terminal):
    """The other side read the call and said no.

    Attributes:
        field: the field it objects to, if it named one.
        category: our word for the kind of refusal: ``validation``, ``invalid_reference``, ``closed_period``,
            ``duplicate``, ``locked``, ``permission``, ``stale_version`` or another that the vendor's module documents.
    """

    def __init__(self, message: str, *, field: str | None = None, category: str = "validation", **rest: Any) -> None:
        super().__init__(message, **rest)
        self.field = field
        self.category = category


class Conflict(Terminal):
    """What stands there is not what the call supposed; ``category`` as in `Refused`."""

    def __init__(self, message: str, *, field: str | None = None, category: str = "conflict", **rest: Any) -> None:
        super().__init__(message, **rest)
        self.field = field
        self.category = category


class UnexpectedAnswer(Terminal):
    """The answer is not what it claims to be: another content type, cut off, or not what the address documents."""
