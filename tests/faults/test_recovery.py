"""After a restore from backup nothing is made twice, and after an immediate shutdown nothing is lost."""

import signal

import pytest

from plumbing.errors import Misconfigured
from reverse_etl import plan, push, recover, recovery, replay
from tests.faults import runs
from tests.faults.client import with_destination
from tests.faults.killer import PusherPool, Stage, Watch
from tests.faults.ledger import SYNC, Wish
from tests.faults.restores import restored
from tests.faults.runs import PATIENCE, TIMING
from tests.faults.server import temporary_server

pytestmark = pytest.mark.warehouse


@pytest.fixture(scope="module")
def server():
    with temporary_server() as server:
        yield server


@pytest.mark.parametrize("temper", ["honours_keys", "looks_only"])
def test_restored_to_an_hour_ago_and_played_again_each_hour_is_there_once(server, street, temper):
    verdict, forgotten = restored(server, street, temper, seed=3, hours=12, replays=2)
    assert forgotten > 0
    assert verdict.is_clean, verdict
    # An hour deleted and made anew in the lost time has another record there than the ledger remembers: a person's.
    assert server.ledger.chains("state in ('unknown', 'held', 'refused')") <= questioned(server.ledger)
    assert verdict.parked < 6


def questioned(ledger):
    """The hours that wait for a person by an open exception which says why."""
    rows = ledger.connection.execute(
        "select chain_key from delivery.exception where closed_at is null and category in ('conflict', 'gone_by_hand')"
    )
    return {row[0] for row in rows}


def test_without_a_recovery_the_restored_ledger_would_double_hours(server, street):
    """The harness itself: the fault it looks for is there to be found."""
    verdict, forgotten = restored(server, street, "looks_only", seed=3, hours=8, replays=1, is_recovered=False)
    assert forgotten > 0
    assert verdict.duplicated > 0


def test_restored_where_nothing_can_tell_every_create_is_for_a_person(server, street):
    verdict, forgotten = restored(server, street, "neither", seed=3, hours=8, replays=1)
    assert forgotten > 0
    assert verdict.duplicated == 0
    assert verdict.parked > 0


def test_stopped_at_once_in_the_middle_of_a_push_nothing_is_lost_or_doubled(server, street):
    street.reset("looks_only")
    server.ledger.clear()
    wishes = {str(number): Wish(str(number)) for number in range(6)}
    server.ledger.want(wishes.values())
    pool = PusherPool(server.settings.home)
    for moment in (("POST done", 2), ("commit asked", 5), ("commit done", 4)):
        stage = Stage(server.ledger, pool, street)
        watch = StopServer(moment, server)
        assert stage.push("looks_only", watch, is_clock_moved=False) != 0
        assert watch.struck
        server.start()
        server.ledger.clock.advance(120)
    stage = Stage(server.ledger, pool, street)
    assert stage.push("looks_only", Watch()) == 0
    pool.close()
    server.ledger.reread_clock()
    verdict = runs.judge(server.ledger, street.account(), wishes)
    assert verdict.is_clean, verdict
    assert verdict.parked == 0


class StopServer(Watch):
    """Stops the server in place of the process."""

    def __init__(self, target, server):
        super().__init__(target, strike=signal.Signals.SIGCONT)  # harmless to the process: the server is what is struck
        self._server = server

    def _reached(self, kind: str) -> bool:
        was = self.struck
        super()._reached(kind)
        if self.struck and not was:
            self._server.stop_at_once()
        return self.struck and not was and kind.startswith("commit")


# -- the verb itself ----------------------------------------------------------------------------------------------------


def there_with(ledger, street, temper="looks_only"):
    street.reset(temper)
    ledger.clear()
    return with_destination(ledger.settings, temper, street.url)


def send(ledger, settings):
    plan(settings, SYNC)
    push(settings, SYNC, patience_seconds=PATIENCE, timing=TIMING, clock=ledger.clock)


def held_there(street, key, minutes=480):
    """A record that the ledger knows nothing of."""
    body = {"key": key, "item": "77", "minutes": str(minutes), "rate": "100", "date": "2026-10-05"}
    street.holdings.serve("POST", "/records", body)


def test_in_an_epoch_what_is_there_as_meant_is_settled_unsent(ledger, street):
    settings = there_with(ledger, street)
    held_there(street, "kantata-1-g1")
    recover(settings, actor="test", why="restored")
    ledger.want([Wish("1"), Wish("2")])
    writes = street.holdings.writes
    send(ledger, settings)
    assert street.holdings.writes == writes + 1  # only the hour that wasn't there
    assert ledger.count("state = 'acknowledged'") == 2


def test_in_an_epoch_what_is_there_otherwise_is_for_a_person(ledger, street):
    settings = there_with(ledger, street)
    held_there(street, "kantata-1-g1", minutes=30)
    recover(settings, actor="test", why="restored")
    ledger.want([Wish("1")])
    send(ledger, settings)
    assert ledger.count("state = 'unknown'") == 1
    assert len(street.holdings.records) == 1


def test_creates_planned_before_the_epoch_are_looked_up_too(ledger, street):
    settings = there_with(ledger, street)
    ledger.want([Wish("1")])
    plan(settings, SYNC)
    held_there(street, "kantata-1-g1")
    assert recover(settings, actor="test", why="restored").doubted == 1
    send(ledger, settings)
    assert len(street.holdings.records) == 1


def test_what_is_replayed_in_an_epoch_is_looked_up_too(ledger, street):
    settings = there_with(ledger, street)
    ledger.want([Wish("1")])
    plan(settings, SYNC)
    ledger.connection.execute("update delivery.intent set state = 'refused'")
    ledger.connection.execute(
        "insert into delivery.exception (intent_id, sync, category, cause, owner, message)"
        " select intent_id, sync, 'validation', 'x', 'x', 'x' from delivery.intent"
    )
    held_there(street, "kantata-1-g1")
    recover(settings, actor="test", why="restored")
    assert replay(settings, sync=SYNC, actor="test", why="mended") == 1
    send(ledger, settings)
    assert len(street.holdings.records) == 1


def test_a_create_is_looked_up_once_after_the_quiet_period_of_the_epoch(ledger, street):
    settings = there_with(ledger, street)
    recover(settings, actor="test", why="restored")
    ledger.clock.advance(TIMING.quiet_seconds)
    ledger.want([Wish("1")])
    send(ledger, settings)
    assert (street.holdings.looks, street.holdings.writes) == (1, 1)


def test_the_second_step_of_a_move_is_looked_up_when_its_turn_comes(ledger, street):
    settings = there_with(ledger, street)
    ledger.want([Wish("1")])
    send(ledger, settings)
    recover(settings, actor="test", why="restored")
    held_there(street, "kantata-1-g2")  # the lost time had moved it already
    ledger.want([Wish("1", legal_entity="UK")])
    send(ledger, settings)
    send(ledger, settings)
    assert [record["key"] for record in street.holdings.records.values()] == ["kantata-1-g2"]
    assert ledger.count("state = 'acknowledged'") == 3


def test_request_keys_of_the_lost_time_are_not_given_out_again(ledger, street):
    settings = there_with(ledger, street)
    ledger.want([Wish("1")])
    send(ledger, settings)
    recover(settings, actor="test", why="restored")
    ledger.want([Wish("1", 60)])
    send(ledger, settings)
    keys = ledger.connection.execute("select request_key from delivery.intent order by intent_id").fetchall()
    assert [key for (key,) in keys] == ["kantata-1-g1-r1-c", f"kantata-1-g1-r{recovery.REVISIONS_SKIPPED + 2}-a"]


def test_a_person_ends_an_epoch_where_nothing_can_be_read_back(ledger, street):
    settings = there_with(ledger, street)
    recover(settings, actor="test", why="restored")
    (guard,) = recovery.cover(settings).guards
    assert (guard.is_covered, guard.is_readable) == (False, False)
    assert recovery.close(settings, "erp", actor="test", why="looked there").guards == ()
    ledger.want([Wish("1")])
    send(ledger, settings)
    assert street.holdings.looks == 0
    with pytest.raises(Misconfigured, match="No recovery is under way at erp"):
        recovery.close(settings, "erp", actor="test", why="again")


def test_the_read_back_ends_an_epoch_once_it_shows_nothing_unknown(ledger, street, monkeypatch):
    settings = there_with(ledger, street)
    ledger.connection.execute("create table if not exists sync.there (vendor_id text, record_key text)")
    ledger.connection.execute("grant select on sync.there to hourline_operate")
    monkeypatch.setattr(
        recovery, "_readbacks", lambda _settings, _name: [(recovery.SYNCS[SYNC], "select * from sync.there")]
    )
    ledger.connection.execute(
        "insert into landing.resource (connection, resource, system, is_master) values ('erp', 'rows', 'x', false)"
        " on conflict do nothing"
    )
    recover(settings, actor="test", why="restored")
    assert recovery.cover(settings).guards[0].unread == ("rows",)
    ledger.connection.execute(
        "insert into landing.load (load_id, run_id, connection, resource, scope, status, read_started_at)"
        " values ('l1', 'r1', 'erp', 'rows', 'listing', 'landed', clock_timestamp())"
    )
    ledger.connection.execute("insert into sync.there values ('9', 'kantata-1-g1'), ('10', 'by hand')")
    assert recovery.cover(settings).guards[0].unknown == ("9 (kantata-1-g1)",)
    held_there(street, "kantata-1-g1")
    ledger.want([Wish("1")])
    send(ledger, settings)
    assert recovery.cover(settings).guards[0].is_covered
    assert recovery.cover(settings).guards == ()


def test_a_recovery_wants_a_reason(ledger):
    with pytest.raises(Misconfigured, match="needs a reason"):
        recover(ledger.settings, actor="test", why=" ")
