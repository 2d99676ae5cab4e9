"""Restore to an hour ago: what the ledger forgot is found at the destination, and the whole history played again doubles nothing."""

from collections.abc import Callable

from reverse_etl import plan, push, recover
from simulators.faultproxy import Mix
from tests.faults import runs
from tests.faults.client import with_destination
from tests.faults.ledger import SYNC, Wish
from tests.faults.runs import PATIENCE, TIMING, History, Verdict
from tests.faults.server import Server
from tests.faults.street import Street

BEFORE, AFTER = 2, 3  # rounds of edits before the backup and in the hour that is lost


def restored(
    server: Server, street: Street, temper: str, seed: int, hours: int, replays: int, share: float = 0.0,
    told: Callable[[str], None] = lambda _line: None, *, is_recovered: bool = True,
) -> tuple[Verdict, int]:  # fmt: skip
    """Post, back up, post on for an hour, restore, recover, and play all of it again so many times.

    Returns:
        The verdict at the end, and how many records of the lost hour the restored ledger did not know.
    """
    street.reset(temper, seed, Mix(share=share, read_share=share / 2))
    server.ledger.clear()
    settings = with_destination(server.settings, temper, street.url, batch_size=1)
    history = History(seed, hours)
    late = [Wish(f"late{number}", 60 + number) for number in range(hours // 2)]  # first seen in the hour that is lost
    steps: list[list[Wish]] = [list(history.wishes.values())]
    steps += [history.edit() for _ in range(BEFORE)]
    for step in steps:
        _post(server, settings, step)
    server.back_up()
    lost = [late, *(history.edit() for _ in range(AFTER))]
    for step in lost:
        _post(server, settings, step)
    server.ledger.clock.advance(3600)
    known = {record["key"] for record in street.holdings.records.values()}
    now = server.ledger.clock.now()
    server.restore()
    server.ledger.clock.advance((now - server.ledger.clock.now()).total_seconds())
    forgotten = known - {row[0] for row in server.ledger.connection.execute("select record_key from delivery.intent")}
    if is_recovered:
        recover(settings, actor="harness", why="restored to an hour ago")
    wishes = {**history.wishes, **{wish.source_id: wish for wish in late}}
    _post(server, settings, list(wishes.values()))  # the sources say how things are now, not how they came to be
    for number in range(replays):
        for step in (*steps, *lost):
            _post(server, settings, step)
        told(f"{temper}: played again {number + 1} times, {len(street.holdings.records):,} records there")
    runs.drain(settings, server.ledger)
    return runs.judge(server.ledger, street.account(), wishes), len(forgotten)


def _post(server: Server, settings, step: list[Wish]) -> None:
    server.ledger.want(step)
    plan(settings, SYNC)
    push(settings, SYNC, patience_seconds=PATIENCE, timing=TIMING, clock=server.ledger.clock)
