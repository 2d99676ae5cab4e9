"""The org's rows: ids, stamps, soft deletes, merges, upserts by external id.

Values are held as Python values (Decimal, date, aware datetime) and written out at the edge. Every change stamps
`SystemModstamp` with the simulator's clock, unless a stamp is given: rows of the firm carry the firm's own, and a row
can be committed with a stamp older than a reader's cursor (sheet A.4).
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simulators.salesforce.objects import OBJECTS, Field, SObject, object_of, to_18
from simulators.salesforce.soql import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Row = dict[str, Any]
CURRENCIES = {"USD", "GBP", "EUR", "CHF", "CAD", "AUD", "JPY"}


class ItemError(ValueError):
    """One record refused; becomes an item of a Collections answer or the body of a single one (A.5, A.9)."""

    def __init__(self, status: int, code: str, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields


class Ambiguous(Exception):  # noqa: N818 - the API calls it a choice (HTTP 300), not an error
    """An external id that more than one row carries (A.5)."""

    def __init__(self, ids: list[str]) -> None:
        super().__init__("external id is not unique")
        self.ids = ids


@dataclass
class Store:
    """All rows of the org by object and id. `now` is the simulator's clock, `default_currency` the org's own."""

    now: Callable[[], datetime]
    default_currency: str = "USD"
    rows: dict[str, dict[str, Row]] = field(default_factory=lambda: {name: {} for name in OBJECTS})
    deleted_at: dict[str, datetime] = field(default_factory=dict)
    _serial: dict[str, int] = field(default_factory=dict)
    _by_key: dict[tuple[str, str], dict[str, set[str]]] = field(default_factory=dict)

    def new_id(self, sobject: SObject) -> str:
        serial = self._serial[sobject.name] = self._serial.get(sobject.name, 0) + 1
        return to_18(f"{sobject.key_prefix}Hl{serial:010d}")

    def load(self, name: str, values: Row, *, stamp: datetime, created: datetime | None = None) -> str:
        """Put a row of the firm in place with the stamp it had; the id is made here unless given."""
        sobject = OBJECTS[name]
        identifier = values.get("Id") or self.new_id(sobject)
        row: Row = dict.fromkeys(sobject.fields)
        row.update({"Id": identifier, "IsDeleted": False, "CurrencyIsoCode": self.default_currency})
        row.update({"CreatedDate": created or stamp, "LastModifiedDate": stamp, "SystemModstamp": stamp})
        row.update(values)
        row["Id"] = identifier
        self.rows[name][identifier] = row
        self._index(sobject, row)
        return str(identifier)

    def get(self, name: str, identifier: str) -> Row:
        """A live row by its 15- or 18-character id; NOT_FOUND for a missing or deleted one."""
        row = self.rows[name].get(to_18(identifier))
        if row is None or row["IsDeleted"]:
            raise ItemError(404, "NOT_FOUND", "The requested resource does not exist")
        return row

    def visible(self, name: str, *, with_deleted: bool) -> list[Row]:
        """`query` sees live rows, `queryAll` soft-deleted ones too (A.3)."""
        return [row for row in self.rows[name].values() if with_deleted or not row["IsDeleted"]]

    def by_external_id(self, name: str, key_field: Field, value: str) -> list[Row]:
        ids = self._by_key.get((name, key_field.name), {}).get(value, set())
        return [row for row in (self.rows[name][i] for i in sorted(ids)) if not row["IsDeleted"]]

    def external_id_field(self, sobject: SObject, name: str) -> Field:
        found = sobject.field(name)
        if found is None or not found.is_external_id:
            raise ItemError(400, "INVALID_FIELD", f"{name} is not an external id of {sobject.name}", (name,))
        return found

    def upsert(self, name: str, key_field: Field, key: str, body: Row) -> tuple[str, bool]:
        """Create or update by external id (A.5, A.6): the id and whether it was created.

        Raises:
            ItemError: a value is refused; nothing was changed.
            Ambiguous: several rows carry the key; nothing was changed.
        """
        sobject = OBJECTS[name]
        values = self.checked(name, body)
        found = self.by_external_id(name, key_field, key)
        if len(found) > 1:
            raise Ambiguous([str(row["Id"]) for row in found])
        values[key_field.name] = key
        if found:
            self._refuse_taken_key(sobject, values, but=str(found[0]["Id"]))
            self.change(name, str(found[0]["Id"]), values)
            return str(found[0]["Id"]), False
        self._refuse_missing(sobject, values)
        self._refuse_taken_key(sobject, values, but="")
        return self.load(name, values, stamp=self.now()), True

    def upsert_many(
        self, sobject: SObject, key_field: Field, records: list[Row], *, all_or_none: bool
    ) -> list[dict[str, Any]]:
        """Collections upsert (A.5): one result a record, in order; with `all_or_none` one refusal undoes the others."""
        kept = copy.deepcopy((self.rows[sobject.name], self._by_key, self._serial)) if all_or_none else None
        results = [self._upsert_item(sobject, key_field, record) for record in records]
        if kept is None or all(result["success"] for result in results):
            return results
        self.rows[sobject.name], self._by_key, self._serial = kept
        undone = {"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": "Record rolled back", "fields": []}
        return [{"success": False, "errors": [undone]} if result["success"] else result for result in results]

    def _upsert_item(self, sobject: SObject, key_field: Field, record: Row) -> dict[str, Any]:
        key = record.get(key_field.name)
        if not isinstance(key, str) or not key:
            missing = f"{key_field.name} not specified"
            return {
                "success": False,
                "errors": [{"statusCode": "MISSING_ARGUMENT", "message": missing, "fields": [key_field.name]}],
            }
        try:
            body = {name: value for name, value in record.items() if name != key_field.name}
            identifier, created = self.upsert(sobject.name, key_field, key, body)
        except ItemError as error:
            refused = {"statusCode": error.code, "message": error.message, "fields": list(error.fields)}
            return {"success": False, "errors": [refused]}
        except Ambiguous as several:
            message = f"{key_field.name}: more than one record found: {', '.join(several.ids)}"
            return {
                "success": False,
                "errors": [{"statusCode": "DUPLICATE_EXTERNAL_ID", "message": message, "fields": []}],
            }
        return {"id": identifier, "success": True, "errors": [], "created": created}

    def change(self, name: str, identifier: str, values: Row, *, stamp: datetime | None = None) -> None:
        """Set fields of a row and move its stamps."""
        row = self.rows[name][to_18(identifier)]
        self._unindex(OBJECTS[name], row)
        row.update(values)
        row["LastModifiedDate"] = row["SystemModstamp"] = stamp or self.now()
        self._index(OBJECTS[name], row)

    def delete(self, name: str, identifier: str) -> None:
        """Into the recycle bin: gone for `query`, `IsDeleted` for `queryAll`."""
        row = self.get(name, identifier)
        self.change(name, row["Id"], {"IsDeleted": True})
        self.deleted_at[row["Id"]] = row["SystemModstamp"]

    def purge(self, name: str, identifier: str) -> None:
        """Out of the recycle bin: no query sees the row again (A.4)."""
        row = self.rows[name].pop(to_18(identifier))
        self._unindex(OBJECTS[name], row)

    def deleted_between(self, name: str, start: datetime, end: datetime) -> Iterator[tuple[str, datetime]]:
        for row in self.rows[name].values():
            at = self.deleted_at.get(row["Id"])
            if at is not None and start <= at < end:
                yield row["Id"], at

    def checked(self, name: str, body: Row) -> Row:
        """A JSON body in the fields' types.

        Raises:
            ItemError: a field that the object lacks or that can't be written, or a value of a wrong type.
        """
        sobject = OBJECTS[name]
        values: Row = {}
        for key, given in body.items():
            if key == "attributes":
                continue
            known = sobject.field(key)
            if known is None:
                raise ItemError(
                    400, "INVALID_FIELD", f"No such column '{key}' on sobject of type {sobject.name}", (key,)
                )
            if not known.is_writable:
                raise ItemError(
                    400, "INVALID_FIELD_FOR_INSERT_UPDATE", f"Unable to create/update fields: {key}", (known.name,)
                )
            values[known.name] = self._value(known, given)
        return values

    def _value(self, known: Field, given: Any) -> Any:
        """A JSON value in the field's type, or the refusal of a wrong one."""
        if given is None:
            if known.is_required:
                raise ItemError(
                    400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{known.name}]", (known.name,)
                )
            return None
        if known.type == "reference":
            return self._reference(known, given)
        try:
            value = _convert(known, given)
        except (TypeError, ValueError, ArithmeticError):
            raise ItemError(
                400, "JSON_PARSER_ERROR", f"Cannot deserialize field {known.name} as {known.type}", (known.name,)
            ) from None
        if known.name == "CurrencyIsoCode" and value not in CURRENCIES:
            raise ItemError(
                400,
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"bad value for restricted picklist field: {value}",
                (known.name,),
            )
        return value

    def _reference(self, known: Field, given: Any) -> str:
        if not isinstance(given, str) or not re.fullmatch(r"[A-Za-z0-9]{15}|[A-Za-z0-9]{18}", given):
            raise ItemError(400, "MALFORMED_ID", f"{known.name}: id value of incorrect type: {given}", (known.name,))
        target = object_of(given)
        found = target and (not known.refers_to or target.name == known.refers_to)
        row = self.rows[target.name].get(to_18(given)) if target and found else None
        if row is None or row["IsDeleted"]:
            raise ItemError(400, "INVALID_CROSS_REFERENCE_KEY", f"invalid cross reference id: {given}", (known.name,))
        return to_18(given)

    def _refuse_missing(self, sobject: SObject, values: Row) -> None:
        missing = [f.name for f in sobject.fields.values() if f.is_required and values.get(f.name) is None]
        if missing:
            raise ItemError(
                400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", tuple(missing)
            )

    def _refuse_taken_key(self, sobject: SObject, values: Row, *, but: str) -> None:
        for known in (f for f in sobject.fields.values() if f.is_unique and values.get(f.name) is not None):
            taken = [r for r in self.by_external_id(sobject.name, known, values[known.name]) if r["Id"] != but]
            if taken:
                raise ItemError(
                    400,
                    "DUPLICATE_VALUE",
                    f"duplicate value found: {known.name} duplicates id {taken[0]['Id']}",
                    (known.name,),
                )

    def _index(self, sobject: SObject, row: Row) -> None:
        for known in (f for f in sobject.fields.values() if f.is_external_id and row[f.name] is not None):
            self._by_key.setdefault((sobject.name, known.name), {}).setdefault(row[known.name], set()).add(row["Id"])

    def _unindex(self, sobject: SObject, row: Row) -> None:
        for known in (f for f in sobject.fields.values() if f.is_external_id and row[f.name] is not None):
            self._by_key.get((sobject.name, known.name), {}).get(row[known.name], set()).discard(row["Id"])


def _convert(known: Field, given: Any) -> Any:
    if known.type == "boolean":
        if not isinstance(given, bool):
            raise TypeError(given)
        return given
    if known.type in {"currency", "int"}:
        if isinstance(given, bool) or not isinstance(given, (int, float, Decimal)):
            raise TypeError(given)
        number = Decimal(str(given))
        if known.type == "int" and number != number.to_integral_value():
            raise ValueError(given)
        return int(number) if known.type == "int" else number
    if not isinstance(given, str):
        raise TypeError(given)
    if known.type == "date":
        return date.fromisoformat(given)
    return instant(given) if known.type == "datetime" else given
