"""Typed values as Tryton writes them in JSON: objects with ``__class__``. Pure, both ways; fractions are Decimals, never floats."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from plumbing.errors import UnexpectedAnswer


def encode(value: Any) -> Any:
    """A value as Tryton reads it: dates, instants, durations, Decimals and bytes as ``__class__`` objects. Pure.

    What is encoded already stays as it is.

    Raises:
        TypeError: a float, or a type that Tryton has no word for.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return value if "__class__" in value else {key: encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [encode(item) for item in value]
    for kind, to_wire in _TO_WIRE:
        if isinstance(value, kind):
            return to_wire(value)
    raise TypeError(f"Tryton takes no {type(value).__name__}")


def decode(value: Any) -> Any:
    """Tryton's answer with its typed values as ours; an instant is naive, in the server's zone (run it in UTC). Pure.

    Raises:
        UnexpectedAnswer: a typed value that lacks a part.
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    name = value.get("__class__")
    if name is None:
        return {key: decode(item) for key, item in value.items()}
    try:
        return _FROM_WIRE[name](value)
    except (KeyError, ValueError, TypeError, ArithmeticError, binascii.Error):
        raise UnexpectedAnswer(f"Tryton gave a value that is no {name}: {value}.", system="tryton") from None


_DAY = ("year", "month", "day")
_CLOCK = ("hour", "minute", "second", "microsecond")


def _parts(value: Any, name: str, parts: tuple[str, ...]) -> dict[str, Any]:
    return {"__class__": name, **{part: getattr(value, part) for part in parts}}


def _built(kind: Callable[..., Any], value: Mapping[str, Any], parts: tuple[str, ...]) -> Any:
    return kind(**{part: int(value[part]) for part in parts})


def _naive(value: datetime) -> dict[str, Any]:
    if value.tzinfo is not None:
        raise TypeError("Tryton's instants are naive; convert to the server's zone first")
    return _parts(value, "datetime", _DAY + _CLOCK)


_TO_WIRE: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (datetime, _naive),  # before date, which it is too
    (date, lambda value: _parts(value, "date", _DAY)),
    (time, lambda value: _parts(value, "time", _CLOCK)),
    (timedelta, lambda value: {"__class__": "timedelta", "seconds": _seconds(value)}),
    (Decimal, lambda value: {"__class__": "Decimal", "decimal": str(value)}),
    (bytes, lambda value: {"__class__": "bytes", "base64": base64.b64encode(value).decode("ascii")}),
)
_FROM_WIRE: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "datetime": lambda value: _built(datetime, value, _DAY + _CLOCK),
    "date": lambda value: _built(date, value, _DAY),
    "time": lambda value: _built(time, value, _CLOCK),
    "timedelta": lambda value: timedelta(microseconds=int((Decimal(value["seconds"]) * 1_000_000).to_integral_value())),
    "Decimal": lambda value: Decimal(value["decimal"]),
    "bytes": lambda value: base64.b64decode(value["base64"]),
}


def _seconds(value: timedelta) -> int | Decimal:
    whole = value.days * 86_400 + value.seconds
    return whole + Decimal(value.microseconds) / 1_000_000 if value.microseconds else whole
