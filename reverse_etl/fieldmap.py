"""The field map: which vendor field is filled from which of our columns or constants, and as what type. Data, never code.

Rows come from ``rule.field_map`` (destination, entity, vendor_field, value_kind, value, value_type); a vendor's folder holds
the rows that stand when the firm gives none for a field. A row whose value is empty switches a vendor field off.
A vendor field may be a path (``metadata.dw_key``). The types are in `TYPES`; `reference` is an id within an object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Literal

from plumbing.errors import Misconfigured, Refused

MINUTES_PER_HOUR = 60
_WHOLE = Decimal(1)


@dataclass(frozen=True)
class FieldRule:
    """One row of the map."""

    vendor_field: str
    value_kind: Literal["column", "constant"]
    value: str
    value_type: str


def clock_duration(minutes: Decimal) -> str:
    """``h:mm``, rounded half up to whole minutes: 450 is ``7:30``."""
    whole = int(minutes.quantize(_WHOLE, rounding=ROUND_HALF_UP))
    sign = "-" if whole < 0 else ""
    return f"{sign}{abs(whole) // MINUTES_PER_HOUR}:{abs(whole) % MINUTES_PER_HOUR:02d}"


def _number(value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{value!r} is no number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is no number")
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in {"true", "t"}:
        return True
    if str(value).lower() in {"false", "f"}:
        return False
    raise ValueError(f"{value!r} is neither true nor false")


def _integer(value: Any) -> int:
    number = _number(value)
    if number != number.to_integral_value():
        raise ValueError(f"{value!r} is no whole number")
    return int(number)


TYPES: Mapping[str, Callable[[Any], Any]] = {
    "text": str,
    "date": lambda value: date.fromisoformat(str(value)).isoformat(),
    "decimal": _number,
    "integer": _integer,
    "boolean": _boolean,
    "as_is": lambda value: value,
    "reference": lambda value: {"id": str(value)},
    "duration": lambda value: clock_duration(_number(value)),
    "hours": lambda value: (_number(value) / MINUTES_PER_HOUR).quantize(Decimal("0.001"), rounding=ROUND_HALF_UP),
}


class FieldMap:
    """The map of one destination and entity."""

    def __init__(
        self,
        destination: str,
        entity: str,
        rows: Iterable[FieldRule],
        types: Mapping[str, Callable[[Any], Any]] = TYPES,
    ) -> None:
        self.destination = destination
        self.entity = entity
        self.rows = tuple(rows)
        self._types = types

    def over(
        self,
        defaults: Iterable[FieldRule],
        columns: Iterable[str],
        types: Mapping[str, Callable[[Any], Any]] = TYPES,
    ) -> FieldMap:
        """This map laid over a vendor's defaults, checked.

        Args:
            columns: the columns that a row may name: the sync's material fields, and what the writer derives.
            types: the vendor's own way with the types, where JSON's plain values are not its own.

        Raises:
            Misconfigured: a column or a type that doesn't exist, naming it.
        """
        merged = {row.vendor_field: row for row in defaults}
        merged |= {row.vendor_field: row for row in self.rows}
        known = set(columns)
        for row in merged.values():
            where = f"The field map of {self.destination} ({self.entity}) fills {row.vendor_field}"
            if row.value_kind == "column" and row.value and row.value not in known:
                raise Misconfigured(
                    f"{where} from column {row.value!r}, which doesn't exist.",
                    remedy=f"Correct rule field_map; there are {', '.join(sorted(known))}.",
                )
            if row.value_type not in types:
                raise Misconfigured(
                    f"{where} with type {row.value_type!r}, which doesn't exist.",
                    remedy=f"Correct rule field_map; there are {', '.join(sorted(types))}.",
                )
        return FieldMap(self.destination, self.entity, (row for row in merged.values() if row.value), types)

    def build(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """The vendor's fields; a column that is null leaves its vendor field out.

        Raises:
            Refused: a value doesn't fit its type, naming column and vendor field.
        """
        built: dict[str, Any] = {}
        for row in self.rows:
            value = row.value if row.value_kind == "constant" else columns.get(row.value)
            if value is None:
                continue
            try:
                typed = self._types[row.value_type](value)
            except (ValueError, TypeError) as error:
                raise Refused(
                    f"{row.value_kind} {row.value} doesn't fit {row.vendor_field} of {self.destination} as {row.value_type}: {error}.",
                    field=row.vendor_field,
                    category="validation",
                ) from None
            _put(built, row.vendor_field, typed)
        return built


def _put(target: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for name in parents:
        target = target.setdefault(name, {})
    target[last] = value
