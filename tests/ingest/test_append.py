"""The landing statement itself, fed through the stage table by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from plumbing.warehouse import Warehouse

pytestmark = pytest.mark.warehouse
MASTER, TRANSACTIONS = "jobs", "time_entries"


@pytest.fixture
def session(warehouse: Warehouse) -> Iterator[psycopg.Connection[Any]]:
    """A loader's session on two resources of a connection that is new in every test."""
    with warehouse.connect("load", autocommit=True) as session:
        for resource, is_master in ((MASTER, True), (TRANSACTIONS, False)):
            rules = [] if is_master else [{"kind": "person_day", "key_1": "$.user", "key_2": "$.day"}]
            session.execute(
                "insert into landing.resource (connection, resource, system, is_master, work_date, neighbourhoods)"
                " values ('psa', %s, 'kantata', %s, %s, %s) on conflict do nothing",
                (resource, is_master, None if is_master else "day", json.dumps(rules)),
            )
            session.execute("select landing.ensure_raw('psa', %s)", (resource,))
            session.execute(
                f"create table if not exists stage_psa.{resource} (seq bigint, source_id text, source_version timestamptz,"
                " read_started_at timestamptz, load_id text, is_deleted boolean, content_hash text, record text)"
            )
            session.execute(f"truncate stage_psa.{resource}")
        yield session
    with warehouse.connect(None, autocommit=True) as owner:
        owner.execute(
            f"truncate raw_psa.{MASTER}, raw_psa.{TRANSACTIONS}, landing.current_record, landing.neighbourhood"
        )


def row(
    source_id: str, minutes: int, version: str, day: str = "2026-09-01", *, is_deleted: bool = False
) -> dict[str, Any]:
    record = {"id": source_id, "minutes": minutes, "day": day, "user": "7"}
    return {
        "source_id": source_id,
        "source_version": version,
        "is_deleted": is_deleted,
        "content_hash": f"{minutes} {day} {is_deleted}",
        "record": json.dumps(record),
    }


def append(session: Any, resource: str, load_id: str, read_at: str, *rows: dict[str, Any]) -> tuple[int, ...]:
    session.execute(f"truncate stage_psa.{resource}")
    for seq, one in enumerate(rows):
        session.execute(
            f"insert into stage_psa.{resource} values (%(seq)s, %(source_id)s, %(source_version)s, %(read_at)s, %(load)s,"
            " %(is_deleted)s, %(content_hash)s, %(record)s)",
            {**one, "seq": seq, "read_at": read_at, "load": load_id},
        )
    return tuple(session.execute("select * from landing.append('psa', %s, %s)", (resource, load_id)).fetchone())


def history(session: Any, resource: str, source_id: str) -> list[int]:
    found = session.execute(
        f"select (record ->> 'minutes')::int from raw_psa.{resource} where source_id = %s order by version",
        (source_id,),
    )
    return [minutes for (minutes,) in found]


def latest(session: Any, resource: str, source_id: str) -> int:
    found = session.execute(
        f"select (record ->> 'minutes')::int from raw_psa.{resource} where source_id = %s"
        " order by source_version desc, read_started_at desc, version desc limit 1",
        (source_id,),
    )
    return int(found.fetchone()[0])


def test_eight_six_eight_in_one_stage_is_three_versions_in_order(session: Any) -> None:
    rows = [row("1", 480, "2026-09-03"), row("1", 480, "2026-09-01"), row("1", 360, "2026-09-02")]
    assert append(session, TRANSACTIONS, "a", "2026-09-04", *rows) == (3, 3, 0, 0)
    assert history(session, TRANSACTIONS, "1") == [480, 360, 480]


def test_a_second_read_with_overlap_adds_nothing(session: Any) -> None:
    rows = [row("1", 480, "2026-09-01"), row("1", 360, "2026-09-02")]
    append(session, TRANSACTIONS, "a", "2026-09-04", *rows)
    assert append(session, TRANSACTIONS, "b", "2026-09-05", *rows[1:]) == (1, 0, 0, 0)


def test_a_stale_version_is_kept_once_and_never_becomes_the_latest(session: Any) -> None:
    append(session, TRANSACTIONS, "a", "2026-09-04", row("1", 480, "2026-09-03"))
    assert append(session, TRANSACTIONS, "b", "2026-09-05", row("1", 300, "2026-09-01")) == (1, 1, 1, 0)
    assert append(session, TRANSACTIONS, "c", "2026-09-06", row("1", 300, "2026-09-01")) == (1, 0, 0, 0)
    assert latest(session, TRANSACTIONS, "1") == 480


def test_an_earlier_read_that_lands_later_does_not_win_at_the_same_source_version(session: Any) -> None:
    append(session, TRANSACTIONS, "a", "2026-09-05", row("1", 480, "2026-09-03"))
    append(session, TRANSACTIONS, "b", "2026-09-04", row("1", 300, "2026-09-03"))
    assert latest(session, TRANSACTIONS, "1") == 480


def test_a_change_without_a_new_stamp_is_a_new_version(session: Any) -> None:
    append(session, TRANSACTIONS, "a", "2026-09-04", row("1", 480, "2026-09-03"))
    assert append(session, TRANSACTIONS, "b", "2026-09-05", row("1", 300, "2026-09-03"))[1] == 1
    assert latest(session, TRANSACTIONS, "1") == 300


def test_rows_of_another_load_left_in_the_stage_are_not_landed(session: Any) -> None:
    append(session, TRANSACTIONS, "a", "2026-09-04", row("1", 480, "2026-09-03"))
    counts = session.execute("select * from landing.append('psa', %s, 'b')", (TRANSACTIONS,)).fetchone()
    assert counts == (0, 0, 0, 0)


def test_master_data_keeps_its_latest_version_only_and_a_stale_one_leaves_it(session: Any) -> None:
    append(session, MASTER, "a", "2026-09-04", row("1", 1, "2026-09-01"), row("1", 2, "2026-09-03"))
    append(session, MASTER, "b", "2026-09-05", row("1", 9, "2026-09-02"))
    found = session.execute("select source_id, record ->> 'minutes', is_deleted from landing.current_record").fetchall()
    assert found == [("1", "2", False)]


def test_a_tombstone_repeats_the_last_record_and_leaves_the_neighbourhood_empty(session: Any) -> None:
    append(session, TRANSACTIONS, "a", "2026-09-04", row("1", 480, "2026-09-03"))
    session.execute("truncate stage_psa.time_entries")
    staged = session.execute(
        "select landing.stage_tombstones('psa', 'time_entries', 'b', array['1', 'unknown'], '2026-09-05')"
    ).fetchone()
    assert staged == (1,)
    assert session.execute("select * from landing.append('psa', 'time_entries', 'b')").fetchone() == (1, 1, 0, 1)
    assert history(session, TRANSACTIONS, "1") == [480, 480]
    assert session.execute("select key_1, key_2, member_ids from landing.neighbourhood").fetchall() == [
        ("7", "2026-09-01", [])
    ]
    assert session.execute("select * from landing.live('psa', 'time_entries')").fetchall() == []


def test_a_moved_record_is_taken_out_of_the_old_neighbourhood_and_put_into_the_new(session: Any) -> None:
    append(session, TRANSACTIONS, "a", "2026-09-04", row("1", 480, "2026-09-01"), row("2", 60, "2026-09-01"))
    append(session, TRANSACTIONS, "b", "2026-09-05", row("1", 480, "2026-09-02", "2026-09-09"))
    found = dict(session.execute("select key_2, member_ids from landing.neighbourhood").fetchall())
    assert found == {"2026-09-01": ["2"], "2026-09-09": ["1"]}


def test_the_loader_cannot_change_or_remove_what_landed(session: Any) -> None:
    append(session, TRANSACTIONS, "a", "2026-09-04", row("1", 480, "2026-09-01"))
    for statement in ("delete from raw_psa.time_entries", "update raw_psa.time_entries set record = '{}'"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement)


@pytest.mark.parametrize("name", ["x; drop schema landing", "Kantata", "", "a" * 51, "1a", 'a"b'])
def test_a_name_that_is_no_identifier_is_refused(session: Any, name: str) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="not a name"):
        session.execute("select landing.ensure_raw('psa', %s)", (name,))


def test_two_appends_of_one_connection_wait_for_each_other(session: Any, warehouse: Warehouse) -> None:
    with warehouse.connect("load") as other:
        append(other, TRANSACTIONS, "a", "2026-09-04", row("1", 480, "2026-09-01"))
        session.execute("set lock_timeout = '200ms'")
        began = time.monotonic()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            session.execute("select * from landing.append('psa', 'jobs', 'b')")
        assert time.monotonic() - began >= 0.2
        other.rollback()
