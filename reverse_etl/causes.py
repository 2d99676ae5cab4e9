"""The exception queue: what has to be mended, once for each cause, and the rows that wait for it.

A cause is one thing that is wrong: 4,000 rows refused for one closed period are one cause. It is named by the database when
an exception is written (docs/decisions/0304-causes-are-named-by-the-ledger.md); here it is only read. Rows are streamed, so
that 100,000 of them cost no more memory than a few.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from reverse_etl import destinations, outcomes, statements
from reverse_etl.report import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime, timedelta

    from plumbing.settings import Settings

STREAMED_ROWS = 2000  # rows fetched at a time

# What to do, by cause or category: one sentence each. Where none fits, the example of the cause says what was answered.
_TO_DO = {
    "closed_period": "Reopen the period there, or let the hours go to the next one; then replay.",
    "period closed": "Reopen the period there; the next plan lets the hours go by itself.",
    "invalid_reference": "Make or mend the record that it names, there or in the matching rules; then replay.",
    "validation": "Mend the field that it names, in the source or the field map; land, build, then replay.",
    "permission": "Give the integration's role the right it lacks; then replay.",
    "locked": "Unlock the record there, or correct it there by hand; then replay.",
    "rejected_there": "Ask who rejected it there; correct the hours in the source, or approve them there and replay.",
    outcomes.DEAD_LETTER: "See that the destination is well again; then replay.",
    outcomes.GONE_BY_HAND: "Somebody deleted it there: withdraw the hour in the source, or have it entered there again.",
    outcomes.CONFLICT: "Look at the record there and decide whose it is; nothing is sent by itself.",
    outcomes.OUTCOME_UNKNOWN: "Look there whether it arrived, and decide; nothing is sent by itself.",
    "integrity": "Find out why the row left the sync view; nothing is taken back meanwhile.",
    "mass change": "Look at the plan, then approve it or mend its cause: `hourline plan --approve`.",
    "batch held": "Look at what the door says, then approve the plan or mend its cause.",
}
_BY_RULE = "Mend it where it arose; the next plan lets the hours go by itself."
_BY_HAND = "Mend what the message names; then replay."


@dataclass(frozen=True)
class Cause:
    """One thing to mend, with what waits for it.

    Attributes:
        cause_key: its name, for ``--cause``; the same wherever the same thing is wrong.
        subject_kind, subject: what is wrong: ``period`` ``2026-10``, ``employee`` ``101``; ``none`` and empty where it is nothing
            smaller than the cause itself.
        money: per currency, never added up; empty where no money is involved.
        due_at: by the rule of its category; None if policy leaves no business hours at all.
        under_way: rows that were replayed and are not settled yet.
        replayable: rows that a replay would send.
        example: what was said of its first row.
    """

    cause_key: str
    sync: str
    destination: str | None
    category: str
    cause: str
    subject_kind: str
    subject: str
    owner: str
    example: str
    exceptions: int
    minutes: Decimal
    money: dict[str, Decimal]
    first_seen_at: datetime
    last_seen_at: datetime
    age: timedelta
    due_at: datetime | None
    is_overdue: bool | None
    under_way: int
    replayable: int

    @property
    def to_do(self) -> str:
        """What its owner does about it, one sentence."""
        known = _TO_DO.get(self.cause) or _TO_DO.get(self.category)
        return known or (_BY_RULE if self.category == "held" and not self.replayable else _BY_HAND)

    def as_dict(self) -> dict[str, Any]:
        """Plain values; the age in whole seconds."""
        told = {**asdict(self), "age": int(self.age.total_seconds()), "to_do": self.to_do}
        return dict(plain(told))


@dataclass(frozen=True)
class ExceptionRow:
    """One exception: what, whose, how much, since when."""

    exception_id: int
    cause_key: str
    intent_id: int | None
    sync: str
    destination: str | None
    source_system: str | None
    source_id: str | None
    category: str
    cause: str
    subject_kind: str
    subject: str
    owner: str
    message: str
    money: Decimal | None
    currency: str | None
    minutes: Decimal | None
    legal_entity: str | None
    period: date | None
    work_date: date | None
    state: str | None
    opened_at: datetime
    last_seen_at: datetime
    closed_at: datetime | None
    closed_reason: str | None
    replay_count: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(plain(asdict(self)))


def causes(
    settings: Settings, *, sync: str | None = None, cause: str | None = None, owner: str | None = None
) -> list[Cause]:
    """Every cause with an open exception, overdue ones first, then by hours.

    Args:
        cause: a cause's key, or the words of a cause (which may stand in several, one a period say).
    """
    engine = destinations.engine(settings, "operate")
    bound = {"sync": sync, "cause": cause, "owner": owner}
    try:
        with engine.connect() as connection:
            rows = connection.execute(sa.text(statements.named("causes")["list_causes"]), bound).mappings()
            return [_cause(row) for row in rows]
    finally:
        engine.dispose()


def exceptions(
    settings: Settings,
    *,
    sync: str | None = None,
    cause: str | None = None,
    owner: str | None = None,
    open_only: bool = True,
) -> Iterator[ExceptionRow]:
    """Exceptions, oldest first, streamed; ``cause`` as in `causes`."""
    engine = destinations.engine(settings, "operate")
    bound = {"sync": sync, "cause": cause, "owner": owner, "open_only": open_only}
    try:
        with engine.connect().execution_options(stream_results=True, max_row_buffer=STREAMED_ROWS) as connection:
            for row in connection.execute(sa.text(statements.named("causes")["list_exceptions"]), bound).mappings():
                yield ExceptionRow(**row)
    finally:
        engine.dispose()


def _cause(row: sa.RowMapping) -> Cause:
    given = dict(row)
    given["money"] = {currency: Decimal(amount) for currency, amount in sorted(given["money"].items())}
    return Cause(**given)
