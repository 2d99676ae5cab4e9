"""What Tryton's refusals mean: a 200 with ``error``, a class and a text without a code. One pure table of English words.

``["UserError", [message, description, domain]]``, ``["UserWarning", [name, message, description]]``,
``["ConcurrencyException", message]``, ``["LoginException", [name, message, type]]``, and for an exception that Tryton did not
expect its plain text and a traceback. The words are those of 8.0 and 8.2; what is not known is a refusal with that text.
"""

from __future__ import annotations

import re
from typing import Any

import httpx

from plumbing.errors import (
    Conflict,
    Forbidden,
    HourlineError,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unauthorized,
    Unavailable,
)
from plumbing.http import Envelope, body_of_error

# The vendor's English words, the first that is found counts: the error that they stand for, and our category.
# `billed`: an invoice holds the record. A record-level rule is a refusal of that record, a missing right one of the user.
WORDS: tuple[tuple[re.Pattern[str], type[HourlineError], str], ...] = tuple(
    (re.compile(words, re.IGNORECASE | re.DOTALL), kind, category)
    for words, kind, category in (
        (r"\bUUID of .* must be unique", Conflict, "duplicate"),
        (r"\bbecause it has been invoiced", Refused, "billed"),
        (r"^You are trying to (read|write to|delete) records .* that don't exist", NotFound, "invalid_reference"),
        (r"^You are not allowed to .* because .* at le(ast|ase) one of th(e|o)se rules", Refused, "permission"),
        (r"^You are not allowed to (modify|delete) .*\brecord\b", Refused, "permission"),
        (r"^You (are not allowed to|can not call)\b", Forbidden, "permission"),
        (r"\bperiods? .*\bclosed\b|\bclosed\b.* period", Refused, "closed_period"),
        (r"^The value .* for field \"[^\"]*\" in .* does not exist", Refused, "invalid_reference"),
        (
            r"^The value .* for field \"(Employee|Work)\" .* not valid according to its domain",
            Refused,
            "invalid_reference",
        ),
        (r"\bmust be unique", Conflict, "duplicate"),
        (r"^The records could not be deleted because they are used", Refused, "locked"),
    )
)
# The plain text of an exception: what the database under Tryton says. The transaction was rolled back, unless the
# connection went away, which may have been at its end.
EXCEPTION_WORDS: tuple[tuple[re.Pattern[str], type[HourlineError]], ...] = tuple(
    (re.compile(words, re.IGNORECASE), kind)
    for words, kind in (
        (r"deadlock detected|could not serialize|could not obtain lock|canceling statement", Unavailable),
        (r"too many (clients|connections)|connection pool|couldn't get a connection|database is locked", Unavailable),
        (r"server closed the connection|connection (is |was )?(closed|lost|reset|terminated)", OutcomeUnknown),
        (r"terminating connection|consuming input failed|server conn crashed", OutcomeUnknown),
    )
)
_CLASSES: dict[str, type[HourlineError]] = {
    "ConcurrencyException": Conflict,
    "LoginException": Unauthorized,
    "RateLimitException": RateLimited,
    "MissingDependenciesException": Misconfigured,
}
_FIELD = re.compile(r"\bfield \"([^\"]+)\"")
_KEY_ERROR = re.compile(r"^'[a-z_.0-9]+'$")
_LOADING = frozenset({"'res.user'", "'ir.session'", "'res.user.login.attempt'"})  # models that no database lacks


def read_refusal(response: httpx.Response) -> Envelope | None:
    """The ``error`` of a 200, by class and words; None where there is a ``result``."""
    body = body_of_error(response)
    if not isinstance(body, dict) or not ("result" in body or body.get("error")):
        return Envelope(kind=OutcomeUnknown, detail="the answer is none of JSON-RPC")
    error = body.get("error")
    if not error:
        return None
    return envelope_of(error)


def envelope_of(error: Any) -> Envelope:
    """An ``error`` in our words. Pure.

    Text that is not known is a refusal with that text: nothing was done, and a person reads it.
    """
    first, *rest = error if isinstance(error, list) and error else [error]
    name = str(first)
    details = rest[0] if rest else None
    if name == "UserWarning" and isinstance(details, list) and len(details) > 1:
        return Envelope(kind=Refused, code=str(details[0]), detail=str(details[1]), category="warning")
    if name == "UserError" and isinstance(details, list) and details:
        return _of_words(str(details[0]), " ".join(str(part) for part in details[:2] if part))
    if name in _CLASSES:
        told = str(details[1]) if isinstance(details, list) and len(details) > 1 else str(details or name)
        category = "stale_version" if name == "ConcurrencyException" else None
        return Envelope(kind=_CLASSES[name], code=name, detail=told, category=category)
    return _of_exception(name)


def _of_words(message: str, told: str) -> Envelope:
    field = _FIELD.search(message)
    found = next(
        ((kind, category) for words, kind, category in WORDS if words.search(message)), (Refused, "validation")
    )
    return Envelope(kind=found[0], code="UserError", detail=told, field=field[1] if field else None, category=found[1])


def _of_exception(text: str) -> Envelope:
    if text in _LOADING:
        return Envelope(
            kind=Unavailable,
            code="exception",
            detail="Tryton has not loaded this database; it is to be started with it (trytond -d)",
        )
    if _KEY_ERROR.match(text):
        text = f"Tryton knows no {text}; is the module installed?"
    kind = next((kind for words, kind in EXCEPTION_WORDS if words.search(text)), Refused)
    return Envelope(kind=kind, code="exception", detail=text, category="server_error")
