"""How hours, money and ages are written, everywhere the same."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

_SYMBOLS = {"USD": "$", "GBP": "£", "EUR": "€"}
_MINUTES = Decimal(60)


def hours(minutes: Decimal | None) -> str:
    """Minutes as hours with two decimals: `1,204.50`, `−8.00`; nothing for none, a dash for what rounds to zero."""
    if minutes is None:
        return ""
    rounded = (minutes / _MINUTES).quantize(Decimal("0.01"))
    if rounded == 0:
        return "–"
    return f"{'−' if rounded < 0 else ''}{abs(rounded):,}"


def odd_hours(minutes: Decimal) -> str:
    """The same for what nothing explains, of which not the least part may read like zero."""
    return "< 0.01" if minutes and hours(minutes) == "–" else hours(minutes)


def money(amount: Decimal | None, currency: str | None) -> str:
    """`$48,210.50`; currencies without a sign of their own are written `CHF 12.00`."""
    if amount is None or not currency:
        return ""
    sign = "−" if amount < 0 else ""
    text = f"{abs(amount).quantize(Decimal('0.01')):,}"
    return f"{sign}{_SYMBOLS.get(currency, f'{currency} ')}{text}"


def sums(amounts: Mapping[str, Decimal]) -> str:
    """Money per currency, never added up across currencies."""
    return "  ".join(money(amount, currency) for currency, amount in sorted(amounts.items()) if amount)


def count(number: int) -> str:
    """`12,345`; a dash for zero."""
    return f"{number:,}" if number else "–"


def age(span: timedelta | None) -> str:
    """`3 d`, `5 h`, `12 min`: the largest unit that says something."""
    if span is None:
        return ""
    minutes = int(span.total_seconds() // 60)
    if minutes >= 48 * 60:
        return f"{minutes // 1440} d"
    if minutes >= 120:
        return f"{minutes // 60} h"
    return f"{minutes} min"
