"""Invoice statuses that a Kantata account can take, and what it holds under our name; asked over its own API."""

from collections.abc import Iterator
from typing import Any

from plumbing.http import json_body
from plumbing.settings import Connection
from plumbing.vendors import kantata

SYNC = "psa_invoice_status"
WRITE = {"method": "POST", "path": "create_or_update"}
BAD = {"subject_id": "999999999"}


def fields(connection: Connection) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Material fields and context of as many time entries as are asked for."""
    for answer in _pages(connection):
        for result in answer["results"]:
            yield (
                {
                    "subject_id": result["id"],
                    "invoice_ref": "5001",
                    "invoice_number": "INV-5001",
                    "status": "successful",
                    "external_status": "Open",
                },
                {},
            )


def _pages(connection: Connection, **given: Any) -> Iterator[dict[str, Any]]:
    with kantata.client(connection) as client:
        page, pages = 1, 1
        while page <= pages:
            answer = json_body(
                client.get("time_entries", params={"per_page": 200, "page": page, "order": "created_at:asc", **given})
            )
            pages = answer["meta"]["page_count"]
            yield answer
            page += 1


def changed(before: dict[str, Any]) -> dict[str, Any]:
    """The same time entry, its invoice voided."""
    return {**before, "status": "pending", "external_status": "Voided"}


def held(connection: Connection) -> dict[str, int]:
    """How many references of ours stand on each time entry."""
    counts: dict[str, int] = {}
    for answer in _pages(connection, include="external_references"):
        for reference in (answer.get("external_references") or {}).values():
            if reference["service_name"] == f"hourline-{connection.name}":
                counts[reference["subject_id"]] = counts.get(reference["subject_id"], 0) + 1
    return counts
