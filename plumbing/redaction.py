"""Keeps secrets out of every text that leaves the process: log lines, error messages, hooks.

Two nets: the exact values of every secret that was loaded or obtained (`protect`), and shapes that are secrets wherever
they stand (authorization headers, tokens in a URL or a JSON body, passwords in a database URL).
"""

from __future__ import annotations

import re
import threading
import urllib.parse
from typing import Any

MASK = "[redacted]"
SHORTEST_PROTECTED = 4  # characters; shorter values stand inside ordinary words

_NAMES_OF_SENSITIVE_FIELDS = (
    r"access_token|refresh_token|id_token|client_secret|consumer_secret|consumer_key"
    r"|token_secret|oauth_signature|oauth_token|oauth_consumer_key|password|passwd|api_key|apikey|secret|master_key"
    r"|assertion"
)
_AUTHORIZATION = re.compile(r"""(?i)(\bauthorization["']?\s*[=:]\s*["']?)(?:[a-z]+\s+)?[^\s"',;]+""")
# Outside a header the scheme's name is an English word too, so what follows must look random: a digit in it, or length.
_SCHEME = re.compile(r"(?i)\b(bearer|basic)(\s+)(?=\S*\d|\S{20})[A-Za-z0-9+/=._~!-]{6,}")
_OAUTH_HEADER = re.compile(r"(?i)\boauth\s+realm=.*")
_PAIR = re.compile(rf"""(?i)(["']?\b(?:{_NAMES_OF_SENSITIVE_FIELDS})["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&)}}\]]+)""")
_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s/@]+@")
_SENSITIVE_KEY = re.compile(
    rf"(?i)^(?:{_NAMES_OF_SENSITIVE_FIELDS}|authorization|proxy-authorization|token|cookie|set-cookie|token_id)$"
)

# Every shape above has one of these in it, and a plain path or word has none.
_SHAPE = re.compile(r"[\s=:]")

_lock = threading.Lock()
_protected: set[str] = set()
_pattern: re.Pattern[str] | None = None


def protect(value: str) -> None:
    """Remember a secret, so that it is masked wherever it turns up, plain or percent-encoded."""
    global _pattern
    if len(value) < SHORTEST_PROTECTED:
        return
    forms = {value, urllib.parse.quote(value, safe="")}
    with _lock:
        if forms <= _protected:
            return
        _protected.update(forms)
        _pattern = re.compile("|".join(re.escape(one) for one in sorted(_protected, key=len, reverse=True)))


def redact(text: str) -> str:
    """The text with every known secret and everything shaped like one masked."""
    if _pattern is not None:
        text = _pattern.sub(MASK, text)
    if not _SHAPE.search(text):
        return text
    text = _OAUTH_HEADER.sub(f"OAuth {MASK}", text)
    text = _AUTHORIZATION.sub(rf"\1{MASK}", text)
    text = _SCHEME.sub(rf"\1\2{MASK}", text)
    text = _USERINFO.sub(rf"\1:{MASK}@", text)
    return _PAIR.sub(rf"\1{MASK}", text)


def redact_value(value: Any, key: str | None = None) -> Any:
    """The same for a structure: values under a secret's name are masked whole, texts are searched."""
    if key is not None and _SENSITIVE_KEY.match(key):
        return MASK
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: redact_value(item, str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_value(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))
