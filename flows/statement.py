"""The statement: where every hour is, by source, sync, legal entity and month, and what nothing explains.

The equations are the warehouse's (`marts.rpt_hour_conservation`, one query in one snapshot); here they are read, narrowed
and judged, never computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import dict_row

from plumbing.errors import HourlineError, Misconfigured
from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    from plumbing.settings import Settings

UNEXPLAINED, MADE_BY_HAND = 1, 3
_ZERO = Decimal(0)


class UnexplainedHours(HourlineError):  # noqa: N818  named for what was found, as the family is
    """The statement has hours, money or rows that nothing explains."""


@dataclass(frozen=True)
class Line:
    """One bucket of one equation. Hours are minutes; `amount` is in `currency`, and null where no money is involved.

    Line 1: source count = landed + quarantined. 2: landed = approved + not approved + deleted + duplicate. 3: approved =
    due + not due. 4: due = posted + awaiting effect + waiting + held + refused + in doubt + by file. 5: posted = read
    back + named differences. `unexplained_under` is missing there, `unexplained_over` too much; they are never netted.
    """

    scope: str
    name: str
    resource: str | None
    legal_entity: str | None
    destination: str | None
    period: date | None
    line: int
    side: str
    bucket: str
    reason: str | None
    owner: str | None
    since: datetime | None
    minutes: Decimal
    amount: Decimal | None
    currency: str | None
    row_count: int
    unexplained_under_minutes: Decimal
    unexplained_over_minutes: Decimal
    unexplained_under_amount: Decimal
    unexplained_over_amount: Decimal
    unexplained_rows: int
    is_made_by_hand: bool

    @property
    def is_unexplained(self) -> bool:
        """Whether anything in it is unexplained."""
        return any(
            (
                self.unexplained_under_minutes,
                self.unexplained_over_minutes,
                self.unexplained_under_amount,
                self.unexplained_over_amount,
                self.unexplained_rows,
            )
        )


@dataclass(frozen=True)
class Statement:
    """Every line, drawn in one snapshot."""

    lines: tuple[Line, ...]
    drawn_at: datetime

    @property
    def is_explained(self) -> bool:
        """Nothing is unexplained; something may have been made by hand."""
        return not any(line.is_unexplained for line in self.lines)

    @property
    def exit_code(self) -> int:
        """1 unexplained; 3 nothing unexplained, but changed, deleted or added by hand there; else 0."""
        if not self.is_explained:
            return UNEXPLAINED
        return MADE_BY_HAND if any(line.is_made_by_hand for line in self.lines) else 0

    @property
    def sentence(self) -> str:
        """The whole statement in one sentence."""
        odd = [line for line in self.lines if line.is_unexplained]
        if odd:
            under = sum((line.unexplained_under_minutes for line in odd), _ZERO) / 60
            over = sum((line.unexplained_over_minutes for line in odd), _ZERO) / 60
            rows = sum(line.unexplained_rows for line in odd)
            where = ", ".join(sorted({f"line {line.line} of {line.name}" for line in odd}))
            return (
                f"Unexplained: {under:,.2f} h missing and {over:,.2f} h too much in {rows:,} rows ({where}). "
                "`hourline reconcile --by month` shows where, `hourline trace` an hour's story."
            )
        hand = [line for line in self.lines if line.is_made_by_hand]
        if hand:
            rows = sum(line.row_count for line in hand)
            return f"Nothing is unexplained; {rows:,} rows were changed, deleted or added by hand at a destination."
        return "Every hour is accounted for."

    def require(self) -> Statement:
        """Itself, or UnexplainedHours."""
        if not self.is_explained:
            raise UnexplainedHours(self.sentence)
        return self

    def only(self, *, sync: str | None = None, legal_entity: str | None = None, month: str | None = None) -> Statement:
        """The lines of one sync, entity or work-date month (YYYY-MM)."""
        return Statement(
            tuple(
                line
                for line in self.lines
                if sync in (None, line.name)
                and legal_entity in (None, line.legal_entity)
                and (month is None or (line.period is not None and f"{line.period:%Y-%m}" == month))
            ),
            self.drawn_at,
        )


_QUERY = """
select scope, name, resource, legal_entity, destination, period, line, side, bucket, reason, owner, since,
       minutes, amount, currency, row_count,
       coalesce(unexplained_under_minutes, 0) as unexplained_under_minutes,
       coalesce(unexplained_over_minutes, 0) as unexplained_over_minutes,
       coalesce(unexplained_under_amount, 0) as unexplained_under_amount,
       coalesce(unexplained_over_amount, 0) as unexplained_over_amount,
       coalesce(unexplained_rows, 0) as unexplained_rows,
       coalesce(is_made_by_hand, false) as is_made_by_hand
from marts.rpt_hour_conservation
order by line, scope, name, legal_entity, destination, period, side desc, bucket, reason, currency
"""


def statement(settings: Settings) -> Statement:
    """Draws the statement.

    Raises:
        Misconfigured: the models are not built yet.
    """
    with (
        Warehouse.open(settings).connect("operate") as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        try:
            cursor.execute("select hourline.refresh_statistics()")
            connection.commit()
            drawn = cursor.execute("select hourline.now() as at").fetchone()
            cursor.execute(_QUERY)
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName):
            raise Misconfigured("The statement's models are not built yet.", remedy="Run `hourline build`.") from None
        assert drawn is not None  # noqa: S101  a select without from gives one row
        return Statement(tuple(Line(**row) for row in cursor.fetchall()), drawn["at"])
