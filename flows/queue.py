"""The exception queue as people read it: by cause, with owner, hours, money and age; and its replay."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from plumbing.errors import Misconfigured
from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plumbing.settings import Settings


@dataclass(frozen=True)
class Row:
    """One open exception."""

    exception_id: int
    intent_id: int | None
    sync: str
    destination: str | None
    source_system: str | None
    source_id: str | None
    category: str
    cause: str
    owner: str
    message: str
    state: str | None
    legal_entity: str | None
    work_date: date | None
    minutes: Decimal | None
    money: Decimal | None
    currency: str | None
    opened_at: datetime
    replay_count: int


@dataclass
class Cause:
    """Every open exception of one cause at one sync: one notification, not one a row."""

    sync: str
    category: str
    cause: str
    owner: str
    rows: int = 0
    minutes: Decimal = Decimal(0)
    money: dict[str, Decimal] = field(default_factory=dict)
    since: datetime | None = None
    example: str = ""


_OPEN = """
select exception_id, intent_id, sync, destination, source_system, source_id, category, cause, owner, message, state,
       legal_entity, work_date, minutes, money, currency, opened_at, replay_count
from delivery.ops_exceptions
where is_open
  and (%(sync)s::text is null or sync = %(sync)s)
  and (%(cause)s::text is null or cause = %(cause)s)
  and (%(owner)s::text is null or owner = %(owner)s)
order by sync, cause, exception_id
"""


def open_exceptions(
    settings: Settings, *, sync: str | None = None, cause: str | None = None, owner: str | None = None
) -> list[Row]:
    """Everything that waits for a person, one row an exception."""
    with (
        Warehouse.open(settings).connect("operate") as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        cursor.execute(_OPEN, {"sync": sync, "cause": cause, "owner": owner})
        return [Row(**row) for row in cursor.fetchall()]


def by_cause(rows: Iterable[Row]) -> list[Cause]:
    """One line a cause and sync, the weightiest first."""
    causes: dict[tuple[str, str, str], Cause] = {}
    for row in rows:
        key = (row.sync, row.category, row.cause)
        one = causes.setdefault(key, Cause(row.sync, row.category, row.cause, row.owner, example=row.message))
        one.rows += 1
        one.minutes += row.minutes or Decimal(0)
        if row.money is not None and row.currency:
            one.money[row.currency] = one.money.get(row.currency, Decimal(0)) + row.money
        one.since = min(filter(None, (one.since, row.opened_at)))
    return sorted(causes.values(), key=lambda one: (-one.minutes, one.sync, one.cause))


def replay(
    settings: Settings, exception_ids: Sequence[int] = (), *, cause: str | None = None, sync: str | None = None,
    period: str | None = None, who: str, why: str,
) -> int:  # fmt: skip
    """Puts corrected exceptions back to planned, with who corrected what; returns how many."""
    import reverse_etl

    chosen: dict[str, Any] = {"cause": cause, "sync": sync, "period": month(period)}
    return reverse_etl.replay(
        settings, exception_ids=list(exception_ids) or None, actor=who, why=why,
        **{name: value for name, value in chosen.items() if value is not None},
    )  # fmt: skip


def month(period: str | None) -> date | None:
    """The first day of a month written as YYYY-MM."""
    if period is None:
        return None
    try:
        return date.fromisoformat(f"{period}-01")
    except ValueError:
        raise Misconfigured(f"{period!r} is no month.", remedy="Write it as YYYY-MM.") from None
