"""The list of time sheets: filters, order (sheet C1.3). `before`, `after`: `created_at`, exclusive (C1.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from simulators.gusto.errors import invalid, refused
from simulators.gusto.payrolls import choices

if TYPE_CHECKING:
    from simulators.gusto.company import Company
    from simulators.gusto.time_sheets import TimeSheet

SORTS = ("created_at", "updated_at", "shift_started_at", "shift_ended_at")
STATUSES = ("pending", "approved", "rejected")
PARAMETERS = ("entity_uuids", "entity_type", "status", "before", "after", "sort_by", "sort_order")


def list_sheets(company: Company, query: dict[str, str]) -> tuple[list[TimeSheet], tuple[str, ...]]:
    """Sheets that answer a list call, in its order, and the parameters the list knows."""
    people = {part for part in query.get("entity_uuids", "").split(",") if part}
    kinds = choices(query, "entity_type", ("Employee", "Contractor"), "Employee,Contractor")
    statuses = choices(query, "status", STATUSES, ",".join(STATUSES))
    (sort_by,) = _one(query, "sort_by", SORTS, "created_at")
    (order,) = _one(query, "sort_order", ("asc", "desc"), "asc")
    after, before = _instant(query, "after"), _instant(query, "before")

    def chosen(sheet: TimeSheet) -> bool:
        return (
            (not people or sheet.entity_uuid in people)
            and sheet.entity_type in kinds
            and sheet.status in statuses
            and (after is None or sheet.created_at > after)
            and (before is None or sheet.created_at < before)
        )

    key = str(sorted((name, value) for name, value in query.items() if name in PARAMETERS))
    return company.sorted_sheets(key, chosen, sort_by, descending=order == "desc"), PARAMETERS


def _one(query: dict[str, str], name: str, allowed: tuple[str, ...], default: str) -> set[str]:
    found = choices(query, name, allowed, default)
    if len(found) != 1:
        raise refused(invalid(name, f"{name} takes one value"))
    return found


def _instant(query: dict[str, str], name: str) -> datetime | None:
    """A date (its first moment in UTC) or an instant; an unencoded + arrives as a blank."""
    given = query.get(name)
    if not given:
        return None
    try:
        at = datetime.fromisoformat(given.replace(" ", "+"))
    except ValueError:
        raise refused(invalid(name, f"{name} must be an ISO 8601 date or instant")) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
