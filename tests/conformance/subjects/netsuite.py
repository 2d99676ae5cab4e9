"""Hours that a NetSuite account can take, and what it holds under our keys; asked over its own API."""

from collections.abc import Iterator
from typing import Any

from plumbing.http import Client, json_body
from plumbing.settings import Connection
from plumbing.vendors import netsuite

SYNC = "erp_labor"
WRITE = {"method": "PUT|PATCH|DELETE", "path": "timeBill"}
BAD = {"item_ref": "999999"}
MINUTES = ("450", "360")


def _all(client: Client, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        params = {"limit": 1000, "offset": len(rows)}
        headers = {"Prefer": "transient"}
        page = json_body(client.post("query/v1/suiteql", json={"q": sql}, params=params, headers=headers, is_read=True))
        rows += page["items"]
        if not page["hasMore"]:
            return rows


def fields(connection: Connection) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Material fields and context of as many hours as are asked for."""
    with netsuite.client(connection) as client:
        person = _all(client, "SELECT id, subsidiary FROM employee ORDER BY id")[0]
        jobs = {
            row["id"]
            for row in _all(client, "SELECT id, subsidiary, entitystatus FROM job ORDER BY id")
            if row["subsidiary"] == person["subsidiary"] and row["entitystatus"] == "Open"
        }
        task = next(
            row
            for row in _all(client, "SELECT id, project, status FROM projecttask ORDER BY id")
            if row["project"] in jobs
        )
        item = _all(client, "SELECT id FROM item ORDER BY id")[0]
    for _ in range(1000):
        yield (
            {
                "employee_ref": person["id"],
                "project_ref": task["project"],
                "task_ref": task["id"],
                "item_ref": item["id"],
                "work_date": "2026-11-09",
                "minutes": MINUTES[0],
                "is_billable": True,
                "rate": "185.5",
                "currency": "USD",
            },
            {},
        )


def changed(before: dict[str, Any]) -> dict[str, Any]:
    """The same hour, edited."""
    return {**before, "minutes": MINUTES[1]}


def held(connection: Connection) -> dict[str, int]:
    """How many records stand under each of our keys."""
    with netsuite.client(connection) as client:
        rows = _all(client, "SELECT id, externalid FROM timebill ORDER BY id")
    counts: dict[str, int] = {}
    for row in rows:
        if row.get("externalid"):
            counts[row["externalid"]] = counts.get(row["externalid"], 0) + 1
    return counts
