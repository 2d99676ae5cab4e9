"""Hours as a person reads them."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from rich.console import Console

from flows.render import statement as picture
from flows.render.figures import hours, odd_hours
from flows.statement import Line, Statement

ZERO = Decimal(0)
SEEN = Line(
    "sync", "erp_labor", None, "US", "netsuite", date(2026, 10, 1), 5, "part", "read back", None, None, None,
    Decimal(540), Decimal("900.00"), "USD", 9, ZERO, ZERO, ZERO, ZERO, 0, False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("minutes", "text"),
    [("72270", "1,204.50"), ("-480", "−8.00"), ("0", "–"), ("-0.2", "–"), ("0.6", "0.01"), (None, "")],
)
def test_hours_have_two_decimals_and_no_signed_zero(minutes: str | None, text: str) -> None:
    assert hours(None if minutes is None else Decimal(minutes)) == text


@pytest.mark.parametrize(("minutes", "text"), [("0", "–"), ("0.000001", "< 0.01"), ("90", "1.50")])
def test_the_least_unexplained_part_never_reads_like_zero(minutes: str, text: str) -> None:
    assert odd_hours(Decimal(minutes)) == text


def test_line_5_adds_up_as_it_is_read_with_foreign_hours_positive() -> None:
    lines = (
        replace(SEEN, side="total", bucket="posted", minutes=Decimal(480)),
        SEEN,
        replace(SEEN, bucket="foreign row", minutes=Decimal(-90), amount=Decimal("-150.00"), row_count=1),
        replace(SEEN, bucket="gone by hand there", minutes=Decimal(30), amount=Decimal("50.00"), row_count=1),
    )
    page = io.StringIO()
    Console(width=150, file=page).print(picture.picture(Statement(lines, datetime(2026, 11, 16, tzinfo=UTC))))
    shown = [line.split() for line in page.getvalue().splitlines()]
    assert ["netsuite", "US", "9.00", "8.00", "−0.50", "1.50", "–"] in shown
    assert ["erp_labor", "netsuite", "foreign", "row", "1", "1.50", "$150.00"] in shown
