"""One byte string for one value: the ground under fingerprints, content hashes and the audit chain.

Keys are sorted by code point, there is no white space, text is UTF-8 and unescaped but for what JSON demands, a number
is written plainly without exponent or trailing zeros (so 8, 8.0 and 8.00 are one value), an instant is UTC with six
digits. Floats are refused: two machines may print the same one differently, and money or hours must never have been
one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from json.encoder import JSONEncoder, encode_basestring
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import SecretStr

WIDEST_NUMBER = 1000  # digits; beyond it a number is an attack or a mistake

# An object of nothing but these is written by the library in one go, in the same form; most payloads are such.
_PLAIN = frozenset({str, int, bool, type(None)})
_TEXT = frozenset({str})
_plainly = JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), sort_keys=True).encode


class Encoded(Mapping[str, Any]):
    """An object and its canonical JSON, made once for every place that it goes to; it can't be changed."""

    __slots__ = ("_value", "text")

    def __init__(self, value: Mapping[str, Any]) -> None:
        self._value = value
        self.text = dumps(value).decode("utf-8")

    def __getitem__(self, key: str) -> Any:
        return self._value[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._value)

    def __len__(self) -> int:
        return len(self._value)

    def __repr__(self) -> str:
        return f"Encoded({self.text})"


def dumps(value: Any) -> bytes:
    """The canonical JSON of a value made of None, bool, int, Decimal, str, date, aware datetime, list, tuple, dict.

    Raises:
        TypeError: a float, a key that is no string, or any other type.
        ValueError: not a finite number, a naive instant, or text that is no Unicode (a lone surrogate).
    """
    if isinstance(value, Encoded):
        return value.text.encode("utf-8")
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts).encode("utf-8")


def keyed_hash(key: SecretStr | bytes, value: Any) -> str:
    """HMAC-SHA256 over the canonical JSON, 64 hex digits: equal for equal values, not to be guessed without the key."""
    secret = key if isinstance(key, bytes) else key.get_secret_value().encode("utf-8")
    return hmac.new(secret, dumps(value), hashlib.sha256).hexdigest()


def number(value: int | Decimal) -> str:
    """A number in its one plain form: ``Decimal("8.00")`` is ``"8"``, ``Decimal("-0.0")`` is ``"0"``."""
    if isinstance(value, int):
        return str(value)
    if not value.is_finite():
        raise ValueError(f"{value} is not a finite number")
    if value.is_zero():
        return "0"
    if abs(value.adjusted()) > WIDEST_NUMBER:
        raise ValueError(f"a number with more than {WIDEST_NUMBER} digits is not taken")
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _write(value: Any, emit: Callable[[str], None]) -> None:
    if isinstance(value, str):
        emit(encode_basestring(value))
    elif value is None:
        emit("null")
    elif isinstance(value, bool):
        emit("true" if value else "false")
    elif isinstance(value, int | Decimal):
        emit(number(value))
    elif isinstance(value, Mapping):
        _write_object(value, emit)
    elif isinstance(value, list | tuple):
        emit("[")
        for position, item in enumerate(value):
            if position:
                emit(",")
            _write(item, emit)
        emit("]")
    elif isinstance(value, date):
        emit(f'"{_instant(value) if isinstance(value, datetime) else value.isoformat()}"')
    else:
        raise TypeError(f"canonical JSON takes no {type(value).__name__}")


def _write_object(value: Mapping[Any, Any], emit: Callable[[str], None]) -> None:
    if type(value) is dict and _TEXT.issuperset(map(type, value)) and _PLAIN.issuperset(map(type, value.values())):
        emit(_plainly(value))
        return
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"canonical JSON takes text as keys, not {type(key).__name__}")
    emit("{")
    for position, key in enumerate(sorted(value)):
        emit(f"{',' if position else ''}{encode_basestring(key)}:")
        _write(value[key], emit)
    emit("}")


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("an instant without its zone is no instant")
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
