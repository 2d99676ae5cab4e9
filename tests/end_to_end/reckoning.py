"""What the statement ought to say, reckoned from the generator's truth and the vendors' own books alone.

Nothing here reads a model or the ledger. Minutes are Decimal; a place is (legal entity, first of the month).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flows.statement import Statement

Place = tuple[str, date]
Sums = dict[tuple[str, date, str, str | None], Decimal]
KEPT = "re-approval"


@dataclass(frozen=True)
class Stood:
    """One hour as a vendor held it before: minutes on a date."""

    minutes: Decimal
    work_date: date


def place(row: Mapping[str, Any]) -> Place:
    """Entity and month of a row of the truth."""
    return row["legal_entity"] or "unassigned", date.fromisoformat(row["period"])


def month(day: date) -> date:
    """First of the month."""
    return day.replace(day=1)


def erp_due(truth: Iterable[Mapping[str, Any]], before: Mapping[str, Stood]) -> Sums:
    """Line 4 of the ERP's labour: due hours by where they are; `before` is what the ERP held of each hour."""
    sums: Sums = defaultdict(Decimal)
    for row in truth:
        entity, period = place(row)
        verdict, minutes = row["erp"], Decimal(row["minutes"])
        stood = before.get(row["source_id"])
        if verdict["state"] == "present":
            sums[entity, period, "posted", None] += minutes
        elif verdict["state"] == "not_approved" and stood is not None:
            sums[entity, month(stood.work_date), "posted", None] += stood.minutes
        elif verdict["state"] == "held":
            if stood is not None:
                sums[entity, month(stood.work_date), "posted", None] += stood.minutes
                sums[entity, month(stood.work_date), "held", verdict["reason"]] -= stood.minutes
            sums[entity, period, "held", verdict["reason"]] += minutes
    return without_zeros(sums)


def payroll_due(truth: Iterable[Mapping[str, Any]], before: Mapping[str, Stood]) -> Sums:
    """Line 4 of payroll; `before` is the truth's own account of what was present at the last delivery."""
    sums: Sums = defaultdict(Decimal)
    for row in truth:
        entity, period = place(row)
        verdict, minutes = row["payroll"], Decimal(row["minutes"])
        stood = before.get(row["source_id"])
        if verdict["state"] == "present":
            sums[entity, period, "posted", None] += minutes
        elif verdict["state"] == "held":
            sums[entity, period, "held", verdict["reason"]] += minutes
        elif verdict["state"] == "not_approved" and stood is not None:
            sums[entity, month(stood.work_date), "posted", None] += stood.minutes
    return without_zeros(sums)


def not_due(truth: Iterable[Mapping[str, Any]], role: str) -> Sums:
    """Line 3: hours that are approved and not due, by rule."""
    sums: Sums = defaultdict(Decimal)
    for row in truth:
        if row[role]["state"] == "not_due":
            sums[(*place(row), "not due", row[role]["reason"])] += Decimal(row["minutes"])
    return without_zeros(sums)


def landed(truth: Iterable[Mapping[str, Any]], never_seen: set[str]) -> Sums:
    """Line 2: every hour that was read, by its state in the PSA; one deleted before the first reading never was."""
    sums: Sums = defaultdict(Decimal)
    for row in truth:
        if row["source_id"] in never_seen:
            continue
        state = row["psa_state"]
        known = state in {"approved", "deleted", "duplicate"}
        sums[(*place(row), state if known else "not approved", None if known else state)] += Decimal(row["minutes"])
    return without_zeros(sums)


def stated(drawn: Statement, line: int, name: str, buckets: set[str] | None = None) -> Sums:
    """The parts of one line of the statement, in the same shape."""
    sums: Sums = defaultdict(Decimal)
    for one in drawn.lines:
        if one.line == line and one.name == name and one.side == "part" and (buckets is None or one.bucket in buckets):
            assert one.legal_entity is not None
            assert one.period is not None
            reason = one.reason if one.bucket in {"held", "not due", "not approved", "waiting", "refused"} else None
            sums[one.legal_entity, one.period, one.bucket, reason] += one.minutes
    return without_zeros(sums)


def without_zeros(sums: Sums) -> Sums:
    """Sums of nothing say nothing."""
    return {key: value for key, value in sums.items() if value}


def differences(told: Sums, reckoned: Sums) -> dict[Any, tuple[Decimal, Decimal]]:
    """Where two accounts differ: what the first says and what the second says."""
    zero = Decimal(0)
    return {
        key: (told.get(key, zero), reckoned.get(key, zero))
        for key in sorted(told.keys() | reckoned.keys(), key=str)
        if told.get(key, zero) != reckoned.get(key, zero)
    }
