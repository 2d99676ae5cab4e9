"""The audit chain: sealed in order, verified in one pass, and broken by any row that is not as it was."""

import threading
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.rows import dict_row

from plumbing.errors import Misconfigured
from reverse_etl import audit, plan, replay
from reverse_etl.audit import Anchor
from reverse_etl.writer import Outcome, Result
from tests.reverse_etl.tampering import TABLES, Tamperer, let_ids_be_given

pytestmark = pytest.mark.warehouse

SYNC = "erp_labor"
TRIALS = 1000
SEED = 20261125


def write_a_story(desk, hours=6):
    """Some hours planned, refused, replayed and posted: events, calls and attempts."""
    for number in range(hours):
        desk.want(str(number))
    plan(desk.settings, SYNC)
    desk.answer(desk.claim(), Outcome(Result.REFUSED, category="closed_period", message="The period is closed."))
    replay(desk.settings, sync=SYNC, actor="ann", why="reopened")
    desk.deliver()


def seal_all(settings):
    """How many rows were sealed, all that there were: on a server that others use, their older transactions hold rows back."""
    sealed, waited = audit.seal(settings), threading.Event()
    for _ in range(600):
        if audit.verify(settings).unsealed == 0:
            return sealed
        waited.wait(0.05)
        sealed += audit.seal(settings)
    raise AssertionError("rows were held back for half a minute")


@pytest.fixture
def story(desk):
    write_a_story(desk)
    seal_all(desk.settings)
    return desk


@pytest.fixture
def owner(desk):
    """The owner of the database, with triggers off."""
    with psycopg.connect(desk.settings.warehouse_url.get_secret_value(), row_factory=dict_row) as connection:
        connection.execute("set session_replication_role = replica")
        yield connection
        connection.rollback()


def event(connection, actor="test"):
    return connection.execute(
        "insert into delivery.event (actor, verb, subject) values (%s, 'told', 'sync:x') returning event_id", (actor,)
    ).fetchone()["event_id"]


def test_what_happened_is_sealed_once_and_verifies(story):
    rows = sum(
        story.connection.execute(f"select count(*) as n from delivery.{table}").fetchone()["n"] for table in TABLES
    )
    found = audit.verify(story.settings)
    assert (found.is_intact, found.sealed, found.unsealed) == (True, rows, 0)
    assert audit.seal(story.settings) == 0


def test_amended_moved_and_withdrawn_hours_verify_as_planned(desk):
    desk.want("91")
    plan(desk.settings, SYNC)
    desk.deliver()
    for change in ({"minutes": 360}, {"legal_entity": "UK", "destination": "erp_uk"}, {"desired_state": "void"}):
        desk.want("91", **change)
        plan(desk.settings, SYNC)
        for destination in ("erp", "erp_uk", "erp"):
            desk.deliver(destination)
    seal_all(desk.settings)
    found = audit.verify(desk.settings)
    assert found.is_intact, found.text()


def test_a_row_is_not_sealed_before_every_older_transaction_has_ended(desk, owner):
    url = desk.settings.warehouse_url.get_secret_value()
    with psycopg.connect(url, row_factory=dict_row) as late:
        first = event(late)
        second = event(desk.connection)  # commits at once, though it began later
        assert audit.seal(desk.settings) == 0
        assert audit.verify(desk.settings).unsealed == 1
        late.commit()
    assert seal_all(desk.settings) == 2
    order = desk.connection.execute("select row_id from delivery.seal order by position").fetchall()
    assert [row["row_id"] for row in order] == [first, second]


def test_a_rolled_back_row_leaves_no_gap_in_the_chain(desk):
    with psycopg.connect(desk.settings.warehouse_url.get_secret_value(), row_factory=dict_row) as other:
        event(other)
        other.rollback()
    event(desk.connection)
    assert seal_all(desk.settings) == 1
    assert audit.verify(desk.settings).sealed == 1


def test_sealers_side_by_side_make_one_chain(desk, monkeypatch):
    monkeypatch.setattr(audit, "BATCH", 7)
    for _ in range(200):
        event(desk.connection)
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(audit.seal(desk.settings))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 200
    assert audit.verify(desk.settings).sealed == 200


def test_a_resident_sealer_seals_what_is_committed_while_it_runs(desk, monkeypatch):
    stop = threading.Event()
    sealed: list[int] = []
    sealer = threading.Thread(target=lambda: sealed.append(audit.follow(desk.settings, stop)))
    sealer.start()
    waited = threading.Event()
    for _ in range(3):
        event(desk.connection)
        for _ in range(600):
            if audit.verify(desk.settings).unsealed == 0:
                break
            waited.wait(0.05)
        assert audit.verify(desk.settings).unsealed == 0
    stop.set()
    sealer.join()
    assert sealed == [3]


def test_the_engine_may_write_no_seal_and_nobody_changes_one(desk):
    event(desk.connection)
    seal_all(desk.settings)
    with psycopg.connect(desk.settings.warehouse_url.get_secret_value(), autocommit=True) as connection:
        for statement in ("update delivery.seal set row_id = 9", "delete from delivery.seal", "truncate delivery.seal",
                          "update delivery.event set actor = 'x'"):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        connection.execute("set role hourline_deliver")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("insert into delivery.seal values (99, 1, 1, sha256('x'))")


def test_any_one_row_edited_deleted_inserted_or_swapped_is_named(story, owner):
    """A thousand seeded trials, each by the database's owner with triggers off, each taken back."""
    assert audit.check(owner, []).is_intact
    let_ids_be_given(owner)
    for trial in range(TRIALS):
        owner.execute("savepoint trial")
        suspects = Tamperer(owner, SEED + trial).run()
        found = audit.check(owner, [])
        assert not found.is_intact, f"seed {SEED + trial}"
        assert (found.finding.kind, found.finding.row) in suspects, (
            f"seed {SEED + trial}: {found.finding}, not {suspects}"
        )
        owner.execute("rollback to savepoint trial")
    assert audit.check(owner, []).is_intact


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ('update delivery.intent set fields = fields || \'{"minutes": "481"}\' where intent_id = %s', "was edited"),
        ("update delivery.intent set contract_version = 2 where intent_id = %s", "was edited"),
        ("delete from delivery.intent where intent_id = %s", "was deleted"),
    ],
)
def test_an_intent_that_is_not_what_was_planned_is_named(story, owner, statement, what):
    number = story.intents()[2]["intent_id"]
    owner.execute(statement, (number,))
    found = audit.check(owner, []).finding
    assert (found.kind, found.row) == ("intent", str(number))
    assert what in found.what


def test_an_intent_edited_with_its_fingerprint_is_not_the_planned_one(story, owner):
    number = story.intents()[2]["intent_id"]
    owner.execute(
        'update delivery.intent set fields = fields || \'{"minutes": "481"}\' where intent_id = %s', (number,)
    )
    owner.execute(
        "update delivery.intent set fingerprint = delivery.fingerprint(contract_version, fields) where intent_id = %s",
        (number,),
    )
    found = audit.check(owner, []).finding
    assert (found.kind, found.row, "planned" in found.what) == ("intent", str(number), True)


def cut(connection, keep):
    """Cut off everything after a position, rows and seals."""
    for kind, table, key in (
        (1, "event", "event_id"),
        (2, "request", "call_id * 2 + (phase = 'answered')::integer"),
        (3, "attempt", "attempt_id"),
    ):
        connection.execute(
            f"delete from delivery.{table} where {key} in (select row_id from delivery.seal where kind = {kind} and position > {keep})"
        )
    connection.execute("delete from delivery.seal where position > %s", (keep,))


def test_a_tail_that_was_cut_off_is_seen_against_an_anchor_alone(story, owner, tmp_path):
    file = tmp_path / "anchors.txt"
    audit.keep(audit.head(story.settings), file)
    anchors = audit.read_anchors(file)
    assert audit.check(owner, anchors).anchored_to == anchors[0].position
    cut(owner, anchors[0].position - 3)
    unanchored = audit.check(owner, [])
    assert unanchored.finding is None or unanchored.finding.kind == "intent"
    found = audit.check(owner, anchors)
    assert "its end was cut off" in found.finding.what


def test_a_chain_that_was_written_anew_is_seen_against_an_anchor_alone(story, owner):
    anchor = audit.head(story.settings)
    owner.execute("update delivery.event set actor = 'nobody' where verb = 'replayed'")
    previous = audit.START
    for row in owner.execute(audit._sql("chain"), {}).fetchall():
        previous = audit.link(previous, row["position"], row["kind"], row["sealed"])
        owner.execute("update delivery.seal set hash = %s where position = %s", (previous, row["position"]))
    assert audit.check(owner, []).is_intact
    found = audit.check(owner, [anchor]).finding
    assert (found.position, "written anew" in found.what) == (anchor.position, True)


def test_an_intact_chain_says_what_it_does_not_prove(story):
    event(story.connection)
    told = audit.verify(story.settings).text()
    assert "1 rows after it are not sealed yet" in told
    assert "Not proven without an anchor" in told


@pytest.mark.parametrize(("content", "sentence"), [("", "holds no anchor"), ("hello\n", "line 1, is no anchor")])
def test_a_file_that_is_no_anchor_is_one_sentence(tmp_path, content, sentence):
    file = tmp_path / "anchors.txt"
    file.write_text(content)
    with pytest.raises(Misconfigured, match=sentence):
        audit.read_anchors(file)


def test_an_anchor_line_reads_back_as_it_was_written(tmp_path):
    anchor = Anchor(7, "ab" * 32, datetime(2026, 11, 16, 6, 0, tzinfo=UTC))
    audit.keep(anchor, tmp_path / "anchors.txt")
    assert audit.read_anchors(tmp_path / "anchors.txt") == [anchor]


def test_sealing_goes_on_where_transactions_are_numbered_anew(story, owner):
    """As after a dump was restored into another server: old rows carry numbers that lie ahead of the present ones."""
    for table in TABLES:
        owner.execute(f"update delivery.{table} set xid = (xid::text::bigint + 1000000000)::text::xid8")
    owner.execute("truncate delivery.seal")
    owner.commit()
    owner.execute("set session_replication_role = replica")
    late = owner.execute(
        "insert into delivery.event (actor, verb, subject, xid) values ('old', 'told', 'sync:x', (select (max(xid)::text::bigint + 1)::text::xid8 from delivery.event)) returning event_id"
    ).fetchone()["event_id"]
    # The old sealer had come as far as everything but that last row.
    everything = {
        "xid": "0",
        "after_1": -1,
        "after_2": -1,
        "after_3": -1,
        "event_floor": 0,
        "request_floor": 0,
        "attempt_floor": 0,
    }
    rows = owner.execute(
        audit._sql("unsealed"), {**everything, "from": "0", "to": audit._LAST_XID, "limit": 10_000}
    ).fetchall()
    kept = [row for row in rows if (row["kind"], row["row_id"]) != (1, late)]
    previous = audit.START
    for position, row in enumerate(kept, 1):
        previous = audit.link(previous, position, row["kind"], row["sealed"])
        owner.execute(
            "insert into delivery.seal values (%s, %s, %s, %s)", (position, row["kind"], row["row_id"], previous)
        )
    owner.commit()
    new = event(story.connection)
    assert seal_all(story.settings) == 2
    ends = story.connection.execute("select row_id from delivery.seal order by position desc limit 2").fetchall()
    assert [row["row_id"] for row in ends] == [new, late]
    assert audit.verify(story.settings).is_intact
    event(story.connection)
    assert seal_all(story.settings) == 1
    assert audit.verify(story.settings).is_intact
