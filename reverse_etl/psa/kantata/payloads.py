"""An hour's invoice status to an external reference, and back. Pure.

`service_model_ref` is the ERP's numeric invoice id: the vendor's own list filter takes it as an integer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plumbing.errors import Refused
from reverse_etl.fieldmap import FieldMap, FieldRule
from reverse_etl.writer import Record

UPSERT = "external_references/create_or_update"
SUBJECT = "TimeEntry"
STATUSES = frozenset({"pending", "successful", "failed"})
COLUMNS = (
    "subject_id",
    "invoice_ref",
    "invoice_number",
    "status",
    "external_status",
    "service_name",
    "external_message",
    "request_key",
)
DEFAULT_FIELDS = (
    FieldRule("subject_type", "constant", SUBJECT, "text"),
    FieldRule("subject_id", "column", "subject_id", "text"),
    FieldRule("service_name", "column", "service_name", "text"),
    FieldRule("service_model", "constant", "invoice", "text"),
    FieldRule("service_model_ref", "column", "invoice_ref", "text"),
    FieldRule("status", "column", "status", "text"),
    FieldRule("external_status", "column", "external_status", "text"),
    FieldRule("external_message", "column", "external_message", "text"),
)
REQUIRED = ("subject_id", "invoice_ref", "status")


def service_name(connection: str) -> str:
    """The name under which this connection's references stand."""
    return f"hourline-{connection}"


def body(record: Record, field_map: FieldMap) -> dict[str, Any]:
    """The upsert's body.

    Raises:
        Refused: a field that a reference can't be without is empty, or the status is none of the vendor's.
    """
    fields = record.fields
    lacking = [name for name in REQUIRED if fields.get(name) in (None, "")]
    if lacking:
        raise Refused(
            f"The invoice status has no {', '.join(lacking)}.", field=lacking[0], category="invalid_reference"
        )
    if fields["status"] not in STATUSES:
        raise Refused(f"Status {fields['status']!r} is none of {', '.join(sorted(STATUSES))}.", field="status")
    number = fields.get("invoice_number")
    columns = {
        **fields,
        "service_name": service_name(record.destination),
        "external_message": f"Invoice {number}" if number else None,
        "request_key": record.request_key,
    }
    return {"external_reference": field_map.build(columns)}


def reference_of(answer: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """The reference of a service name among those that came with a time entry; None when it has none."""
    for reference in (answer.get("external_references") or {}).values():
        if reference.get("service_name") == name:
            return dict(reference)
    return None


def first_of(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record that an id-keyed envelope is about."""
    first = answer["results"][0]
    return dict(answer[first["key"]][first["id"]])


def says_the_same(payload: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether a reference holds what the payload would have set."""
    return all(str(row.get(name)) == str(value) for name, value in payload["external_reference"].items())
