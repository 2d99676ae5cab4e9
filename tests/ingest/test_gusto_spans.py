"""Payrolls are asked in spans of time; none may fall between two of them."""

from __future__ import annotations

from datetime import date, timedelta

from ingest.sources.gusto.source import LONGEST_SPAN, GustoSource
from plumbing.settings import Connection

QUARTER = timedelta(days=91)


def test_every_pay_period_of_up_to_a_quarter_lies_whole_in_some_span() -> None:
    connection = Connection("gusto", "gusto", "http://127.0.0.1:9", {"company_uuid": "1"})
    spans = [
        (date.fromisoformat(span["start_date"]), date.fromisoformat(span["end_date"]))
        for span in GustoSource(connection, None)._payroll_spans()  # type: ignore[arg-type]
    ]
    assert all(end - start <= LONGEST_SPAN for start, end in spans)
    first, last = spans[0][0], spans[-1][1]
    between = [
        day
        for day in (first + timedelta(days=number) for number in range((last - QUARTER - first).days + 1))
        if not any(start <= day and day + QUARTER <= end for start, end in spans)
    ]
    assert between == []
