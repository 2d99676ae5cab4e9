"""Days that a Gusto company can take, and what it holds under our keys; asked over its own API."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from plumbing.http import json_body
from plumbing.settings import Connection
from plumbing.vendors import gusto

SYNC = "payroll_hours"
WRITE = {"method": "POST|PUT|DELETE", "path": "time_sheets"}
BAD = {"employee_ref": "00000000-0000-0000-0000-000000000000"}


def fields(connection: Connection) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Material fields and context of as many days as are asked for."""
    company = f"v1/companies/{connection.options['company_uuid']}"
    with gusto.client(connection) as client:
        people = json_body(client.get(f"{company}/employees", params={"per": 100}))
        payrolls = json_body(
            client.get(f"{company}/payrolls", params={"processing_statuses": "unprocessed", "per": 100})
        )
    period = payrolls[0]["pay_period"]
    start = date.fromisoformat(period["start_date"])
    for number in range(1000):
        person = people[number // 14 % len(people)]
        yield (
            {
                "employee_ref": person["uuid"],
                "job_ref": person["jobs"][0]["uuid"],
                "work_date": (start + timedelta(days=number % 14)).isoformat(),
                "time_zone": "America/New_York",
                "entries": [{"classification": "Regular", "minutes": "450"}],
            },
            {
                "pay_schedule_ref": period["pay_schedule_uuid"],
                "pay_period_start": period["start_date"],
                "pay_period_end": period["end_date"],
            },
        )


def changed(before: dict[str, Any]) -> dict[str, Any]:
    """The same day, edited."""
    return {**before, "entries": [{"classification": "Regular", "minutes": "360"}]}


def held(connection: Connection) -> dict[str, int]:
    """How many records stand under each of our keys."""
    counts: dict[str, int] = {}
    with gusto.client(connection) as client:
        path, page, pages = f"v1/companies/{connection.options['company_uuid']}/time_tracking/time_sheets", 1, 1
        while page <= pages:
            answer = client.get(path, params={"page": page, "per": 100})
            pages = int(answer.headers.get("x-total-pages", 1))
            for sheet in json_body(answer):
                if key := (sheet["metadata"] or {}).get("dw_key"):
                    counts[key] = counts.get(key, 0) + 1
            page += 1
    return counts
