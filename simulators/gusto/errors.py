"""Gusto's error envelope: `{"errors": [{error_key, category, message, metadata?, errors?}]}` (sheet section C1.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of the envelope; `errors` are the inner ones when the category is `nested_errors`."""

    error_key: str
    category: str
    message: str
    metadata: dict[str, Any] | None = None
    errors: tuple[Fault, ...] = ()

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"error_key": self.error_key, "category": self.category, "message": self.message}
        if self.metadata is not None:
            body["metadata"] = self.metadata
        if self.errors:
            body["errors"] = [inner.body() for inner in self.errors]
        return body


class GustoError(Exception):
    """A refusal: the HTTP status and the entries of its envelope."""

    def __init__(self, status: int, *faults: Fault) -> None:
        super().__init__("; ".join(f"{f.error_key}/{f.category}: {f.message}" for f in faults))
        self.status = status
        self.faults = faults

    def body(self) -> dict[str, Any]:
        return {"errors": [fault.body() for fault in self.faults]}


def invalid(key: str, message: str, metadata: dict[str, Any] | None = None) -> Fault:
    """An attribute whose value is refused."""
    return Fault(key, "invalid_attribute_value", message, metadata)


def refused(*faults: Fault) -> GustoError:
    """422: the body was read and one or more attributes are refused."""
    return GustoError(422, *faults)


def not_found() -> GustoError:
    """404: an id in the URL is unknown."""
    return GustoError(404, Fault("request", "not_found", "The requested resource was not found."))


def invalid_operation(message: str, metadata: dict[str, Any] | None = None) -> GustoError:
    """422: the state of things forbids it."""
    return refused(Fault("base", "invalid_operation", message, metadata))


def frozen(*, is_running: bool) -> GustoError:
    """A payroll that can't be changed: processed for good, or being processed right now.

    Both have the same key and category; only the text tells them apart (C1.9).
    """
    return invalid_operation(
        "This payroll is currently being processed and cannot be updated."
        if is_running
        else "This payroll has already been processed and cannot be updated."
    )


def stale_sheet() -> GustoError:
    """Time sheets answer 422 where every other object answers 409 (C1.9)."""
    return refused(invalid("version", "The version is not the current version of this time sheet."))


def stale_version() -> GustoError:
    return GustoError(
        409, Fault("base", "invalid_resource_version", "The resource has been updated since it was read.")
    )
