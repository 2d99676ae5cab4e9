"""Hours that a real Tryton can take, and what it holds under our keys; asked over its own API."""

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from plumbing.settings import Connection
from plumbing.vendors import tryton
from reverse_etl.erp.tryton.payloads import record_key_of
from tests.tryton.database import Home
from tests.tryton.firm import Size, firm
from tests.tryton.install import SERIES
from tests.tryton.server import PASSWORD, USER, serve, stop
from tests.tryton.street import TrytonStreet

SYNC = "erp_labor"
REAL = SERIES
WRITE = {"method": "POST", "path": "/rpc/"}
BAD = {"task_ref": "999999"}
MINUTES = ("450", "360")


@contextmanager
def started(series: str, postgres: str) -> Iterator[tuple[dict[str, Any], TrytonStreet]]:
    """A server of the series behind a proxy: its address as the firm's `simulators.json` writes one, and its control path."""
    home = Home(series, postgres)
    name = f"erp_{uuid.uuid4().hex[:12]}"
    ids = home.fresh(name, firm(Size()))
    running, process = serve(home, name, ids)
    street = TrytonStreet(running.url)
    yield (
        {
            "base_url": street.url,
            "options": {"database": name, "company": ids["company"]},
            "secrets": {"username": USER, "password": PASSWORD},
        },
        street,
    )
    street.close()
    stop(process)
    home.drop(name)


def fields(connection: Connection) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Material fields and context of as many hours as are asked for."""
    with tryton.client(connection) as client:
        employee = client.call("model.company.employee.search", [], 0, 1, [["id", "ASC"]])[0]
        work = client.call("model.timesheet.work.search_read", [], 0, 1, [["id", "ASC"]], ["origin"])[0]
    for _ in range(1000):
        yield (
            {
                "employee_ref": str(employee),
                "project_ref": str(work["origin"]).rpartition(",")[2],
                "task_ref": str(work["id"]),
                "item_ref": None,
                "work_date": "2026-11-09",
                "minutes": MINUTES[0],
                "is_billable": True,
                "rate": "180",
                "currency": "USD",
            },
            {},
        )


def changed(before: dict[str, Any]) -> dict[str, Any]:
    """The same hour, edited."""
    return {**before, "minutes": MINUTES[1]}


def held(connection: Connection) -> dict[str, int]:
    """How many lines stand under each of our keys."""
    with tryton.client(connection) as client:
        rows = client.call("model.timesheet.line.search_read", [], 0, None, None, ["description"])
    return dict(Counter(key for row in rows if (key := record_key_of(row["description"])) is not None))
