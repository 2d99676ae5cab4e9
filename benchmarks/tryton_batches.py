"""A real Tryton of each series, the one vendor here that takes many records a call: records and requests a second, in batches and one by one.

The writer's own batches against batches of one, in turn on one server, with the connections that its account allows; the ledger
is durable as ever, Tryton and its PostgreSQL share the machine with the pusher. Afterwards Tryton itself is asked what stands
there: an hour that is lost or doubled is an error. The databases are those of `python -m tests.tryton`, made where they are missing.

``python -m benchmarks.tryton_batches [RECORDS] [ROUNDS]``
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace

import reverse_etl
from benchmarks import _desk
from benchmarks._ending import broken
from plumbing import embedded
from plumbing.postmaster import running as is_running
from plumbing.settings import Settings
from reverse_etl.erp.tryton import payloads
from reverse_etl.erp.tryton.writer import BATCH_SIZE, Writer
from tests.fixtures.ledger import Desk
from tests.fixtures.tryton import Erp, serving
from tests.tryton.database import own_postgres
from tests.tryton.install import CACHE, SERIES

SYNC = "erp_labor"
DAY = "2026-11-09"
SIZES = (BATCH_SIZE, 1)


@dataclass
class Speed:
    """Of each round, what it took."""

    records: list[float] = field(default_factory=list)
    requests: list[float] = field(default_factory=list)

    def line(self, size: int) -> str:
        name = f"  {size} a request" if size > 1 else "  one a request"
        records, requests = (statistics.median(values) for values in (self.records, self.requests))
        return f"{name:<18}{records:>8,.0f} records/s{requests:>8,.1f} requests/s"


def plan(settings: Settings, desk: Desk, erp: Erp, count: int) -> None:
    """So many new hours, planned."""
    desk.clear()
    desk.connection.execute("insert into rule.policy (name, legal_entity, value) values ('mass_change_share', '', 1)")
    desk.serial += 1
    fields = {
        "employee_ref": str(erp.ids["employees"]["E00101"]),
        "project_ref": str(erp.ids["projects"]["P1001"]["id"]),
        "task_ref": str(erp.task("P1001")["work"]),
        "item_ref": None,
        "work_date": DAY,
        "minutes": "480",
        "is_billable": True,
        "rate": erp.task("P1001")["rate"],
        "currency": "USD",
    }
    context = {"destination_state": "unbilled", "period_closed": False}
    with desk.connection.transaction():
        for number in range(count):
            desk.want_exactly(f"-{number}", fields=fields, context=context, destination="tryton", work_date=DAY)
    reverse_etl.plan(settings, SYNC)


def push(settings: Settings, desk: Desk, count: int, size: int, speed: Speed) -> None:
    """Everything planned, in batches of a size."""
    Writer.capabilities = replace(Writer.capabilities, batch_size=size)
    began = time.perf_counter()
    (report,) = reverse_etl.push(settings, SYNC, "tryton", patience_seconds=0)
    took = time.perf_counter() - began
    if report.counts != {"acknowledged": count}:
        broken(f"{count} hours were to be sent; what became of them: {dict(report.counts)} {report.stopped or ''}")
    row = desk.connection.execute(
        "select sum(jsonb_array_length(http_calls)) as number from delivery.request where phase = 'answered'"
    ).fetchone()
    assert row is not None
    speed.records.append(count / took)
    speed.requests.append(int(row["number"]) / took)


def require_once_each(desk: Desk, erp: Erp, count: int) -> None:
    """End here unless Tryton holds every hour of this run once."""
    ours = ["description", "like", f"hourline kantata-{desk.run}-%"]
    lines = erp.person().call("model.timesheet.line.search_read", [ours], 0, None, None, ["description"])
    held = Counter(payloads.record_key_of(line["description"]) for line in lines)
    if len(held) != count or set(held.values()) != {1}:
        broken(f"{len(held)} of {count} hours stand there, {sum(number > 1 for number in held.values())} of them twice")


def measure(desk: Desk, series: str, count: int, rounds: int) -> None:
    with serving(series, own_postgres()) as server:
        erp = server.fresh()
        connected = replace(desk.settings, connections={"tryton": erp.connection()})
        speeds = {size: Speed() for size in SIZES}
        for number in range(rounds + 1):
            for size, speed in speeds.items():
                plan(connected, desk, erp, count)
                push(connected, desk, count, size, Speed() if number == 0 else speed)  # the first round warms both
        require_once_each(desk, erp, count * len(SIZES) * (rounds + 1))
        for person in erp.people:
            person.close()
        erp.home.drop(erp.running.database)
    print(f"Tryton {series}")
    for size, speed in speeds.items():
        print(speed.line(size))
    ratio = statistics.median(
        many / one for many, one in zip(speeds[BATCH_SIZE].records, speeds[1].records, strict=True)
    )
    print(f"  in batches {ratio:.1f} times as many records a second; every record there once")


def main() -> None:
    given = sys.argv[1:]
    count, rounds = (int(value) for value in (*given, *("500", "3")[len(given) :])[:2])
    was_up = is_running(CACHE / "postgres") is not None
    try:
        with _desk.opened() as desk:
            for series in SERIES:
                measure(desk, series, count, rounds)
    finally:
        if not was_up:
            embedded.stop(CACHE / "postgres")


if __name__ == "__main__":
    main()
